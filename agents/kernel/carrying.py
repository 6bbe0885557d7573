"""An approved call carried out: everything read and judged again right before, acted on once, recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from agents.governance.approval import Approval, Decision, address
from agents.governance.policy import Verdict
from agents.governance.rule import Impact
from agents.kernel.action import Action
from agents.kernel.asking import Asking
from agents.kernel.decisions import changed, decided_body, grant_body
from agents.kernel.judging import Judge
from agents.kernel.recorded import one_line
from agents.kernel.recorder import Recorder
from agents.kernel.tool import Preview, Refused
from agents.log import EventLog

ACTION_LIMIT_S = 10.0
"""How long a process that ends waits for an action under way; ending a session takes far less."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a decision or a refresh."""

    text: str
    """One or more sentences for the operator; empty where the events say it all."""
    waiting: Approval | None = None
    """The approval that still waits for a decision; None where it came to an end."""


class Carrying:
    """From a yes to its action, for the executor alone."""

    def __init__(self, asking: Asking, judge: Judge, log: EventLog, process: str) -> None:
        """`process` marks actions started by this process."""
        self._asking = asking
        self._judge = judge
        self._log = log
        self._process = process
        self._actions: set[asyncio.Task[str]] = set()

    async def carry_out(
        self, approval: Approval, decision: Decision, given: tuple[str, ...], recorder: Recorder
    ) -> Answer:
        """Record the decision, then act, if all still is as it was approved. `given`: who approved it."""
        recorder.emit("approval.decided", decided_body(decision, given), principal=decision.by)
        await recorder.flush()
        if line := await self._withdrawn(approval):
            return await self.refuse(approval.id, line, recorder)
        preview = await self.same_victims(approval, recorder)
        if isinstance(preview, Answer):
            return preview
        verdict, against = await self.judged_now(approval, preview, recorder)
        if against:
            return await self.refuse(approval.id, against, recorder)
        if approval.expired():
            return await self.refuse(approval.id, f"it expired at {approval.expires_at}", recorder)
        tool = self._asking.acting(approval.call, recorder)
        await self._open_up(approval, decision, recorder)
        return await self._act(
            Action(approval, tool, preview, decision.by, self._process, verdict.to_json()), recorder
        )

    async def same_victims(self, approval: Approval, recorder: Recorder) -> Preview | Answer:
        """The facts read just now, if they are of the very victims that were approved; else the refusal."""
        call = approval.call
        if address(self._judge.describe(call.target)) != address(approval.target):
            return await self.refuse(
                approval.id, f"{call.target} is another server than the one approved", recorder
            )
        asked = Verdict("approve", approval.policy.get("rule", ""), approval.policy.get("text", ""))
        try:
            await self._asking.prepared(call)
            tool = self._asking.acting(call, recorder)
            preview = await self._asking.preview(call, tool, recorder, asked)
        except Refused as refusal:
            return await self.refuse(approval.id, str(refusal), recorder)
        except Exception as error:
            return await self.refuse(approval.id, f"it could not be read again: {one_line(error)}", recorder)
        if difference := changed(approval.preview.victims, preview.victims):
            return await self.refuse(approval.id, difference, recorder)
        return preview

    async def refuse(self, approval_id: str, reason: str, recorder: Recorder) -> Answer:
        """Use the approval up without acting on it. Another process may have acted meanwhile: that stands."""
        refused = recorder.event("action.refused", {"approval": approval_id, "reason": reason})
        await recorder.flush()
        if not await asyncio.to_thread(self._log.claim, approval_id, refused):
            return used_already(approval_id)
        await recorder.passed(refused)
        return Answer(f"Refused: {reason}. Nothing was done; ask again for a new approval.")

    async def close(self, limit_s: float = ACTION_LIMIT_S) -> None:
        """Wait for the actions that are under way, so that their end is recorded."""
        if self._actions:
            await asyncio.wait(self._actions, timeout=limit_s)

    async def _open_up(self, approval: Approval, decision: Decision, recorder: Recorder) -> None:
        """What the yes is for beside this call; where the call is refused it is for nothing."""
        if approval.locked and not await self._judge.unlocked(approval.call.target, approval.session):
            body = {"target": approval.call.target, "by": decision.by}
            recorder.emit("target.unlocked", body, principal=decision.by)
        if decision.grant is not None:
            recorder.emit("grant.given", grant_body(approval, decision), principal=decision.by)

    async def _withdrawn(self, approval: Approval) -> str:
        """Who took a yes back before the last one was on disk, in one line: the order in the log decides."""
        if approval.approvers == 1:
            return ""
        row = await asyncio.to_thread(self._log.approval, approval.id)
        given = len(row.given) if row else 0
        return (
            ""
            if given >= approval.approvers
            else f"a yes was withdrawn; {given} of {approval.approvers} are left"
        )

    async def _act(self, action: Action, recorder: Recorder) -> Answer:
        if not await action.start(recorder):
            return used_already(action.approval.id)
        running = asyncio.create_task(action.finish(recorder), name=f"action {action.approval.id}")
        self._actions.add(running)
        running.add_done_callback(self._actions.discard)
        # A cancelled task lets go of its action; the action goes on to its end and is recorded.
        return Answer(await asyncio.shield(running))

    async def judged_now(
        self, approval: Approval, preview: Preview, recorder: Recorder
    ) -> tuple[Verdict, str]:
        """The verdict on what was read just now, and what it has against the approval: rules and hours change."""
        judged = await self._judge.change(
            approval.call, approval.risk, approval.asked_by, recorder, Impact.of(preview), unlocked=True
        )
        verdict = judged.verdict
        stricter = verdict.approvers > approval.approvers or (verdict.four_eyes and not approval.four_eyes)
        forbidden = verdict.effect == "deny" or stricter
        return (
            verdict,
            f"the policy does not allow it now: {verdict.text} ({verdict.rule})" if forbidden else "",
        )


def used_already(approval_id: str) -> Answer:
    """The answer to whoever comes second."""
    return Answer(f"Approval {approval_id} was used already; nothing was done a second time.")
