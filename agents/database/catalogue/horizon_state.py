"""Whether the horizon is free or who holds it: what every remedy with VACUUM or REINDEX begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents.database.condition import Cause
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration
from inventory.masking import inert_line

STATEMENT = "horizon"
HELD_S = 60.0
"""Seconds; own choice: the default autovacuum_naptime. Shorter snapshots are normal."""
KINDS: Mapping[str, tuple[str, str]] = {
    "session": ("held_by_pid", "pid"),
    "slot": ("held_by_slot", "name"),
    "prepared transaction": ("held_by_gid", "name"),
    "standby": ("held_by_standby", "name"),
}
"""Kind of holder → the fact that names it, and the column that holds the name."""


def holder(snapshot: Snapshot) -> Row | None:
    """Who has held the horizon back for `HELD_S` or for an unknown time; None where it is free."""
    for row in snapshot.rows(STATEMENT):
        if (row["held_s"] is None and row["horizon_age"]) or (row["held_s"] or 0) >= HELD_S:
            return row
    return None


def horizon_words(snapshot: Snapshot) -> str:
    """One sentence: the horizon is free, or who holds it."""
    if not snapshot.has(STATEMENT):
        return "Who holds the horizon could not be read."
    found = holder(snapshot)
    if found is None:
        return "Horizon free: nobody keeps dead rows from being removed."
    name = inert_line(str(found[KINDS[found["kind"]][1]]))
    lasting = f" for {duration(found['held_s'])}" if found["held_s"] is not None else ""
    return f"Horizon held by {found['kind']} {name}{lasting}: end that first, or VACUUM frees nothing."


def holder_facts(snapshot: Snapshot) -> dict[str, Any]:
    """What the cause is found by: the pid, slot, prepared transaction or standby that holds the horizon."""
    found = holder(snapshot)
    return {
        fact: found[column] if found and found["kind"] == kind else None
        for kind, (fact, column) in KINDS.items()
    }


def _held(fact: str, key: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    def holds(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        return mine[fact] is not None and mine[fact] == other.get(key)

    return holds


HOLDERS = (
    Cause("vacuum.xmin_backend", _held("held_by_pid", "pid")),
    Cause("vacuum.xmin_slot", _held("held_by_slot", "slot")),
    Cause("vacuum.xmin_prepared", _held("held_by_gid", "gid")),
    Cause("vacuum.xmin_standby", _held("held_by_standby", "standby")),
    Cause("session.idle_in_transaction", _held("held_by_pid", "pid")),
    Cause("session.long_query", _held("held_by_pid", "pid")),
    Cause("wal.slot_retention", _held("held_by_slot", "slot")),
)
"""The findings that may be the reason why dead rows stay."""
