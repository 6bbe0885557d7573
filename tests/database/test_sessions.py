"""Idle transactions, long queries and slots that run out."""

from __future__ import annotations

from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults

IDLE = {"session.idle_in_transaction": {"idle_warning": "200 ms"}}


async def test_idle_in_transaction_alone_is_terminated(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        idle = await faults.idle_writer()
        await faults.until_idle(idle, 0.25)
        assert loud(await work.triage()) == []
        finding = only(await work.triage(IDLE), "session.idle_in_transaction")
        assert (finding.severity, finding.subject["pid"]) == ("warning", idle.info.backend_pid)
        assert finding.subject["wrote"] is True
        assert finding.remedies[0].tool == "terminate_session"
        approval = await work.request(finding)
        assert approval.preview.victims[0].facts["locks"] == ["RowExclusiveLock public.stock"]
        assert "work lost: yes, what it wrote and did not commit" in approval.preview.effect
        assert (await work.approve(approval)).body["verified"] is True
        assert loud(await work.triage(IDLE)) == []


async def test_idle_in_transaction_at_once_where_it_keeps_dead_rows(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        holder = await faults.snapshot_holder()
        await faults.bloat("public.ledger")
        await faults.until_idle(holder, 0.25)
        limits = {"session.idle_in_transaction": {"horizon_idle": 0.2}, "vacuum.starvation": {"held": 0.2}}
        report = await work.triage(limits)
        idle, table = only(report, "session.idle_in_transaction"), only(report, "vacuum.starvation")
        assert idle.subject["pid"] == holder.info.backend_pid
        assert (table.subject["relation"], table.subject["held_by_pid"]) == (
            "public.ledger",
            holder.info.backend_pid,
        )
        assert (table.caused_by, table.remedies, table.severity) == ((idle.id,), (), "warning")
        approval = await work.propose("vacuum_table", {"relation": "public.ledger"})
        assert any(f"session {holder.info.backend_pid}" in line for line in approval.preview.effect)
        assert (await work.approve(approval)).body["verified"] is False
        await work.remedy(idle)
        again = only(await work.triage(), "vacuum.starvation")
        assert [remedy.tool for remedy in again.remedies] == ["vacuum_table"]
        assert (await work.remedy(again))["verified"] is True
        assert loud(await work.triage()) == []


async def test_a_long_query_is_cancelled(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        session = await faults.session("report")
        faults.run(session.execute("SELECT pg_sleep(60)"))
        await faults.until(
            "SELECT state = 'active' AND clock_timestamp() - query_start > '0.2 s'"
            " FROM pg_stat_activity WHERE pid = %s",
            [session.info.backend_pid],
        )
        assert loud(await work.triage()) == []
        limits = {"session.long_query": {"run_warning": "0.2 s"}}
        finding = only(await work.triage(limits), "session.long_query")
        assert finding.subject["pid"] == session.info.backend_pid
        assert (await work.remedy(finding))["verified"] is True
        assert loud(await work.triage(limits)) == []
        assert not session.closed


async def test_a_waiters_long_query_is_a_consequence(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.idle_writer()
        (waiter,) = await faults.waiters(1)
        limits = {"session.long_query": {"run_warning": 0}, "lock.blocking_tree": {"wait_warning": 0}}
        report = await work.triage(limits)
        finding = only(report, "session.long_query")
        assert finding.subject["pid"] == waiter
        assert finding.caused_by == (only(report, "lock.blocking_tree").id,)


async def test_slots_filled_by_idle_sessions(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        sessions = [await faults.session("leaky-app") for _ in range(12)]
        limits = {"conn.exhaustion": {"used_warning": "10 %", "used_critical": "90 %"}}
        finding = only(await work.triage(limits), "conn.exhaustion")
        assert (finding.severity, finding.subject["setting"]) == ("warning", "max_connections")
        assert "leaky-app" in finding.subject["largest_group"]
        (remedy,) = finding.remedies
        assert remedy.arguments["pid"] in {session.info.backend_pid for session in sessions}
        assert (await work.remedy(finding))["verified"] is True
        await faults.close(*sessions)
        assert loud(await work.triage(limits)) == []


async def test_slots_filled_by_lock_waiters_follow_from_the_tree(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.idle_writer()
        await faults.waiters(8)
        report = await work.triage({"conn.exhaustion": {"used_warning": 8}})
        slots = only(report, "conn.exhaustion")
        assert slots.caused_by == (only(report, "lock.blocking_tree").id,)
        assert slots.remedies == ()
