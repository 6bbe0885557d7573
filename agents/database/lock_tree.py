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
    """Waiter → those in its way (holders and those ahead in the queue), and the other way round."""

    blockers: Mapping[int, frozenset[int]]
    followers: Mapping[int, tuple[int, ...]]

    @classmethod
    def of(cls, waits: Iterable[tuple[int, Iterable[int]]]) -> LockTree:
        """From pairs of a waiting pid and its blockers; a pid may come more than once."""
        blockers: dict[int, frozenset[int]] = {}
        for pid, blocked_by in waits:
            blockers[pid] = blockers.get(pid, frozenset()) | (frozenset(blocked_by) - {pid})
        blockers = {pid: those for pid, those in sorted(blockers.items()) if those}
        followers: dict[int, list[int]] = {}
        for pid, those in blockers.items():
            for ahead in those:
                followers.setdefault(ahead, []).append(pid)
        return cls(blockers, {ahead: tuple(behind) for ahead, behind in followers.items()})

    @classmethod
    def of_rows(cls, rows: Iterable[Row]) -> LockTree:
        """From the rows of `waiting_locks`."""
        return cls.of((row["pid"], row["blocked_by"]) for row in rows)

    def roots(self) -> tuple[int, ...]:
        """Those who block and don't wait, the one with most waiters first."""
        blocking = self.followers.keys() - self.blockers.keys()
        return tuple(sorted(blocking, key=lambda pid: (-len(self.waiters(pid)), pid)))

    def waiters(self, pid: int) -> tuple[int, ...]:
        """Everyone who waits behind `pid`, directly or through others, nearest first."""
        found: dict[int, None] = {}
        edge = [pid]
        while edge:
            edge = sorted({w for ahead in edge for w in self.direct(ahead) if w != pid and w not in found})
            found.update(dict.fromkeys(edge))
        return tuple(found)

    def direct(self, pid: int) -> tuple[int, ...]:
        """Those who have `pid` itself in their way."""
        return self.followers.get(pid, ())

    def depth(self, pid: int) -> int:
        """Length of the longest chain of waiters that starts at `pid`: each one is in the next one's way.

        Those in a ring of waiters (a deadlock about to be found) don't lengthen it.
        """
        behind = {pid, *self.waiters(pid)}
        open_ends = {waiter: len(self.blockers[waiter] & behind) for waiter in behind - {pid}}
        depths, ready = {pid: 0}, [pid]
        for ahead in ready:
            for waiter in self.direct(ahead):
                if waiter == pid:
                    continue
                depths[waiter] = max(depths.get(waiter, 0), depths[ahead] + 1)
                open_ends[waiter] -= 1
                if not open_ends[waiter]:
                    ready.append(waiter)
        return max(depths.values())

    def without(self, pid: int) -> Release:
        """As if `pid` were gone: who is free at once, who follows, who stays behind whom."""
        behind = self.waiters(pid)
        rest = LockTree.of(
            (waiter, those - {pid}) for waiter, those in self.blockers.items() if waiter != pid
        )
        at_once = tuple(waiter for waiter in behind if waiter not in rest.blockers)
        staying: dict[int, int] = {}
        for root in sorted(set(rest.roots()) - set(at_once)):
            for waiter in rest.waiters(root):
                if waiter in behind:
                    staying.setdefault(waiter, root)
        following = tuple(waiter for waiter in behind if waiter not in staying and waiter not in at_once)
        return Release(at_once, following, staying)
