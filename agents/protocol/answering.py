"""An operator's message to a task that waits: a decision, a refresh, plain words, or nothing that helps."""

from __future__ import annotations

import asyncio

from a2a.types import Message

from agents.governance.approval import Approval
from agents.kernel.carrying import Answer
from agents.kernel.event import Event
from agents.kernel.executor import Executor
from agents.kernel.recorder import Recorder
from agents.log import ApprovalRow, EventLog
from agents.protocol.extension import (
    decode_decision,
    decode_edit,
    decode_refresh,
    decode_revoke,
    decode_undo,
    decode_withdraw,
    plain_decision,
)
from agents.protocol.wire import datas, text_of

CANCEL_REASON = "the task was cancelled"


class Answering:
    """Reads answers for the tasks of one agent; approvals come from the log, so that they outlive the process."""

    def __init__(self, executor: Executor, log: EventLog) -> None:
        self._executor = executor
        self._log = log

    async def answer(self, message: Message, by: str, recorder: Recorder) -> Answer:
        """Carry out what the message says. An answer that leaves the approval waiting holds it."""
        answer = await self._understood(message, by, recorder)
        if answer.waiting is not None:
            return answer
        row = await self._last(recorder.task)
        if row is not None and row.state == "pending":
            return Answer(answer.text, Approval.from_json(row.approval))
        return answer

    async def ordered(self, message: Message, recorder: Recorder) -> Answer | None:
        """Carry out what needs no expert: an undo (raises Parked, Settled or Refused), or a grant taken back."""
        for data in datas(message):
            if (approval_id := decode_undo(data)) is not None:
                await self._executor.undo(approval_id, recorder)
            if (revoked := decode_revoke(data)) is not None:
                return await self._executor.revoke(*revoked, recorder)
        return None

    async def asked_plainly(self, recorder: Recorder) -> bool:
        """Whether the task waits for words, not for a decision."""
        events = await asyncio.to_thread(self._log.events, recorder.session, kinds=("task",))
        waits = [
            item.event.body
            for item in events
            if item.event.task == recorder.task and item.event.body["state"] == "input-required"
        ]
        return bool(waits) and "choices" in waits[-1]

    async def target(self, task_id: str) -> str:
        """Target of the approval that this task asked for; empty where it asked for none."""
        row = await self._last(task_id)
        return row.target if row else ""

    async def asked_by(self, task_id: str) -> str:
        """For whom the task asked for its approval; empty where it asked for none, or nobody knows."""
        row = await self._last(task_id)
        return str(row.approval.get("asked_by") or "") if row else ""

    async def cancel_refusal(self, task_id: str, by: str) -> str:
        """Why `by` may not cancel the task: that would deny the approval it waits for. Empty where it may."""
        row = await self._last(task_id)
        if row is None or row.state not in ("pending", "expired"):
            return ""
        return self._executor.refusal(by, "deny", row.approval["target"])

    async def cancelled(self, recorder: Recorder) -> list[Event]:
        """Record that the task was cancelled and that its waiting approvals are void; the last event says so."""
        rows = [row for row in await asyncio.to_thread(self._log.approvals) if row.task == recorder.task]
        recorder.target = rows[-1].target if rows else recorder.target
        events = []
        for row in rows:
            void = recorder.event("action.refused", {"approval": row.id, "reason": CANCEL_REASON})
            # Used up like by an action: whoever approves it at this moment comes too late, or first.
            if row.state in ("pending", "expired") and await asyncio.to_thread(self._log.claim, row.id, void):
                events.append(void)
        acting = any(row.state == "started" for row in rows)
        text = "cancelled; the action under way goes on to its end" if acting else "cancelled"
        ended = recorder.event("task", {"state": "canceled", "text": text})
        await asyncio.to_thread(self._log.append, ended)
        return [*events, ended]

    async def _understood(self, message: Message, by: str, recorder: Recorder) -> Answer:
        for data in datas(message):
            if (approval_id := decode_refresh(data)) is not None:
                return await self._executor.refresh(approval_id, recorder)
            if (edit := decode_edit(data)) is not None:
                return await self._executor.edit(*edit, recorder)
            if (withdrawn := decode_withdraw(data)) is not None:
                return await self._executor.withdraw(*withdrawn, recorder)
            if decision := decode_decision(data, by):
                return await self._executor.decide(decision, recorder)
        row = await self._last(recorder.task)
        if row is None:
            return Answer("This task waits for no approval.")
        decision = plain_decision(text_of(message), Approval.from_json(row.approval), by)
        if decision:
            return await self._executor.decide(decision, recorder)
        if row.state == "pending":
            return Answer("That is no decision on the approval; nothing was done.")
        return Answer(f"The approval does not wait any more ({row.state}); nothing was done.")

    async def _last(self, task_id: str) -> ApprovalRow | None:
        rows = await asyncio.to_thread(self._log.approvals)
        return next((row for row in reversed(rows) if row.task == task_id), None)
