"""How a server is set up now against how it was when its operator kept a baseline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.reading import Reader
from agents.database.statement import all_statements
from agents.governance.approval import address
from agents.kernel import targets
from agents.kernel.canonical import utc_now
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool
from agents.log import EventLog
from agents.log.baselines import baselines
from inventory.errors import UserError

BASELINE, DIFFERENCE = "baseline", "baseline_difference"
COLUMNS = ("kind", "name", "then", "now", "change")
SUMMARY = (
    "What is set up otherwise than in a kept baseline: version, settings, extensions; empty where nothing is"
)
WHICH = {
    "type": "object",
    "properties": {
        "baseline": {
            "type": "string",
            "maxLength": 100,
            "description": "evidence id of a kept baseline; left out or empty: the one kept last",
        }
    },
    "required": [],
    "additionalProperties": False,
}

Facts = Mapping[tuple[str, str], str]


def baseline_tool(reader: Reader) -> Tool:
    """`baseline_difference`: reads the set-up again and compares it with a baseline that the log holds."""

    async def run(arguments: Mapping[str, Any], target: str) -> Evidence:
        captured_at, began = utc_now(), time.perf_counter()
        kept = await asyncio.to_thread(_kept, target, str(arguments.get("baseline", "")))
        now = await reader.read(all_statements()[BASELINE], {}, target)
        return Evidence.capture(
            tool=DIFFERENCE,
            statement=f"-- against the baseline {kept.id} of {kept.captured_at}\n{now.statement}",
            target=target,
            captured_at=captured_at,
            duration_ms=round((time.perf_counter() - began) * 1000, 3),
            columns=COLUMNS,
            rows=tuple(differences(_facts(kept), _facts(now))),
            truncated=kept.truncated or now.truncated,
        )

    return Tool(DIFFERENCE, "read", SUMMARY, WHICH, run=run)


def differences(then: Facts, now: Facts) -> Iterator[tuple[str, str, str | None, str | None, str]]:
    """A row of COLUMNS for each fact that is not as it was, in the order of kind and name."""
    for key in sorted({*then, *now}):
        before, after = then.get(key), now.get(key)
        if before != after:
            change = "added" if before is None else "removed" if after is None else "changed"
            yield (*key, before, after, change)


def _facts(evidence: Evidence) -> Facts:
    return {(row["kind"], row["name"]): row["value"] for row in evidence.dicts()}


def _kept(target: str, wanted: str) -> Evidence:
    """The baseline asked for, else the last one of this very server. Raises UserError where there is none."""
    with EventLog.open() as log:
        kept = baselines(log, address(targets.describe(target)))
    fitting = [one for one in kept if wanted in ("", one.id)]
    if not fitting:
        named = f" {wanted}" if wanted else ""
        raise UserError(f"no baseline{named} of {target} is kept; keep one: helpdesk baseline keep {target}")
    return fitting[-1]
