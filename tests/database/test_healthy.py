"""Healthy servers stay silent at warning and above, however busy they are."""

from __future__ import annotations

import asyncio

from tests.conftest import Database
from tests.database.desk import desk, loud, unchecked
from tests.database.faults import Faults
from tests.pairs import until
from tests.servers import ServerFactory

LONGEST_S = 600
SWEEPS = 5


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
        assert await (await _pgbench(database, "-i", "-q", "-s", "1")).wait() == 0
        load = await _pgbench(database, "-n", "-c", "12", "-j", "2", "-T", str(LONGEST_S))
        try:
            waiting = (
                "SELECT count(*) > 2 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
            )
            await asyncio.to_thread(until, database.server, waiting, database.name)
            for _ in range(SWEEPS):
                report = await work.triage()
                assert loud(report) == []
                assert unchecked(report) == set()
            assert load.returncode is None
        finally:
            load.terminate()
            await load.wait()
        assert loud(await work.triage()) == []


async def _pgbench(database: Database, *options: str) -> asyncio.subprocess.Process:
    server = database.server
    return await asyncio.create_subprocess_exec(
        str(server.binaries.directory / "pgbench"), *options,
        "-h", str(server.base), "-p", str(server.port), "-U", "postgres", database.name,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
