"""One statement read many times over a few seconds, and put together into one piece of evidence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

from agents.database.reading import Reader
from agents.database.statement import Statement
from agents.kernel.canonical import utc_now
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool

LONGEST_S = 600
SAMPLES_PER_S = 10
"""Samples in a run of more than a second; a shorter one takes as many as the statement asks for."""
MOST_SAMPLES = 600
COLUMNS = ("type", "event", "share_percent", "seen", "taken", "sessions", "pids")
MOST_PIDS = 20
PARAMETERS = {
    "type": "object",
    "properties": {
        "seconds": {
            "type": "number",
            "minimum": 0.1,
            "maximum": LONGEST_S,
            "description": "how long to sample",
        }
    },
    "required": ["seconds"],
    "additionalProperties": False,
}


def sampled_tool(statement: Statement, reader: Reader) -> Tool:
    """A read tool that samples `statement`: `type`, `event`, `sessions` and `pids` of each sample, added up."""

    async def run(arguments: Mapping[str, Any], target: str) -> Evidence:
        seconds = float(arguments["seconds"])
        count = min(max(statement.samples, round(seconds * SAMPLES_PER_S)), MOST_SAMPLES)
        captured_at, began = utc_now(), time.perf_counter()
        samples: list[Evidence] = []
        async with reader.lease(target):
            for place in range(count):
                await asyncio.sleep(max(began + place * seconds / count - time.perf_counter(), 0))
                samples.append(await reader.read(statement, {}, target))
        return Evidence.capture(
            tool=statement.name,
            statement=f"-- {count} samples over {seconds:g} s, added up\n{samples[0].statement}",
            target=target,
            captured_at=captured_at,
            duration_ms=round((time.perf_counter() - began) * 1000, 3),
            columns=COLUMNS,
            rows=tuple(added_up([sample.dicts() for sample in samples])),
        )

    summary = f"{statement.summary}, sampled"
    return Tool(statement.name, "read", summary, PARAMETERS, run=run)


def added_up(samples: Iterable[Iterable[Mapping[str, Any]]]) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS, the most frequent wait first: share of all sessions seen, samples it was seen in."""
    taken, total = 0, 0
    sessions: dict[tuple[str, str], int] = {}
    seen: dict[tuple[str, str], int] = {}
    pids: dict[tuple[str, str], dict[int, None]] = {}
    for rows in samples:
        taken += 1
        for row in rows:
            key = (row["type"], row["event"])
            total += row["sessions"]
            sessions[key] = sessions.get(key, 0) + row["sessions"]
            seen[key] = seen.get(key, 0) + 1
            pids.setdefault(key, {}).update(dict.fromkeys(row["pids"]))
    ordered = sorted(sessions, key=lambda key: -sessions[key])
    return [
        (
            *key,
            round(100 * sessions[key] / total, 1),
            seen[key],
            taken,
            sessions[key],
            [*pids[key]][:MOST_PIDS],
        )
        for key in ordered
    ]
