"""What the expert says and records: conclusions, tools by hand, cancel, timing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import psycopg
import pytest

from agents.database.catalogue import all_conditions
from agents.kernel.tool import Refused
from inventory.errors import UserError
from tests.conftest import Database
from tests.database.desk import desk, only
from tests.database.faults import Faults


async def test_a_conclusion_names_the_root_first_with_evidence_and_numbered_remedies(
    database18: Database,
) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        root, _ = await faults.chain(3)
        await faults.bloat("public.carts", options="autovacuum_enabled = off")
        events = await work.ask({}, text="why is everything so slow?")
        kinds = [event.kind for event in events]
        assert kinds.index("finding") < kinds.index("conclusion") == len(kinds) - 1
        body = events[-1].body
        headline, *rest = body["text"].split("\n")
        assert headline.startswith("**Root cause: ") and str(root) in headline
        text = "\n".join(rest)
        follows, first = text.index("What follows from it:"), text.index("1. **terminate_session**")
        assert follows < first < text.index(". **enable_autovacuum**")
        for identity in body["report"]["evidence"]:
            assert identity.startswith("E")
        cited = {part.split("]")[0] for part in text.split("[E")[1:]}
        assert cited and all(f"E{one}" in body["report"]["evidence"] for one in cited)


async def test_the_same_fault_keeps_its_id_between_sweeps(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.chain(3)
        first = only(await work.triage(), "lock.blocking_tree")
        await faults.waiters(1)
        second = only(await work.triage(), "lock.blocking_tree")
        assert first.id == second.id
        assert len(second.subject["waiters"]) == len(first.subject["waiters"]) + 1


async def test_one_sweep_reads_each_statement_once_over_two_connections(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        events = await work.ask({"kind": "triage"})
        called = Counter(event.body["tool"] for event in events if event.kind == "tool.called")
        twice = {name for condition in all_conditions().values() for name in condition.rates}
        assert all(count == 1 for name, count in called.items() if name not in twice)
        assert called["database_counters"] == 2
        assert {"server", "sessions", "database_counters"} <= set(called)
        await faults.until(
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'helpdesk/%%'"
        )
        assert 0 < ((await work.triage()).timing["total_ms"] or 0) < 60_000


async def test_tools_by_hand(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        idle = await faults.idle_writer()
        events = await work.ask(
            {"kind": "tool", "tool": "session", "arguments": {"pid": idle.info.backend_pid}}
        )
        (evidence,) = [event.body["evidence"] for event in events if event.kind == "evidence"]
        row = dict(zip(evidence["columns"], evidence["rows"][0], strict=True))
        assert (row["pid"], row["wrote"]) == (idle.info.backend_pid, True)
        with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
            pasted = admin.execute(evidence["statement"].encode()).fetchone()
            assert pasted is not None and pasted[0] == idle.info.backend_pid
        with pytest.raises(Refused, match="pid"):
            await work.ask({"kind": "tool", "tool": "session", "arguments": {"pid": "1; DROP TABLE stock"}})
        with pytest.raises(UserError, match="did you mean terminate_session"):
            await work.ask({"kind": "tool", "tool": "terminate_sesion", "arguments": {}})
        with pytest.raises(UserError, match="expected one of triage"):
            await work.ask({"kind": "dance"})


async def test_a_cancelled_sweep_leaves_nothing_behind_on_the_server(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.chain(3, settle_s=0)
        sweep = asyncio.create_task(work.triage({"lock.blocking_tree": {"stalled": 30}}))
        await faults.until(
            "SELECT count(*) = 2 FROM pg_stat_activity WHERE application_name = 'helpdesk/read'"
        )
        began = time.monotonic()
        sweep.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sweep
        assert time.monotonic() - began < 20  # the sweep itself would have waited for thirty
        await faults.until(
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'helpdesk/read'"
        )
