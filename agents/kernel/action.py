"""One approved action: claimed once, carried out to its end, recorded whatever happens to the one who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.governance.approval import Approval
from agents.kernel.recorded import one_line
from agents.kernel.recorder import Recorder
from agents.kernel.running import running
from agents.kernel.tool import InputRequired, Outcome, Preview, Refused, Tool

_VERIFIED = {
    True: "Reading again confirms it.",
    False: "Reading again does not confirm it.",
    None: "It could not be read again.",
}


@dataclass(frozen=True, slots=True)
class Action:
    """An approved call with the facts that were read right before it."""

    approval: Approval
    tool: Tool
    preview: Preview
    by: str
    process: str
    policy: Mapping[str, Any]
    """The verdict right before it, as an event keeps it."""

    async def start(self, recorder: Recorder) -> bool:
        """Use the approval up, on disk, before anything has an effect; False where it was used before."""
        await recorder.flush()
        call = self.approval.call
        started = recorder.event(
            "action.started",
            {
                "approval": self.approval.id,
                "tool": call.tool,
                "arguments": dict(call.arguments),
                "call_sha256": self.approval.call_sha256,
                "by": self.by,
                "process": self.process,
                "policy": dict(self.policy),
            },
        )
        if not await asyncio.to_thread(recorder.log.claim, self.approval.id, started):
            return False
        await recorder.passed(started)
        return True

    async def finish(self, recorder: Recorder) -> str:
        """Act, verify and record. A cancelled caller leaves; the action goes on to its end and is recorded."""
        return await asyncio.shield(
            asyncio.create_task(self._finish(recorder), name=f"action {self.approval.id}")
        )

    async def _finish(self, recorder: Recorder) -> str:
        assert self.tool.change is not None
        call = self.approval.call
        try:
            with running(recorder, self.approval.id):
                outcome = await self.tool.change(call.arguments, call.target, self.preview)
        except Refused as refusal:
            outcome = Outcome(ok=False, text=f"Not done: {refusal}.", verified=None)
        except InputRequired as asks:
            outcome = Outcome(ok=False, text=f"It ended with a question: {asks.text}", verified=None)
            await recorder.commit("action.finished", self._result(outcome))
            raise
        except Exception as error:
            return await self._doubt(one_line(error), recorder)
        for item in outcome.evidence:
            recorder.emit("evidence", {"evidence": item.to_json()})
        await recorder.commit("action.finished", self._result(outcome))
        return outcome.text if self.tool.risk == "read" else told(outcome)

    def _result(self, outcome: Outcome) -> dict[str, object]:
        return {
            "approval": self.approval.id,
            "ok": outcome.ok,
            "text": outcome.text,
            "verified": outcome.verified,
            "evidence": [item.id for item in outcome.evidence],
            "freed": list(outcome.freed),
            "undo": self.preview.undo if outcome.ok else None,
        }

    async def _doubt(self, error: str, recorder: Recorder) -> str:
        """It broke in the middle: what it did before is not known."""
        reason = (
            f"{self.preview.action}: it was started, and then: {error}; look before you do anything again"
        )
        await recorder.commit("action.in_doubt", {"approval": self.approval.id, "reason": reason})
        return f"In doubt: {reason}. It is not tried again."


def told(outcome: Outcome) -> str:
    """The outcome in words for the operator."""
    lines = [outcome.text]
    if outcome.freed:
        waiters = "session" if len(outcome.freed) == 1 else "sessions"
        lines.append(f"Freed {len(outcome.freed)} {waiters}: {', '.join(map(str, outcome.freed))}.")
    if outcome.ok:
        lines.append(_VERIFIED[outcome.verified])
    return " ".join(lines)
