"""The table lock that an act takes, in words: what goes on under it, and who is in its way right now."""

from __future__ import annotations

from collections.abc import Sequence

from agents.database.snapshot import Row
from agents.database.tools.acting import LOCK_TIMEOUT_MS, Facts
from agents.database.wording import duration, plural

LISTED = 3
"""Transactions that a line names."""
_READS = ("AccessShareLock", "RowShareLock")
_SELF_CONFLICTING = (
    "ShareUpdateExclusiveLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
CONFLICTS = {
    "ShareUpdateExclusiveLock": (*_SELF_CONFLICTING, "ShareLock"),
    "ShareLock": (*_SELF_CONFLICTING, "RowExclusiveLock"),
    "ShareRowExclusiveLock": (*_SELF_CONFLICTING, "ShareLock", "RowExclusiveLock"),
    "AccessExclusiveLock": (*_SELF_CONFLICTING, *_READS, "ShareLock", "RowExclusiveLock"),
}
"""Lock mode → the modes of others that it waits for (PostgreSQL's table of conflicting lock modes)."""


async def in_the_way(
    facts: Facts, relation: str, mode: str, patience_ms: int = LOCK_TIMEOUT_MS
) -> tuple[str, ...]:
    """Whom an act would wait for now and when it gives up; one line."""
    rows = await facts.rows("table_lockers", {"relation": relation})
    others = [row for row in rows if set(row["modes"]) & set(CONFLICTS[mode])]
    if not others:
        return ("nobody is in its way now",)
    named = "; ".join(map(_locker, others[:LISTED]))
    more = f" and {len(others) - LISTED} more" if len(others) > LISTED else ""
    return (
        f"waits for {plural(len(others), 'transaction')}: {named}{more}; gives up after {patience_ms // 1000} s",
    )


def _locker(row: Row) -> str:
    if row["pid"] is None:
        return "a prepared transaction"
    kind = "session" if row["type"] in (None, "client backend") else row["type"]
    return f"{kind} {row['pid']} ({row['state'] or 'state unknown'}, open for {duration(row['xact_s'])})"


def oldest_snapshot(holders: Sequence[Row], patience_ms: int) -> tuple[str, ...]:
    """Whose snapshot CONCURRENTLY waits for; no line where there is none."""
    older = [row for row in holders if row["kind"] in ("session", "prepared transaction")]
    if not older:
        return ()
    first = older[0]
    who = f"session {first['pid']}" if first["kind"] == "session" else f"prepared transaction {first['name']}"
    return (
        f"waits for older snapshots, the oldest is of {who}, open for {duration(first['held_s'])}; gives up after "
        f"{patience_ms // 1000} s",
    )
