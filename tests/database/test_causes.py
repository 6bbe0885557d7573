"""Several findings at once: independent faults are roots, symptoms point to their cause, whatever is found first."""

from __future__ import annotations

import itertools
import secrets

from agents.database.catalogue import all_conditions
from agents.database.condition import Cause, Condition
from agents.database.linking import link
from agents.kernel.records import Finding, Report
from tests.conftest import Database
from tests.database.desk import desk, only
from tests.database.faults import Faults
from tests.servers import ServerFactory

GROUPS = ["lock", "session", "conn", "vacuum", "wal"]
EARLY = {
    "lock.blocking_tree": {"wait_warning": 0},
    "session.idle_in_transaction": {"idle_warning": 0.2},
    "session.uncommitted_write": {"idle_warning": 0.2},
    "session.long_query": {"run_warning": 0.2},
    "vacuum.xmin_backend": {"held": 0.2},
    "vacuum.starvation": {"held": 0.2},
}


def roots(report: Report) -> set[str]:
    return {finding.condition for finding in report.roots() if finding.severity != "info"}


async def test_one_cause_with_many_symptoms_is_one_root(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        root, waiters = await faults.chain(3)
        await faults.bloat("public.ledger")
        report = await work.triage(EARLY, only=GROUPS)
        symptoms = {finding.condition for finding in report.findings if finding.caused_by}
        assert roots(report) == {"lock.blocking_tree"}
        assert {
            "session.idle_in_transaction",
            "session.uncommitted_write",
            "session.long_query",
            "vacuum.xmin_backend",
            "vacuum.starvation",
        } <= symptoms
        assert all(not finding.remedies for finding in report.findings if finding.caused_by)
        tree = only(report, "lock.blocking_tree")
        assert tree.subject["pid"] == root
        ruled = {item["condition"]: item for item in tree.ruled_out}
        assert {"lock.blocked_by_prepared", "lock.advisory_stuck", "lock.ddl_queue"} <= set(ruled)
        known = {evidence.id for evidence in report.evidence}
        assert all(item["why"] and {*item["evidence"]} <= known for item in ruled.values())
        approval = await work.request(tree)
        assert approval.why["ruled_out"] == [item["why"] for item in tree.ruled_out]
        assert sorted((await work.approve(approval)).body["freed"]) == sorted(waiters)


async def test_those_who_wait_in_a_tree_are_no_roots_though_they_hold_the_horizon_too(
    database: Database,
) -> None:
    limits = {"vacuum.xmin_backend": {"held": 0.2}, "session.idle_in_transaction": {"horizon_idle": 0.2}}
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        _, waiters = await faults.chain(3)
        await faults.bloat("public.ledger", options="autovacuum_enabled = off")
        await faults.until(
            "SELECT now() - min(xact_start) > '0.3 s' FROM pg_stat_activity WHERE pid = ANY(%s)", [waiters]
        )
        report = await work.triage(limits, only=GROUPS)
        held = {one.subject["pid"] for one in report.findings if one.condition == "vacuum.xmin_backend"}
        assert set(waiters) <= held
        assert roots(report) == {"lock.blocking_tree", "vacuum.disabled_table"}


async def test_two_independent_faults_are_two_roots(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        slot = await faults.slot(f"dr_{secrets.token_hex(4)}")
        await faults.spend_wal(5)
        await faults.chain(3)
        report = await work.triage(EARLY, only=GROUPS)
        assert roots(report) == {"lock.blocking_tree", "wal.slot_retention"}
        assert only(report, "wal.slot_retention").subject["slot"] == slot
        assert all(not finding.caused_by for finding in report.roots())


async def test_wal_that_grows_names_the_slot_before_the_archiver(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18, archive_mode="on", archive_command="false")
    try:
        database = Database(server, "postgres")
        limits = {"wal.dir_size": {"factor": 0.01}, "wal.archive_failing": {"attempts": 1}}
        async with Faults(database) as faults, desk(server.conninfo()) as work:
            await faults.spend_wal(6)
            await faults.until("SELECT failed_count > 0 FROM pg_stat_archiver")
            report = await work.triage(limits, only="wal")
            growth, archiver = only(report, "wal.dir_size"), only(report, "wal.archive_failing")
            assert growth.caused_by[0] == archiver.id
            await faults.slot(f"dr_{secrets.token_hex(4)}")
            await faults.spend_wal(6)
            report = await work.triage(limits, only="wal")
            growth = only(report, "wal.dir_size")
            slot, archiver = only(report, "wal.slot_retention"), only(report, "wal.archive_failing")
            assert growth.caused_by[:2] == (slot.id, archiver.id)
            assert roots(report) == {"wal.slot_retention", "wal.archive_failing"}
    finally:
        server.destroy()


async def test_a_lock_tree_and_what_would_move_without_a_session(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        root, waiters = await faults.chain(3)
        events = await work.ask({"kind": "tool", "tool": "lock_tree", "arguments": {}})
        (tree,) = [event.body["evidence"] for event in events if event.kind == "evidence"]
        depths = {row[2]: row[1] for row in tree["rows"]}
        assert depths == {root: 0, **{pid: place for place, pid in enumerate(waiters, start=1)}}
        events = await work.ask({"kind": "tool", "tool": "lock_tree_without", "arguments": {"pid": root}})
        (release,) = [event.body["evidence"] for event in events if event.kind == "evidence"]
        assert [(row[0], row[1]) for row in release["rows"]] == [
            (waiters[0], "free at once"),
            *((pid, "free as those ahead finish") for pid in waiters[1:]),
        ]


def test_a_last_resort_counts_only_where_nothing_else_explains_it() -> None:
    conditions = {
        name: Condition(id=name, title=name, severity="warning", meaning="", causes=causes)
        for name, causes in {
            "growth": (Cause("slot", lambda *_: True), Cause("volume", lambda *_: True, last_resort=True)),
            "slot": (),
            "volume": (),
        }.items()
    }
    made = {name: Finding(name, name, "warning", name, name, {}, ()) for name in conditions}
    for order in itertools.permutations(made.values()):
        linked = {finding.id: finding.caused_by for finding in link(order, conditions)}
        assert linked["growth"] == ("slot",)
    alone = {one.id: one.caused_by for one in link((made["growth"], made["volume"]), conditions)}
    assert alone["growth"] == ("volume",)


def test_every_cause_and_rival_is_a_condition() -> None:
    catalogue = all_conditions()
    for condition in catalogue.values():
        assert {cause.condition for cause in condition.causes} <= set(catalogue), condition.id
        assert {*condition.rivals} <= set(catalogue), condition.id
        assert condition.id not in {*condition.rivals, *(cause.condition for cause in condition.causes)}
