"""Reads over pg_stat_statements that are more than one statement: what runs now, and what was planned wrongly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

from agents.database.plans import plan_connection, plan_nodes
from agents.database.reading import Reader, ReadFailed
from agents.database.snapshot import ReadFailure, Row
from agents.database.statement import all_statements
from agents.kernel.canonical import utc_now
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool

COUNTERS = "statement_counters"
TOP, ESTIMATES = "top_statements", "row_estimates"
TOP_SUMMARY = "The statements that took most time during some seconds, as the difference of two samples"
ESTIMATES_SUMMARY = "Rows that the planner expects of the top statements against those that they return"
KEYS = ("query_id", "user", "toplevel")
GROWN = ("calls", "total_ms", "rows", "blks_hit", "blks_read", "temp_bytes")
TOP_COLUMNS = ("query_id", "user", *GROWN, "mean_ms", "share_percent", "query")
ESTIMATE_COLUMNS = (
    "query_id", "user", "calls", "rows_per_call", "planned_rows", "ratio", "node", "relations", "condition", "query",
    "error",
)  # fmt: skip
LONGEST_S = 50
MOST = 20
PLANNED = 20
"""Statements that are planned in one go."""
LEAST_CALLS = 3
READS = ("select", "with", "values", "table")
SECONDS = {
    "type": "object",
    "properties": {"seconds": {"type": "number", "minimum": 0.1, "maximum": LONGEST_S, "description": "time between the samples"}},
    "required": ["seconds"],
    "additionalProperties": False,
}  # fmt: skip
NOTHING = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def top_tool(reader: Reader) -> Tool:
    """`top_statements`: what pg_stat_statements counted within `seconds`, the most time first."""

    async def run(arguments: Mapping[str, Any], target: str) -> Evidence:
        captured_at, began = utc_now(), time.perf_counter()
        async with reader.lease(target):
            first = await reader.read(all_statements()[COUNTERS], {}, target)
            await asyncio.sleep(float(arguments["seconds"]))
            second = await reader.read(all_statements()[COUNTERS], {}, target)
        return Evidence.capture(
            tool=TOP,
            statement=f"-- twice, {arguments['seconds']:g} s apart; what grew in between\n{second.statement}",
            target=target,
            captured_at=captured_at,
            duration_ms=round((time.perf_counter() - began) * 1000, 3),
            columns=TOP_COLUMNS,
            rows=tuple(grown(first, second)[:MOST]),
            truncated=second.truncated,
        )

    return Tool(TOP, "read", TOP_SUMMARY, SECONDS, run=run)


def grown(first: Evidence, second: Evidence) -> list[tuple[Any, ...]]:
    """Rows of TOP_COLUMNS. Raises ReadFailed where the counters were reset in between."""
    known = {_key(row): row for row in first.dicts()}
    rows: list[dict[str, Any]] = []
    for row in second.dicts():
        before = known.get(_key(row))
        if before is None and first.truncated:
            continue  # it may have run for long and only now come under the top ones
        deltas = {name: row[name] - (before[name] if before else 0) for name in GROWN}
        if deltas["calls"] < 0 or (before and before["stats_reset"] != row["stats_reset"]):
            raise ReadFailed(
                ReadFailure("not measurable: the statistics were reset in between", "run it again")
            )
        if deltas["calls"] > 0:
            rows.append({**row, **deltas, "mean_ms": round(deltas["total_ms"] / deltas["calls"], 3)})
    total = sum(row["total_ms"] for row in rows)
    for row in rows:
        row["share_percent"] = round(100 * row["total_ms"] / total, 1) if total else 0.0
    rows.sort(key=lambda one: -one["total_ms"])
    return [tuple(row[column] for column in TOP_COLUMNS) for row in rows]


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[key] for key in KEYS)


def estimates_tool(reader: Reader) -> Tool:
    """`row_estimates`: reads and plans the statements that took most time; runs none of them."""

    async def run(_: Mapping[str, Any], target: str) -> Evidence:
        captured_at, began = utc_now(), time.perf_counter()
        counted = await reader.read(all_statements()[COUNTERS], {}, target)
        rows = [row for row in counted.dicts() if _is_read(row)][:PLANNED]
        estimated = await _estimated(reader, rows, target) if rows else []
        return Evidence.capture(
            tool=ESTIMATES,
            statement=f"-- then EXPLAIN of the {len(rows)} top statements that read, without their parameters\n"
            f"{counted.statement}",
            target=target,
            captured_at=captured_at,
            duration_ms=round((time.perf_counter() - began) * 1000, 3),
            columns=ESTIMATE_COLUMNS,
            rows=tuple(tuple(row[column] for column in ESTIMATE_COLUMNS) for row in estimated),
        )

    return Tool(ESTIMATES, "read", ESTIMATES_SUMMARY, NOTHING, run=run)


def _is_read(row: Row) -> bool:
    text = str(row["query"]).lstrip("( \n\t").lower()
    return not row["hidden"] and row["toplevel"] and row["calls"] >= LEAST_CALLS and text.startswith(READS)


async def _estimated(reader: Reader, rows: Iterable[Row], target: str) -> list[dict[str, Any]]:
    connection = await plan_connection(target)
    estimated = []
    async with connection:
        for row in rows:
            seen = {key: row[key] for key in ("query_id", "user", "calls", "query")}
            returned = row["rows"] / row["calls"]
            try:
                text = await reader.read(
                    all_statements()["statement_text"], {"query_id": row["query_id"]}, target
                )
                nodes = await plan_nodes(connection, text.dicts()[0]["query"], (row["user"], "public"))
                estimated.append({**seen, **_compared(nodes, returned)})
            except (ReadFailed, IndexError) as error:
                estimated.append({**_compared([], returned), **seen, "error": str(error)})
    return estimated


def _compared(nodes: list[dict[str, Any]], returned: float) -> dict[str, Any]:
    planned = nodes[0]["planned_rows"] if nodes else None
    low, high = sorted((max(returned, 1), max(planned or 1, 1)))
    return {
        "rows_per_call": round(returned, 1),
        "planned_rows": planned,
        "ratio": round(high / low, 1) if nodes else None,
        "node": nodes[0]["node"] if nodes else None,
        "relations": list(dict.fromkeys(node["relation"] for node in nodes if node["relation"])),
        "condition": "; ".join(node["condition"] for node in nodes if node["condition"])[:500],
        "error": None,
    }
