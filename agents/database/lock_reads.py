"""Read tools over the tree of lock waits: who is where in it, and what would move if one session were gone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.lock_tree import LockTree
from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.statement import all_statements
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool

TREE_COLUMNS = (
    "root",
    "depth",
    "pid",
    "waits_for",
    "wait_s",
    "mode",
    "relation",
    "state",
    "user",
    "application",
)
RELEASE_COLUMNS = ("pid", "outcome", "behind")
NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
ONE_PID = {
    "type": "object",
    "properties": {"pid": {"type": "integer", "minimum": 1, "description": "the session that would be gone"}},
    "required": ["pid"],
    "additionalProperties": False,
}


def lock_tools(reader: Reader) -> dict[str, Tool]:
    """`lock_tree` and `lock_tree_without`, by name."""

    async def tree(_: Mapping[str, Any], target: str) -> Evidence:
        async with reader.lease(target):
            began = time.perf_counter()
            waits = await reader.read(all_statements()["waiting_locks"], {}, target)
            sessions = await reader.read(all_statements()["sessions"], {}, target)
        by_pid = {row["pid"]: row for row in sessions.dicts()}
        return _evidence("lock_tree", waits, TREE_COLUMNS, tuple(_branches(waits.dicts(), by_pid)), began)

    async def without(arguments: Mapping[str, Any], target: str) -> Evidence:
        began = time.perf_counter()
        waits = await reader.read(all_statements()["waiting_locks"], {}, target)
        rows = tuple(_released(LockTree.of_rows(waits.dicts()), arguments["pid"]))
        return _evidence("lock_tree_without", waits, RELEASE_COLUMNS, rows, began)

    summary = "Who waits for whom, as trees: each root, and everybody behind it with depth, wait and lock"
    without_summary = (
        "What would move if one session ended: who is free at once, who follows, who stays behind whom"
    )
    return {
        "lock_tree": Tool("lock_tree", "read", summary, NO_ARGUMENTS, run=tree),
        "lock_tree_without": Tool("lock_tree_without", "read", without_summary, ONE_PID, run=without),
    }


def _evidence(
    name: str, waits: Evidence, columns: tuple[str, ...], rows: tuple[tuple[Any, ...], ...], began: float
) -> Evidence:
    return Evidence.capture(
        tool=name,
        statement=waits.statement,
        target=waits.target,
        captured_at=waits.captured_at,
        duration_ms=round((time.perf_counter() - began) * 1000, 3),
        columns=columns,
        rows=rows,
        truncated=waits.truncated,
    )


def _branches(rows: list[dict[str, Any]], sessions: Mapping[int, Row]) -> Iterator[tuple[Any, ...]]:
    """A row for each root and each that waits behind it, every session once, those nearest to the root first."""
    tree, waits = LockTree.of_rows(rows), {row["pid"]: row for row in rows}
    shown: set[int] = set()
    for root in tree.roots():
        distance, edge = 0, [root]
        while edge:
            yield from (_branch(root, distance, pid, tree, waits.get(pid), sessions.get(pid)) for pid in edge)
            shown.update(edge)
            behind = {waiter for pid in edge for waiter in tree.direct(pid)}
            edge, distance = sorted(behind - shown), distance + 1


def _branch(
    root: int, depth: int, pid: int, tree: LockTree, wait: Row | None, session: Row | None
) -> tuple[Any, ...]:
    waited = (wait["wait_s"], wait["mode"], wait["relation"]) if wait else (None, None, None)
    told = (session["state"], session["user"], session["application"]) if session else (None, None, None)
    return (root, depth, pid, sorted(tree.blockers.get(pid, ())), *waited, *told)


def _released(tree: LockTree, pid: int) -> Iterator[tuple[Any, ...]]:
    release = tree.without(pid)
    yield from ((waiter, "free at once", None) for waiter in release.at_once)
    yield from ((waiter, "free as those ahead finish", None) for waiter in release.following)
    yield from ((waiter, "stays blocked", behind) for waiter, behind in sorted(release.staying.items()))
