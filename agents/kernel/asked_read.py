"""A read that a rule wants approved: shown, bound and used up like a change, though nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents.kernel.canonical import utc_now
from agents.kernel.tool import Outcome, Preview, Tool


def as_action(tool: Tool) -> Tool:
    """The read tool with what an approval needs: a card, and its run as the act. Any other tool stays as it is."""
    if tool.run is None or tool.change is not None:
        return tool
    run = tool.run

    async def preview(arguments: Mapping[str, Any], target: str) -> Preview:
        return Preview(
            action=f"read {tool.name} on {target}",
            victims=(),
            effect=("it reads, and changes nothing; what it reads goes into the log", tool.summary),
            reversible="nothing is changed; what was read cannot be unread",
            alternatives=("deny: nothing is read",),
            confirmation="",
            captured_at=utc_now(),
        )

    async def change(arguments: Mapping[str, Any], target: str, seen: Preview) -> Outcome:
        evidence = await run(arguments, target)
        rows = f"{len(evidence.rows)} row{'' if len(evidence.rows) == 1 else 's'}"
        more = ", and more that the evidence does not hold" if evidence.truncated else ""
        text = f"Read {tool.name}: {rows}{more} [{evidence.id}]."
        return Outcome(ok=True, text=text, verified=True, evidence=(evidence,))

    return replace(tool, preview=preview, change=change)
