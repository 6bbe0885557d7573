"""Healthy servers stay silent at warning and above, however busy they are."""

from __future__ import annotations

import asyncio

from tests.conftest import Database
from tests.database.desk import desk, loud, unchecked
from tests.database.faults import Faults
from tests.servers import ServerFactory

LOAD_S = 5


async def test_a_fresh_server_right_after_its_start(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18)
    try:
        async with desk(server.conninfo()) as work:
            report = await work.triage()
            assert (loud(report), unchecked(report)) == ([], set())
            server.restart()
            assert loud(await work.triage()) == []
    finally:
        server.destroy()


async def test_plain_idle_sessions_are_nobodys_business(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        for _ in range(10):
            await (await faults.session("pool")).execute("SELECT 1")
        assert loud(await work.triage()) == []


async def test_a_busy_pgbench_with_more_clients_than_branches(database: Database) -> None:
    """Every client waits for the same row most of the time, and every wait is over in a moment."""
    async with desk(database.conninfo()) as work:
        await _pgbench(database, "-i", "-q", "-s", "1")
        load = asyncio.create_task(_pgbench(database, "-n", "-c", "12", "-j", "2", "-T", str(LOAD_S)))
        sweeps = 0
        while not load.done():
            report = await work.triage()
            assert loud(report) == []
            assert unchecked(report) == set()
            sweeps += 1
        await load
        assert sweeps >= 3
        assert loud(await work.triage()) == []


async def _pgbench(database: Database, *options: str) -> None:
    program = database.server.binaries.directory / "pgbench"
    server = database.server
    process = await asyncio.create_subprocess_exec(
        str(program), *options, "-h", str(server.base), "-p", str(server.port), "-U", "postgres", database.name,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
