"""A tool call with its record: called, evidence, returned."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from agents.kernel.event import new_id
from agents.kernel.recorder import Recorder
from agents.kernel.records import Evidence, Risk
from agents.kernel.running import running
from agents.kernel.tool import ToolCall
from agents.log.outputs import kept_or_said
from inventory.masking import inert_line, mask

CALL_LIMIT_S = 60.0
"""A read or preview that takes longer is given up; statements have far shorter limits of their own."""

T = TypeVar("T")


async def recorded(
    recorder: Recorder,
    call: ToolCall,
    run: Callable[[], Awaitable[T]],
    evidence_of: Callable[[T], tuple[Evidence, ...]],
    *,
    policy: Mapping[str, Any],
    risk: Risk = "read",
    parent: str = "",
) -> T:
    """Run a call and record when it began, the evidence it gave, and how it ended. What it raises comes through.

    `policy` is the verdict that lets it run, as an event keeps it.
    """
    call_id = new_id()
    recorder.emit(
        "tool.called",
        {
            "call": call_id,
            "tool": call.tool,
            "risk": risk,
            "target": call.target,
            "arguments": dict(call.arguments),
            "parent": parent,
            "policy": dict(policy),
            "by": recorder.caller,
        },
    )
    began = time.monotonic()
    error = "cancelled"
    evidence: tuple[Evidence, ...] = ()
    try:
        async with asyncio.timeout(CALL_LIMIT_S):
            with running(recorder, call_id) as here:
                result = await run()
        evidence, error = evidence_of(result), ""
        if here.whole is not None and evidence:
            about = (recorder.log.path, recorder.session, evidence[0].id, here.whole)
            recorder.emit(*await asyncio.to_thread(kept_or_said, *about))
        return result
    except Exception as raised:
        error = one_line(raised)
        raise
    finally:
        for item in evidence:
            recorder.emit("evidence", {"evidence": item.to_json()})
        recorder.emit(
            "tool.returned",
            {
                "call": call_id,
                "ok": not error,
                "duration_ms": round((time.monotonic() - began) * 1000, 3),
                "rows": sum(len(item.rows) for item in evidence),
                "evidence": evidence[0].id if evidence else "",
                "error": error,
            },
        )


def one_line(error: BaseException) -> str:
    """What an exception says, masked, in one line that is never empty."""
    unsaid = "timed out" if isinstance(error, TimeoutError) else type(error).__name__
    return inert_line(mask(str(error))).strip() or unsaid
