"""What the suite's tools start as processes: run under strace by `test_no_shell.py`, on the server of argv[1]."""

from __future__ import annotations

import asyncio
import shlex
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from agents.database.reading import ReadFailed
from agents.kernel.tool import Refused
from agents.mcp.stdio import process_streams
from agents.protocol.host import LocalHost
from helpdesk_tui.cli import main
from helpdesk_tui.demo.embedded import EmbeddedServer
from helpdesk_tui.editor import written
from inventory.errors import UserError
from inventory.secrets import SecretRef, read_secret
from tests.database.desk import desk

HOSTILE = "$(touch made) `touch made`; touch made -- --help"
"""A name that a shell, or a program that takes it for an option, would obey."""
ARGUMENTS = {
    "run_sql": {"statement": "SELECT '$(touch made)'"},
    "plan_of_statement": {"statement": "SELECT 1 -- `touch made`"},
    "top_statements": {"seconds": 0.1},
}
SLOW = ("wait_profile",)
"""Reads that only repeat a statement for seconds."""


async def tools(conninfo: str) -> None:
    """Every read that needs no name, and a change of a table with a hostile one."""
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE TABLE {} (id int)").format(sql.Identifier(HOSTILE)))
    async with desk(conninfo) as work:
        for tool in work.expert.tools.values():
            if tool.run is None or tool.name in SLOW:
                continue
            if tool.parameters["required"] and tool.name not in ARGUMENTS:
                continue
            with suppress(Refused, ReadFailed, UserError):
                request = {"kind": "tool", "tool": tool.name, "arguments": ARGUMENTS.get(tool.name, {})}
                await work.ask(request)
        quoted = '"' + HOSTILE + '"'
        done = await work.approve(await work.propose("analyze_table", {"relation": f"public.{quoted}"}))
        assert done.body["verified"], done.body


async def servers_and_experts(place: Path) -> None:
    """An MCP server whose arguments are hostile, and the process of the experts."""
    lost = asyncio.Event()
    words = (sys.executable, "-c", "import sys; open(sys.argv[2], 'w').write(sys.argv[1])", HOSTILE)
    async with process_streams((*words, str(place / "argument")), {}, None, place / "stderr", lost):
        await lost.wait()
    assert (place / "argument").read_text() == HOSTILE
    host = LocalHost(["database"])
    await host.start()
    await host.stop()


def everything(conninfo: str, place: Path) -> None:
    asyncio.run(tools(conninfo))
    assert main(["bundle", "create", "-o", str(place / "case.tar.gz")]) == 0
    assert main(["doctor"]) in (0, 1)
    words = (sys.executable, "-c", "import sys; print(sys.argv[1])", HOSTILE)
    assert read_secret(SecretRef("command", words[0], argv=words)) == HOSTILE
    editor = shlex.join(
        (sys.executable, "-c", "import sys; open(sys.argv[2], 'w').write(sys.argv[1])", HOSTILE)
    )
    assert written("", {"EDITOR": editor}) == HOSTILE
    asyncio.run(servers_and_experts(place))
    with EmbeddedServer.create(18):
        pass


if __name__ == "__main__":
    everything(sys.argv[1], Path(sys.argv[2]))
