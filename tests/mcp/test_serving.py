"""`helpdesk mcp serve` and the SDK's own client: our reads, through the executor, policy and log."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, Implementation, TextContent

from agents.governance import policy_file
from agents.log import EventLog
from inventory.paths import config_dir
from inventory.registry import default_path
from inventory.toml_file import write_text, write_toml
from tests.conftest import Database


@asynccontextmanager
async def client_of(*arguments: str) -> AsyncIterator[Client]:
    env = {name: value for name, value in os.environ.items() if name.startswith("HELPDESK_")}
    command = ["-m", "helpdesk_tui", "mcp", "serve", *arguments]
    server = StdioServerParameters(
        command=sys.executable, args=command, env=env, cwd=Path(__file__).parents[2]
    )
    me = Implementation(name="a client \x1b[2J", version="1")
    async with Client(server, client_info=me, read_timeout_seconds=60) as client:
        yield client


def told(result: CallToolResult) -> Any:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text if result.is_error else json.loads(block.text)


async def test_another_client_reads_and_diagnoses_and_changes_nothing(database18: Database) -> None:
    name = f"shop-{secrets.token_hex(3)}"
    write_toml(default_path(), {"databases": {name: {"dsn": database18.conninfo()}}})
    write_text(
        policy_file.policy_path(),
        policy_file.STARTER
        + """
        [[rules]]
        name = "no-uptime"
        comment = "that is nobody's business"
        effect = "deny"
        tools = ["uptime"]
        principals = ["mcp:*"]
        """,
    )
    write_text(config_dir() / "models.toml", "[privacy]\nidentifiers = false\n")
    planted = f"Zq{secrets.token_hex(6)}"
    with psycopg.connect(database18.conninfo(), application_name=f"app-{name}") as held:
        held.execute(f"SELECT 1 /* ALTER ROLE x PASSWORD '{planted}' */".encode())
        async with client_of() as client:
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert {"triage", "conditions", "sessions"} <= listed.keys()
            assert not listed.keys() & {"terminate_session", "cancel_query", "set_setting", "run_sql"}
            assert listed["sessions"].input_schema["required"] == ["target"]
            report = told(
                await client.call_tool("triage", {"target": name, "only": ["lock"], "interval": 0.1})
            )
            assert report["schema"] == "helpdesk.triage/1" and name not in json.dumps(report)
            # Names stay here; the placeholder of one stands for it.
            hidden = report["target"]["name"]
            assert hidden.startswith("name_")
            sessions = told(await client.call_tool("sessions", {"target": hidden}))
            column = sessions["columns"].index("application")
            applications = [row[column] for row in sessions["rows"]]
            assert f"app-{name}" not in json.dumps(sessions)
            assert "ALTER ROLE" in json.dumps(sessions) and planted not in json.dumps(sessions)
            assert [one for one in applications if one and one.startswith("name_")]
            (waiting,) = [
                one
                for one in told(await client.call_tool("conditions", {}))
                if one["id"] == "lock.blocking_tree"
            ]
            full = told(await client.call_tool("conditions", {"id": waiting["id"]}))
            assert full["title"] == waiting["title"] and full["remedies"]
            for tool, arguments, why in (
                ("sessions", {"target": name, "more": 1}, "more"),
                ("sessions", {"target": database18.conninfo()}, "expected a name of the inventory"),
                ("sessions", {}, "expected a name of the inventory"),
                ("terminate_session", {"target": name, "pid": 1}, "there is no tool"),
                ("triage", {"target": name, "only": 7}, "only"),
                ("uptime", {"target": name}, "that is nobody's business"),
            ):
                refused = await client.call_tool(tool, arguments)
                assert refused.is_error and why in told(refused), (tool, arguments)
    with EventLog.open() as log:
        (session,) = log.sessions()
        events = [item.event for item in log.events(session.id)]
    called = [event.body["tool"] for event in events if event.kind == "tool.called"]
    assert called[-1] == "sessions"
    assert {event.principal for event in events if event.kind == "session.opened"} == {"mcp:a-client-2J"}
    (kept,) = [
        event.body["evidence"]
        for event in events
        if event.kind == "evidence" and event.body["evidence"]["id"] == sessions["id"]
    ]
    assert f"app-{name}" in [row[column] for row in kept["rows"]]
    assert "uptime" in [event.body["tool"] for event in events if event.kind == "tool.refused"]
