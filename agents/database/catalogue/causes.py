"""Causes and rivals that reach from one group of the catalogue into another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agents.database.condition import Cause, Condition

Subject = Mapping[str, Any]


def holds(_: Subject, __: Subject) -> bool:
    """Whenever both are found: the server has one of each."""
    return True


def waits_in(session: Subject, other: Subject) -> bool:
    """The session is one of those that `other` lets wait: its transaction is open only because of that."""
    return session["pid"] in other["waiters"]


def filled_by_commits(slots: Subject, sync: Subject) -> bool:
    """At least half of the sessions wait for the synchronous standby."""
    return bool(2 * len(sync["waiters"]) >= slots.get("used", float("inf")))


def waits_for_the_same(profile: Subject, other: Subject) -> bool:
    """Most of those who were seen waiting are those whom `other` lets wait."""
    waiters = {*profile["waiters"]}
    return 2 * len(waiters & {*other["waiters"]}) > len(waiters)


def same_relation(mine: Subject, other: Subject) -> bool:
    return mine.get("relation") is not None and mine.get("relation") == other.get("relation")


def holds_a_logical_slot(slot: Subject, session: Subject) -> bool:
    """An active logical slot can't move past the oldest transaction that is still open."""
    return bool(slot["active"] and slot["slot_type"] == "logical" and session.get("wrote", True))


def as_old(database: Subject, table: Subject) -> bool:
    """The table's age is most of the database's."""
    return bool(10 * table["xid_age"] >= 9 * database["xid_age"])


EDGES: Mapping[str, tuple[Cause, ...]] = {
    "conn.exhaustion": (Cause("repl.sync_wait", filled_by_commits),),
    "session.long_query": (Cause("repl.sync_wait", waits_in),),
    "vacuum.xmin_backend": tuple(
        Cause(name, waits_in)
        for name in (
            "lock.blocking_tree",
            "lock.blocked_by_prepared",
            "lock.advisory_stuck",
            "repl.sync_wait",
        )
    ),
    "wait.profile": (
        Cause("lock.blocked_by_prepared", waits_for_the_same),
        Cause("lock.advisory_stuck", waits_for_the_same),
        Cause("repl.sync_wait", waits_for_the_same),
    ),
    "wal.slot_retention": (
        Cause("session.idle_in_transaction", holds_a_logical_slot),
        Cause("session.long_query", holds_a_logical_slot),
    ),
    "wal.dir_size": (Cause("wal.volume", holds, last_resort=True),),
    "disk.full": (Cause("wal.dir_size", holds),),
    "vacuum.starvation": (Cause("vacuum.cancelled", same_relation),),
    "vacuum.xid_wraparound": (Cause("unlogged_orphan_temp", as_old),),
    "server.recent_restart": (Cause("server.crashed", holds),),
}
RIVALS: Mapping[str, tuple[str, ...]] = {
    "lock.blocking_tree": ("repl.sync_wait", "lock.table_full"),
    "wal.slot_retention": ("wal.archive_failing", "wal.archive_backlog"),
    "wal.archive_failing": ("wal.slot_retention",),
    "vacuum.disabled_table": ("vacuum.xmin_backend", "vacuum.xmin_prepared", "vacuum.xmin_slot"),
    "repl.lag": ("repl.standby_missing", "repl.sync_wait"),
}
ABSENT: Mapping[str, str] = {
    "repl.sync_wait": "no commit waits for a synchronous standby",
    "repl.replay_paused": "replay is not paused",
    "repl.conflicts": "no query was cancelled by a recovery conflict",
    "repl.standby_missing": "every standby with a slot is connected",
    "wal.archive_backlog": "no WAL file waits long to be archived",
    "wal.dir_size": "pg_wal is no larger than its settings explain",
    "wal.volume": "the volume of WAL is moderate",
    "vacuum.cancelled": "no autovacuum was cancelled by a lock",
    "temp.limit": "no large temporary files",
}
"""What it means that a condition of another group doesn't hold, where it says nothing itself."""


def wired(conditions: Iterable[Condition]) -> dict[str, Condition]:
    """The conditions by id, with what reaches across their groups."""
    return {condition.id: _wired(condition) for condition in conditions}


def _wired(condition: Condition) -> Condition:
    return replace(
        condition,
        causes=(*condition.causes, *EDGES.get(condition.id, ())),
        rivals=(*condition.rivals, *RIVALS.get(condition.id, ())),
        absent=condition.absent or ABSENT.get(condition.id, ""),
    )
