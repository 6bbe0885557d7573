"""What goes over the line to a server: single statements of the allow-list, and nothing with data in its text."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

import agents.database
from agents.database.reading import FIND_EXTENSION, ReadFailed
from agents.database.statement import parse_statement
from agents.kernel import targets
from agents.kernel.tool import Refused, Tool
from inventory.errors import UserError
from tests.conftest import Database
from tests.database.desk import Desk, desk
from tests.database.wiretap import tapped

OURS = {
    *("BEGIN", "COMMIT", "ROLLBACK", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
    *("SET LOCAL plan_cache_mode = force_generic_plan", "DEALLOCATE helpdesk_plan"),
}
"""What the simple protocol may carry, which takes several statements at once, besides figures."""
FIGURES = re.compile(r'SET LOCAL statement_timeout = \d+|(?:SAVEPOINT|RELEASE) "_pg3_\d+"')
SLOW = {"wait_profile"}
"""Repeats a statement for seconds."""
TYPED = {
    "run_sql": {"statement": "SELECT '{mark}' AS mark"},
    "plan_of_statement": {"statement": "SELECT $1 AS {mark}"},
    "top_statements": {"seconds": 0.1},
}
"""Reads that want more than names."""


async def test_named_statements_go_one_at_a_time_and_data_beside_them(database18: Database) -> None:
    mark = f"mark_{secrets.token_hex(4)}"
    name = f"{mark}'; SELECT 1; --"
    with psycopg.connect(database18.conninfo(), autocommit=True, application_name=mark) as admin:
        admin.execute(
            sql.SQL("CREATE TABLE {} (id int) WITH (autovacuum_enabled = off)").format(sql.Identifier(name))
        )
        async with tapped(database18) as tap, desk(tap.conninfo) as work:
            await work.triage()
            for tool in work.expert.tools.values():
                if tool.run and tool.name not in {*SLOW, *TYPED} and not work.read_so_far(tool.name):
                    await ask(work, tool.name, _named(tool, name))
            assert len(set(tap.extended)) > 50
            allowed = list(_allowed())
            assert not {one for one in tap.extended if not any(known.fullmatch(one) for known in allowed)}
            targets.tell(replace(targets.find(work.target), monitor_role="pg_monitor"))
            for typed, arguments in TYPED.items():
                await ask(work, typed, {key: _marked(value, mark) for key, value in arguments.items()})
            done = await work.approve(
                await work.propose("enable_autovacuum", {"relation": f'public."{name}"'})
            )
            assert done.body["verified"], done.body
    assert any(mark in one for one in tap.extended)
    assert not {one for one in tap.simple if not (one in OURS or FIGURES.fullmatch(one))}


async def ask(work: Desk, tool: str, arguments: Mapping[str, Any]) -> None:
    with suppress(Refused, ReadFailed, UserError):
        await work.ask({"kind": "tool", "tool": tool, "arguments": arguments})


def _named(tool: Tool, name: str) -> dict[str, Any]:
    """Arguments that are asked for: the hostile name where it is a text, a number else."""
    kinds = {key: tool.parameters["properties"][key]["type"] for key in tool.parameters["required"]}
    return {key: name if kind == "string" else 1 for key, kind in kinds.items()}


def _marked(value: Any, mark: str) -> Any:
    return value.format(mark=mark) if isinstance(value, str) else value


def _allowed() -> Iterator[re.Pattern[str]]:
    """Every named statement as it looks on the line: a number for each parameter, the schema of its extension."""
    for path in Path(agents.database.__path__[0]).rglob("sql/*.sql"):
        for variant in parse_statement(path.stem, path.read_text()).variants:
            yield _on_the_line(variant.sql)
    yield _on_the_line(FIND_EXTENSION)


def _on_the_line(statement: str) -> re.Pattern[str]:
    parts = re.split(r"%\(\w+\)s|%s|\{extension\}", statement.replace("%%", "%"))
    return re.compile(r'(?:\$\d+|[\w"]+)'.join(map(re.escape, parts)))
