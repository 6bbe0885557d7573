"""The read tool that checks B-tree indexes with the amcheck extension, one short statement for each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from agents.database.reading import Reader, ReadFailed
from agents.database.snapshot import Row
from agents.database.statement import all_statements
from agents.kernel.canonical import utc_now
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool

CHECK = "check_indexes"
SUMMARY = "Checks the structure of B-tree indexes against their tables with amcheck, the smallest ones first"
COLUMNS = ("index", "relation", "bytes", "outcome", "sqlstate", "message")
NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
LARGEST_BYTES = 256 << 20
"""A larger index isn't tried: a check that runs into the statement's limit has only cost I/O."""
TOTAL_S = 60.0
"""When so much time has gone, the rest stays unchecked, and says so."""
CORRUPT = ("XX001", "XX002")
NOT_ALLOWED = ("42501", "")
"""No privilege, or no amcheck: the same for every index."""


def amcheck_tool(reader: Reader) -> Tool:
    """`check_indexes`: a row for each index with `ok`, `corrupt` or `unchecked`; fails without amcheck."""

    async def run(_: Mapping[str, Any], target: str) -> Evidence:
        async with reader.lease(target):
            listed = await reader.read(all_statements()["btree_indexes"], {}, target)
            captured_at, began = utc_now(), time.perf_counter()
            indexes = sorted(listed.dicts(), key=lambda row: (row["bytes"], row["index"]))
            rows = [await _checked(reader, row, target, began) for row in indexes]
        return Evidence.capture(
            tool=CHECK,
            statement=f"bt_index_check(index, heapallindexed => true) for each of: {listed.statement}",
            target=target,
            captured_at=captured_at,
            duration_ms=round((time.perf_counter() - began) * 1000, 3),
            columns=COLUMNS,
            rows=tuple(rows),
            truncated=listed.truncated,
        )

    return Tool(CHECK, "read", SUMMARY, NO_ARGUMENTS, run=run)


async def _checked(reader: Reader, row: Row, target: str, began: float) -> tuple[Any, ...]:
    known = (row["index"], row["relation"], row["bytes"])
    if row["bytes"] > LARGEST_BYTES:
        return (*known, "unchecked", "", "too large to be checked within the limit of a statement")
    if time.perf_counter() - began > TOTAL_S:
        return (*known, "unchecked", "", f"not reached within {TOTAL_S:.0f} s")
    try:
        await reader.read(all_statements()["index_check"], {"index": row["index"]}, target)
    except ReadFailed as failed:
        state, words = failed.failure.sqlstate, failed.failure.reason
        if state in NOT_ALLOWED:
            raise
        return (*known, "corrupt" if state in CORRUPT else "unchecked", state, words)
    return (*known, "ok", "", "")
