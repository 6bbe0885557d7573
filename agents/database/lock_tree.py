"""Who waits for whom, and what would move if one session were gone. Pure: pids in, pids out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agents.database.snapshot import Row

PREPARED = 0
"""PostgreSQL's process id for a prepared transaction in a list of blockers."""


@dataclass(frozen=True, slots=True)
class Release:
    """What happens to those who wait behind a session when it ends."""

    at_once: tuple[int, ...]
    """Nothing else is in their way."""
    following: tuple[int, ...]
    """They wait for one who goes at once, or for one who follows it: free as those ahead finish."""
    staying: Mapping[int, int]
    """Who stays blocked, and behind which session."""

    @property
    def freed(self) -> tuple[int, ...]:
        return (*self.at_once, *self.following)


@dataclass(frozen=True, slots=True)
class LockTree:
    """Waiter → those in its way (holders and those ahead in the queue)."""

    blockers: Mapping[int, frozenset[int]]

    @classmethod
    def of(cls, waits: Iterable[tuple[int, Iterable[int]]]) -> LockTree:
        """From pairs of a waiting pid and its blockers; a pid may come more than once."""
        blockers: dict[int, frozenset[int]] = {}
        for pid, blocked_by in waits:
            blockers[pid] = blockers.get(pid, frozenset()) | (frozenset(blocked_by) - {pid})
        return cls({pid: those for pid, those in blockers.items() if those})

    @classmethod
    def of_rows(cls, rows: Iterable[Row]) -> LockTree:
        """From the rows of `waiting_locks`."""
        return cls.of((row["pid"], row["blocked_by"]) for row in rows)

    def roots(self) -> tuple[int, ...]:
        """Those who block and don't wait, the one with most waiters first."""
        blocking = frozenset[int]().union(*self.blockers.values()) - self.blockers.keys()
        return tuple(sorted(blocking, key=lambda pid: (-len(self.waiters(pid)), pid)))

    def waiters(self, pid: int) -> tuple[int, ...]:
        """Everyone who waits behind `pid`, directly or through others, nearest first."""
        return tuple(waiter for level in self._levels(pid) for waiter in level)

    def direct(self, pid: int) -> tuple[int, ...]:
        """Those who have `pid` itself in their way."""
        return tuple(sorted(waiter for waiter, those in self.blockers.items() if pid in those))

    def depth(self, pid: int) -> int:
        """Length of the longest chain of waiters that starts at `pid`: each one is in the next one's way."""
        longest = {pid: 0}
        for _ in range(len(self.waiters(pid))):
            grown = {
                waiter: 1 + max(longest[ahead] for ahead in those if ahead in longest)
                for waiter, those in self.blockers.items()
                if waiter != pid and any(ahead in longest for ahead in those)
            }
            if all(longest.get(waiter) == length for waiter, length in grown.items()):
                break
            longest.update(grown)
        return max(longest.values())

    def without(self, pid: int) -> Release:
        """As if `pid` were gone: who is free at once, who follows, who stays behind whom."""
        behind = self.waiters(pid)
        rest = LockTree.of(
            (waiter, those - {pid}) for waiter, those in self.blockers.items() if waiter != pid
        )
        at_once = tuple(waiter for waiter in behind if waiter not in rest.blockers)
        staying: dict[int, int] = {}
        for waiter in behind:
            others = rest._holders(waiter) - set(at_once)
            if waiter not in at_once and others:
                staying[waiter] = min(others)
        following = tuple(waiter for waiter in behind if waiter not in staying and waiter not in at_once)
        return Release(at_once, following, staying)

    def _levels(self, pid: int) -> list[list[int]]:
        levels: list[list[int]] = []
        seen, edge = {pid}, {pid}
        while edge:
            reached = sorted(w for w, those in self.blockers.items() if those & edge and w not in seen)
            seen.update(reached)
            edge = set(reached)
            if reached:
                levels.append(reached)
        return levels

    def _holders(self, pid: int) -> set[int]:
        """Those upstream of `pid` who don't wait themselves."""
        seen: set[int] = set()
        edge = {pid}
        while edge:
            seen |= edge
            edge = {ahead for waiter in edge for ahead in self.blockers.get(waiter, ())} - seen
        return {ahead for ahead in seen if ahead not in self.blockers and ahead != pid}
