"""Advisory locks, deadlocks, a full lock table, limits, churn, and what sessions wait for."""

from __future__ import annotations

import asyncio
import contextlib

import psycopg
import pytest
from psycopg import sql

from inventory.errors import UserError
from tests.conftest import Database
from tests.database.desk import INTERVALS_S, desk, loud, only
from tests.database.faults import Faults
from tests.database.faults_schema import again_and_again
from tests.servers import ServerFactory

GROUPS = ["lock", "session", "conn"]
COUNTERS = "database_counters"
"""The statement whose two samples are compared."""


async def test_an_idle_holder_of_an_advisory_lock_is_the_root(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        holder = await faults.session("cron")
        await holder.execute("SELECT pg_advisory_lock(815, 4711)")
        waiter = await faults.waiting("SELECT pg_advisory_lock(815, 4711)")
        await faults.until_idle(holder, 0.6)
        limits = {"lock.advisory_stuck": {"wait_warning": 0}, "lock.blocking_tree": {"wait_warning": 0}}
        report = await work.triage(limits, only=GROUPS)
        finding = only(report, "lock.advisory_stuck")
        assert (finding.subject["pid"], finding.subject["key"]) == (holder.info.backend_pid, "815, 4711")
        assert (finding.caused_by, finding.subject["waiters"]) == ((), [waiter])
        assert only(report, "lock.blocking_tree").caused_by == (finding.id,)
        assert {"lock.ddl_queue", "lock.blocked_by_prepared"} <= {
            item["condition"] for item in finding.ruled_out
        }
        assert (await work.remedy(finding))["freed"] == [waiter]
        assert loud(await work.triage(limits, only=GROUPS)) == []


async def test_a_deadlock_is_counted_between_two_samples(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        assert loud(await work.triage(only="lock.deadlocks")) == []
        between = COUNTERS, lambda: _deadlock(faults)
        finding = await work.measured("lock.deadlocks", severity="warning", between=between)
        assert finding.subject["database"] == database.name and finding.subject["deadlocks"] >= 1
        assert len(finding.evidence) == 2


async def _deadlock(faults: Faults) -> None:
    first, second = await faults.session(), await faults.session()
    grant = sql.SQL("GRANT SET ON PARAMETER deadlock_timeout TO {}").format(sql.Identifier(faults.role))
    await faults.admin.execute(grant)
    for session, row in ((first, 1), (second, 2)):
        await session.execute("SET deadlock_timeout = '10ms'")
        await session.execute("BEGIN")
        await session.execute(f"UPDATE public.stock SET amount = 1 WHERE id = {row}".encode())
    crossing = faults.run(first.execute("UPDATE public.stock SET amount = 1 WHERE id = 2"))
    await faults.until_waiting(first.info.backend_pid)
    with contextlib.suppress(psycopg.errors.DeadlockDetected):
        await second.execute("UPDATE public.stock SET amount = 1 WHERE id = 1")
    with contextlib.suppress(psycopg.errors.DeadlockDetected):
        await crossing
    for session in (first, second):  # its counters reach the others when a session ends
        await session.execute("ROLLBACK")
        await session.close()


async def test_statistics_that_were_reset_in_between_are_not_measurable(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        names = ["lock.deadlocks", "conn.churn"]
        for interval in INTERVALS_S:
            known = work.read_so_far(COUNTERS)
            sweep = asyncio.create_task(work.triage(only=names, interval=interval))
            while work.read_so_far(COUNTERS) == known:
                await asyncio.sleep(0.02)
            await _reset_all(faults)
            in_time = work.read_so_far(COUNTERS) == known + 1
            report = await sweep
            if in_time:
                break
        assert loud(report) == []
        reasons = {item.condition: item.reason for item in report.not_checked}
        assert set(reasons) == set(names)
        assert all(reason.startswith("not measurable: statistics were reset") for reason in reasons.values())


async def _reset_all(faults: Faults) -> None:
    """Set the counters of every database to zero."""
    listed = await faults.admin.execute("SELECT datname FROM pg_database WHERE datallowconn")
    for (name,) in await listed.fetchall():
        conninfo = faults.database.server.conninfo(dbname=name)
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as admin:
            await admin.execute("SELECT pg_stat_reset()")


async def test_a_lock_table_that_fills_up(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18, max_locks_per_transaction="10", max_connections="10")
    try:
        with psycopg.connect(server.conninfo(), autocommit=True) as hoarder:
            async with desk(server.conninfo()) as work:
                assert loud(await work.triage(only="lock.table_full")) == []
                hoarder.execute("SELECT count(pg_advisory_lock(n)) FROM generate_series(1, 96) n")
                finding = only(await work.triage(only="lock.table_full"), "lock.table_full")
                assert finding.subject["top_pid"] == hoarder.info.backend_pid
                assert finding.severity == "critical"
                (remedy,) = finding.remedies
                assert remedy.arguments["pid"] == hoarder.info.backend_pid
                assert (await work.remedy(finding))["verified"] is True
                assert loud(await work.triage(only="lock.table_full")) == []
    finally:
        server.destroy()


async def test_a_role_at_its_limit_and_a_database_at_its_limit(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        role, name = sql.Identifier(faults.role), sql.Identifier(database.name)
        await faults.admin.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 2").format(role))
        await faults.admin.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 20").format(name))
        first = await faults.session()
        assert loud(await work.triage(only="conn")) == []
        second = await faults.session()
        finding = only(await work.triage(only="conn"), "conn.role_db_limit")
        assert (finding.severity, finding.subject["kind"], finding.subject["name"]) == (
            "critical", "role", faults.role,
        )  # fmt: skip
        await faults.close(first, second)
        assert loud(await work.triage(only="conn")) == []


async def test_clients_that_come_and_go(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        few = {"conn.churn": {"new_per_second": 1}}
        with again_and_again(lambda: psycopg.connect(database18.conninfo(user=faults.role)).close()):
            finding = await work.measured("conn.churn", few)
        assert finding.subject["database"] == database18.name
        assert finding.subject["sessions"] >= 20 and finding.subject["per_second"] > 1
        assert loud(await work.triage(only="conn.churn", interval=0.2)) == []


async def test_what_most_sessions_wait_for_is_sampled(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        _, waiters = await faults.chain(4)
        report = await work.triage(only=["wait", "lock.blocking_tree"], interval=0.5)
        finding = only(report, "wait.profile")
        assert (finding.severity, finding.subject["type"]) == ("info", "Lock")
        assert set(finding.subject["waiters"]) == set(waiters)
        assert finding.caused_by == (only(report, "lock.blocking_tree").id,)
        (sampled,) = [one for one in report.evidence if one.tool == "wait_profile"]
        assert sampled.dicts()[0]["taken"] >= 10


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"only": "lok"}, "did you mean lock"),
        ({"only": ["lock.blocking_tre"]}, "did you mean lock.blocking_tree"),
        ({"only": 7}, "expected groups or ids"),
        ({"interval": 0}, "expected 0.1 to 600 seconds"),
        ({"interval": "soon"}, "expected a number of s"),
        ({"interval": True}, "expected a number of s"),
    ],
)
async def test_a_scope_that_is_not_understood_is_refused(
    database18: Database, request_: dict[str, object], said: str
) -> None:
    async with desk(database18.conninfo()) as work:
        with pytest.raises(UserError, match=said):
            await work.ask({"kind": "triage", **request_})


async def test_what_was_not_asked_for_is_neither_read_nor_judged(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.chain(3)
        report = await work.triage(only="wal.archive_failing", interval=600)
        assert report.findings == ()
        assert {one.tool for one in report.evidence} == {"server", "archiver"}
        assert (report.timing["total_ms"] or 0) < 300_000  # nothing of it is sampled twice
