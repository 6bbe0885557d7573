"""Who keeps dead rows from being removed, for every finding that would have a table vacuumed or rebuilt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural

HELD_S = 60.0
"""A snapshot that is younger than this is normal: the default autovacuum_naptime."""


def holder(snapshot: Snapshot, held_s: float = HELD_S) -> Row | None:
    """Who has held the horizon back for `held_s` seconds or for an unknown time, the oldest first; None where
    it is free."""
    for row in snapshot.rows("horizon"):
        if (row["held_s"] is None and row["horizon_age"]) or (row["held_s"] or 0) >= held_s:
            return row
    return None


def hidden(rows: Iterable[Row]) -> str:
    """Why not all holders among these rows of the statement `horizon` are known; empty where they are."""
    count = next((int(row["name"]) for row in rows if row["kind"] == "hidden"), 0)
    return f"{plural(count, 'session')} of other roles hide their snapshots from this login" if count else ""


def unseen(snapshot: Snapshot) -> str:
    """Why not all holders are known; empty where they are."""
    return hidden(snapshot.rows("horizon"))


def is_free(snapshot: Snapshot, held_s: float = HELD_S) -> bool:
    """True where it is known that nobody holds the horizon: what is offered then will have an effect."""
    return snapshot.has("horizon") and not unseen(snapshot) and holder(snapshot, held_s) is None


def holder_facts(snapshot: Snapshot, held_s: float = HELD_S) -> dict[str, Any]:
    """The holder as facts of a finding, which say by which other finding it is caused."""
    row = holder(snapshot, held_s)
    kind = row["kind"] if row else None
    name = row["name"] if row else None
    return {
        "held_by_pid": row["pid"] if row and kind == "session" else None,
        "held_by_slot": name if kind == "slot" else None,
        "held_by_gid": name if kind == "prepared transaction" else None,
        "held_by_standby": name if kind in ("standby", "slot") else None,
        "held_by": f"{kind} {row['pid'] if kind == 'session' else name}" if row else None,
    }


def horizon_words(snapshot: Snapshot, held_s: float = HELD_S) -> str:
    """One sentence: that the horizon is free, or who holds it."""
    if not snapshot.has("horizon"):
        return "Who holds the horizon could not be read."
    if row := holder(snapshot, held_s):
        return in_the_way(row)
    if why := unseen(snapshot):
        return f"Who holds the horizon is not known: {why}."
    return _free(snapshot.row("horizon"))


def in_the_way(row: Row) -> str:
    lasting = f" for {duration(row['held_s'])}" if row["held_s"] is not None else ""
    return (
        f"VACUUM can't remove what {row['kind']} {named(row)} ({row['state']}) may still see{lasting}: "
        f"it is {plural(row['horizon_age'] or 0, 'transaction')} behind. End that first."
    )


def named(row: Row) -> str:
    """A session by its pid, everything else by its name."""
    return str(row["pid"] if row["kind"] == "session" else row["name"])


def _free(oldest: Row | None) -> str:
    if oldest is None:
        return "Horizon free: nobody holds it, VACUUM can remove what died."
    return (
        f"Horizon free: the oldest to hold it is {oldest['kind']} {named(oldest)}, for "
        f"{duration(oldest['held_s'])}; VACUUM can remove what died before."
    )
