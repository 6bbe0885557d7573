"""Prepared transactions that nobody ends: who waits for them, what they hold, and how they are ended."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agents.kernel.tool import Refused
from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults

GROUPS = ["lock", "session", "vacuum"]


@asynccontextmanager
async def prepared(faults: Faults, row: int = 1) -> AsyncIterator[str]:
    """The identifier of a prepared transaction that has updated a row; rolled back where it is still there."""
    gid = f"order's {secrets.token_hex(4)}"
    quoted = gid.replace("'", "''")
    await faults.admin.execute(f"BEGIN; UPDATE public.stock SET amount = 1 WHERE id = {row}".encode())
    await faults.admin.execute(f"PREPARE TRANSACTION '{quoted}'".encode())
    try:
        yield gid
    finally:
        if await faults.value("SELECT count(*) FROM pg_prepared_xacts WHERE gid = %s", [gid]):
            await faults.admin.execute(f"ROLLBACK PREPARED '{quoted}'".encode())


@pytest.mark.parametrize("verb", ["rollback", "commit"])
async def test_waiters_behind_a_prepared_transaction_are_freed(database: Database, verb: str) -> None:
    async with Faults(database) as faults, prepared(faults) as gid, desk(database.conninfo()) as work:
        waiters = await faults.waiters(2)
        limits = {"lock.blocked_by_prepared": {"wait_warning": 0}}
        report = await work.triage(limits, only=GROUPS)
        finding = only(report, "lock.blocked_by_prepared")
        assert (finding.subject["gid"], finding.subject["database"]) == (gid, database.name)
        assert sorted(finding.subject["waiters"]) == sorted(waiters)
        assert finding.caused_by == ()
        tree = only(report, "lock.blocking_tree")
        assert (tree.caused_by, tree.remedies) == ((finding.id,), ())
        place = [remedy.tool for remedy in finding.remedies].index(f"{verb}_prepared")
        approval = await work.request(finding, place)
        assert approval.preview.confirmation == gid
        assert "RowExclusiveLock public.stock" in approval.preview.victims[0].facts["locks"]
        assert any("unblocks 2 of 2: 1 at once" in line for line in approval.preview.effect)
        body = (await work.approve(approval)).body
        assert (body["verified"], sorted(body["freed"])) == (True, sorted(waiters))
        expected = 1 if verb == "commit" else 0
        await faults.until("SELECT amount = %s FROM public.stock WHERE id = 1", [expected + len(waiters)])
        assert loud(await work.triage(limits, only=GROUPS)) == []


async def test_an_orphan_holds_the_horizon_of_a_starving_table(database: Database) -> None:
    async with Faults(database) as faults, prepared(faults) as gid, desk(database.conninfo()) as work:
        await faults.bloat("public.ledger")
        limits = {"vacuum.xmin_prepared": {"prepared_warning": 0}, "vacuum.starvation": {"held": 0}}
        report = await work.triage(limits, only=GROUPS)
        orphan, table = only(report, "vacuum.xmin_prepared"), only(report, "vacuum.starvation")
        assert (orphan.subject["gid"], orphan.caused_by) == (gid, ())
        assert (table.caused_by, table.remedies) == ((orphan.id,), ())
        assert {item["condition"] for item in orphan.ruled_out} >= {"vacuum.xmin_slot", "vacuum.xmin_backend"}
        known = {evidence.id for evidence in report.evidence}
        assert all(item["why"] and set(item["evidence"]) <= known for item in orphan.ruled_out)
        assert (await work.remedy(orphan))["verified"] is True
        later = {
            **limits,
            "vacuum.starvation": {"held": 30},
        }  # a read of the sweep's own holds it for a moment
        again = only(await work.triage(later, only=GROUPS), "vacuum.starvation")
        assert [remedy.tool for remedy in again.remedies] == ["vacuum_table"]
        assert (await work.remedy(again))["verified"] is True
        assert loud(await work.triage(later, only=GROUPS)) == []


async def test_one_of_another_database_is_named_and_left_alone(database18: Database) -> None:
    async with (
        Faults(database18) as faults,
        prepared(faults) as gid,
        desk(database18.server.conninfo()) as work,
    ):
        finding = only(
            await work.triage({"vacuum.xmin_prepared": {"prepared_warning": 0}}, only="vacuum"),
            "vacuum.xmin_prepared",
        )
        assert (finding.subject["gid"], finding.remedies) == (gid, ())
        assert f"Connect to database {database18.name}" in finding.summary
        with pytest.raises(Refused, match=database18.name):
            await work.propose("rollback_prepared", {"gid": gid})
        with pytest.raises(Refused, match="no prepared transaction"):
            await work.propose("commit_prepared", {"gid": secrets.token_hex(4)})
