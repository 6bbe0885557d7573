"""What an act that ends a transaction does to those who wait for it: told before, looked at after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from agents.database.lock_tree import LockTree, Release
from agents.database.reading import Reader
from agents.database.session_rules import ours
from agents.database.snapshot import Row
from agents.database.tools.acting import CANNOT_READ, Facts
from agents.database.wording import pids, plural, who

SETTLE_S = 3.0
"""How long the chain behind what was ended gets to move on before the verification is written down."""
POLL_S = 0.05
LISTED = 5


def released(release: Release, behind: int) -> str:
    """What becomes of those who wait, in one line: `unblocks 14 of 17: …; 3 stay behind 4711`."""
    if not behind:
        return "frees nobody: nobody waits for it"
    at_once = f": {len(release.at_once)} at once ({pids(release.at_once)})" if release.at_once else ""
    parts = [f"unblocks {len(release.freed)} of {behind}{at_once}"]
    if release.following:
        parts.append(f"{len(release.following)} as those ahead finish")
    for blocker in sorted(set(release.staying.values())):
        count = sum(1 for ahead in release.staying.values() if ahead == blocker)
        parts.append(
            f"{count} {'stays' if count == 1 else 'stay'} behind {blocker or 'a prepared transaction'}"
        )
    return "; ".join(parts)


async def clients(facts: Facts) -> dict[int, Row] | None:
    """The sessions of clients other than ours, by pid; None where not all of them can be read."""
    try:
        rows = await facts.rows("sessions")
    except CANNOT_READ:
        return None
    if facts.evidence[-1].truncated:
        return None
    return {row["pid"]: row for row in rows if row["type"] == "client backend" and not ours(row)}


@dataclass(frozen=True, slots=True)
class Aftermath:
    """How it is once the waiters have moved on, or after `SETTLE_S`."""

    over: bool
    """What was ended is gone."""
    tree: LockTree
    freed: tuple[int, ...]
    blocked: tuple[int, ...]
    lost: tuple[Row, ...]
    """Other sessions that were there before and are not any more."""
    facts: Facts

    @property
    def behind(self) -> frozenset[int]:
        """Who is in the way of those that still wait."""
        return frozenset().union(*(self.tree.blockers[waiter] for waiter in self.blocked))

    @property
    def words(self) -> str:
        """Who still waits, and who else is gone; empty where all is as it was meant."""
        lines = []
        if self.blocked:
            ahead = ", ".join(str(pid) if pid else "a prepared transaction" for pid in sorted(self.behind))
            count = plural(len(self.blocked), "session")
            lines.append(f"{count} ({pids(self.blocked)}) still wait behind {ahead}.")
        if self.lost:
            named = "; ".join(who(row, row["pid"]) for row in self.lost[:LISTED])
            more = f" and {len(self.lost) - LISTED} more" if len(self.lost) > LISTED else ""
            lines.append(f"Also ended meanwhile: {named}{more}.")
        return " ".join(lines)


async def aftermath(
    reader: Reader,
    target: str,
    waited: tuple[int, ...],
    before: Mapping[int, Row] | None,
    over: Callable[[Facts], Awaitable[bool]],
) -> Aftermath:
    """Read until what was ended is `over` and nobody of `waited` waits any more, `SETTLE_S` at most."""
    until = time.monotonic() + SETTLE_S
    async with reader.lease(target):
        while True:
            facts = Facts(reader, target)
            gone = await over(facts)
            tree = LockTree.of_rows(await facts.rows("waiting_locks"))
            blocked = tuple(waiter for waiter in waited if waiter in tree.blockers)
            if (gone and not blocked) or time.monotonic() > until:
                break
            await asyncio.sleep(POLL_S)
        after = await clients(facts)
    freed = tuple(waiter for waiter in waited if waiter not in blocked)
    return Aftermath(gone, tree, freed, blocked, _lost(before, after), facts)


def _lost(before: Mapping[int, Row] | None, after: Mapping[int, Row] | None) -> tuple[Row, ...]:
    if before is None or after is None:
        return ()
    return tuple(
        row
        for pid, row in before.items()
        if pid not in after or after[pid]["backend_start"] != row["backend_start"]
    )
