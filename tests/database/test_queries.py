"""Statements that take the time, vary, flip or spill; the cache, parallel workers and rollbacks."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import psycopg
import pytest

from helpdesk_tui.demo.embedded import EmbeddedServer
from tests.conftest import Database, make_database
from tests.database import faults_schema as faults
from tests.database.desk import desk, loud, only
from tests.servers import AVAILABLE, ServerFactory

EXTENSION = "pg_stat_statements"


@pytest.fixture
def counted(server_factory: ServerFactory) -> Iterator[Database]:
    """A database with pg_stat_statements, on the one server that has its files."""
    if 15 not in AVAILABLE:
        pytest.skip("no server here has pg_stat_statements")
    for database in make_database(server_factory.shared(15)):
        faults.extension(database.conninfo(), EXTENSION)
        yield database


async def test_whether_statements_are_counted(database: Database) -> None:
    async with desk(database.conninfo()) as work:
        report = await work.triage(only="pgss")
        finding = only(report, "pgss.unavailable")
        assert (finding.severity, finding.subject["installed_version"]) == ("info", None)
        asides = {item.condition: item for item in (await work.triage(only="query")).not_checked}
        assert f"{EXTENSION} is not installed" in asides["query.top_total"].reason
        if faults.extension(database.conninfo(), EXTENSION):
            assert loud(await work.triage(only="pgss")) == []
            assert [
                one.title for one in (await work.triage(only="pgss")).findings if "not available" in one.title
            ] == []


async def test_the_statement_that_takes_the_time(counted: Database) -> None:
    with psycopg.connect(counted.conninfo(), autocommit=True) as session:
        for _ in range(3):
            session.execute("SELECT pg_sleep(0.4), 'needle'")
    async with desk(counted.conninfo()) as work:
        limits = {"query.top_total": {"calls": 3}}
        found = (await work.triage(limits, only="query.top_total")).findings
        assert [one for one in found if "pg_sleep" in one.title and one.severity == "info"]
        assert (
            await work.triage({"query.top_total": {"calls": 4, "share": 100}}, only="query.top_total")
        ).findings == ()


async def test_a_statement_that_is_fast_or_slow_by_its_parameter(counted: Database) -> None:
    with psycopg.connect(counted.conninfo(), autocommit=True) as session:
        for number in range(60):
            session.execute("SELECT pg_sleep(%s)", [0.4 if number % 30 == 0 else 0.0])
    async with desk(counted.conninfo()) as work:
        (finding,) = [
            one for one in (await work.triage(only="query.jitter")).findings if "pg_sleep" in one.title
        ]
        assert (finding.severity, finding.subject["calls"]) == ("info", 60)


async def test_a_statement_that_got_slow_all_at_once(counted: Database) -> None:
    # Rows enough for a scan to take several milliseconds on the fastest machine: below one is noise.
    faults.orders_and_items(counted.conninfo(), 150_000)
    faults.run(counted.conninfo(), "CREATE INDEX by_order ON public.items (order_id)")

    def look_up(times: int) -> None:
        with psycopg.connect(counted.conninfo(), autocommit=True) as session:
            for number in range(times):
                session.execute("SELECT note FROM public.items WHERE order_id = %s", [number])

    look_up(400)
    async with desk(counted.conninfo()) as work:
        with faults.again_and_again(lambda: look_up(5)):
            assert (await work.triage(only="query.plan_flip", interval=1)).findings == ()
        faults.run(counted.conninfo(), "DROP INDEX public.by_order")
        finding = await work.measured(
            "query.plan_flip", between=("statement_counters", lambda: asyncio.to_thread(look_up, 10))
        )
        assert finding.severity == "warning"
        assert "public.items" in finding.subject["query"]
        assert finding.subject["pages"] > 100 > finding.subject["baseline_pages"]


async def test_sorts_that_spill(database: Database) -> None:
    limits = {"query.temp_spill": {"bytes": "1 MiB", "hourly_bytes": "1 MiB"}}
    async with desk(database.conninfo()) as work:
        assert (await work.triage(limits, only="query.temp_spill")).findings == ()
        with faults.again_and_again(lambda: faults.spill(database.conninfo())):
            finding = await work.measured("query.temp_spill", limits, severity="warning")
        assert (finding.severity, finding.subject["database"]) == ("warning", database.name)


async def test_a_statement_that_spills_in_each_call(counted: Database) -> None:
    faults.spill(counted.conninfo())
    async with desk(counted.conninfo()) as work:
        report = await work.triage({"query.temp_spill": {"call_bytes": "1 MiB"}}, only="query.temp_spill")
        assert "generate_series" in only(report, "query.temp_spill").title


@pytest.mark.parametrize("major", [major for major in AVAILABLE if major in (15, 18)])
async def test_a_cache_that_is_too_small(server_factory: ServerFactory, major: int) -> None:
    server = server_factory.fresh(major, shared_buffers="512kB")
    try:
        faults.orders_and_items(server.conninfo(), 20_000)
        limits = {"cache.low_hit": {"blocks": 200, "warm_up": 0}}

        def hop() -> None:
            lookup = "SELECT count(i.note) FROM generate_series(1, 500) n JOIN public.items i ON i.id = (n * 7919) %% 20000"
            faults.run(
                server.conninfo(),
                f"SET enable_hashjoin = off; SET enable_mergejoin = off; {lookup.replace('%%', '%')}",
            )

        async with desk(server.conninfo()) as work:
            with faults.again_and_again(hop):
                finding = await work.measured("cache.low_hit", limits)
            assert finding.severity in ("warning", "critical")
            assert finding.subject["reads"] > 0
            cold = {"cache.low_hit": {"blocks": 200, "warm_up": 3600}}
            with faults.again_and_again(hop):
                assert (await work.measured("cache.low_hit", cold)).severity == "info"
            assert (await work.triage(limits, only="cache")).findings == ()
    finally:
        server.destroy()


async def test_parallel_workers_that_are_planned_and_not_there(database18: Database) -> None:
    faults.orders_and_items(database18.conninfo(), 5000)

    def hungry() -> None:
        with psycopg.connect(database18.conninfo(), autocommit=True) as session:
            session.execute("SET parallel_setup_cost = 0")
            session.execute("SET parallel_tuple_cost = 0")
            session.execute("SET min_parallel_table_scan_size = 0")
            session.execute("SET max_parallel_workers = 0")
            for _ in range(10):
                session.execute("SELECT count(*) FROM public.items")

    async with desk(database18.conninfo()) as work:
        with faults.again_and_again(hungry):
            finding = await work.measured("parallel.exhausted")
        assert (finding.severity, finding.subject["launched"]) == ("warning", 0)
        assert finding.subject["planned"] >= 10
        assert (await work.triage(only="parallel")).findings == ()


async def test_all_parallel_workers_busy(pg16: EmbeddedServer) -> None:
    for database in make_database(pg16):
        faults.orders_and_items(database.conninfo(), 2000)
        faults.run(database.conninfo(), f'ALTER DATABASE "{database.name}" SET max_parallel_workers = 1')
        async with await psycopg.AsyncConnection.connect(database.conninfo(), autocommit=True) as session:
            for setting in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
                await session.execute(f"SET {setting} = 0".encode())
            slow = asyncio.create_task(
                session.execute("SELECT count(*) FROM public.items WHERE pg_sleep(0.05) IS NOT NULL")
            )
            async with desk(database.conninfo()) as work:
                await _until_parallel(database)
                finding = only(await work.triage(only="parallel"), "parallel.exhausted")
                assert (finding.severity, finding.subject["limit"]) == ("warning", 1)
                await session.cancel_safe()
                with pytest.raises(psycopg.errors.QueryCanceled):
                    await slow
                assert (await work.triage(only="parallel")).findings == ()


async def _until_parallel(database: Database) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND datname = %s"
    async with (
        asyncio.timeout(60),
        await psycopg.AsyncConnection.connect(database.conninfo(), autocommit=True) as watcher,
    ):
        while (await (await watcher.execute(query, [database.name])).fetchone()) == (0,):
            await asyncio.sleep(0.02)


async def test_an_application_that_rolls_back(database: Database) -> None:
    async with desk(database.conninfo()) as work:
        assert (await work.triage(only="xact")).findings == ()
        with faults.again_and_again(lambda: faults.rollbacks(database.conninfo(), 200)):
            finding = await work.measured("xact.rollback_ratio")
        assert (finding.severity, finding.subject["database"]) == ("warning", database.name)
        assert finding.subject["percent"] > 50


async def test_statements_of_others_are_a_blind_spot(counted: Database) -> None:
    role = f"looker_{secrets.token_hex(3)}"
    faults.run(counted.conninfo(), f"CREATE ROLE {role} LOGIN", "SELECT 'seen by nobody'")
    try:
        async with desk(counted.conninfo(user=role)) as work:
            items = {item.condition: item for item in (await work.triage(only="query.jitter")).not_checked}
            assert "hidden from this login" in items["query.jitter"].reason
            assert items["query.jitter"].remedy == f'GRANT pg_monitor TO "{role}"'
    finally:
        faults.run(counted.conninfo(), f"DROP ROLE {role}")
