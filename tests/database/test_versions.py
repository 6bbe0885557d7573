"""PostgreSQL 14 and 17: every statement has a variant that they run, and an incident is named as on the others."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import psycopg
import pytest

from helpdesk_tui.demo.embedded import EmbeddedServer
from tests import servers
from tests.conftest import Database, make_database
from tests.database.desk import desk, loud, only, unchecked
from tests.database.faults import Faults
from tests.servers import ServerFactory

MISSING = pytest.param(0, marks=pytest.mark.skip(reason="no PostgreSQL 14 and 17 here: make servers"))


@pytest.fixture(scope="module", params=[*servers.FETCHED] or [MISSING], ids=lambda major: f"pg{major}")
def server(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    server = server_factory.fresh(
        request.param,
        shared_preload_libraries="pg_stat_statements",
        track_io_timing="on",
        wal_level="logical",
    )
    yield server
    server.destroy()


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[Database]:
    yield from make_database(server)


async def test_every_condition_is_checked_on_a_healthy_server(database: Database) -> None:
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION pg_stat_statements")
    async with desk(database.conninfo()) as work, asyncio.timeout(60):
        # The counters of a server this young are begun one after the other, which looks like a reset.
        while unchecked(report := await work.triage()):
            await asyncio.sleep(0.1)
        age_of_the_version = {"version.outdated"}
        assert {condition for condition, _ in loud(report)} <= age_of_the_version
        assert report.server["version_num"] // 10000 == database.server.binaries.major


async def test_an_incident_is_named_and_put_right(database: Database) -> None:
    index = f"u_{secrets.token_hex(3)}"
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.invalid_unique_index(index)
        root, waiters = await faults.chain(3)
        report = await work.triage()
        tree, broken = only(report, "lock.blocking_tree"), only(report, "index.invalid")
        assert (tree.subject["pid"], set(tree.subject["waiters"])) == (root, set(waiters))
        assert broken.subject["index"] == f"public.{index}"
        assert (await work.remedy(tree))["verified"] is True
        assert (await work.remedy(broken, 1))["verified"] is True
        after = {one.condition for one in (await work.triage()).findings}
        assert not after & {"lock.blocking_tree", "index.invalid"}
