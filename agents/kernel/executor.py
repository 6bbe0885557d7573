"""The one executor: nothing else runs a tool, for a rule, a model, a playbook or the command line."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from agents.governance.approval import Approval, Decision, address, binding
from agents.governance.policy import Policy
from agents.governance.rule import Request
from agents.kernel import targets
from agents.kernel.action import Action
from agents.kernel.canonical import utc_text
from agents.kernel.decisions import changed, ended, objection
from agents.kernel.event import new_id
from agents.kernel.recorded import one_line, recorded
from agents.kernel.recorder import Recorder
from agents.kernel.records import Evidence
from agents.kernel.schema import checker
from agents.kernel.tool import Preview, Refused, Tool, ToolCall
from agents.log import ApprovalRow, EventLog

ACTION_LIMIT_S = 10.0
"""How long a process that ends waits for an action under way; ending a session takes far less."""


class Parked(Exception):
    """The call waits for an approval; the task ends here and goes on with the decision."""

    def __init__(self, approval: Approval) -> None:
        super().__init__(f"waits for approval {approval.id}")
        self.approval = approval


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a decision or a refresh."""

    text: str
    """One or more sentences for the operator."""
    waiting: Approval | None = None
    """The approval that still waits for a decision; None where it came to an end."""


class Executor:
    """Validates, asks, re-reads, acts, verifies and records; for the tools of one agent."""

    def __init__(
        self,
        tools: Mapping[str, Tool],
        log: EventLog,
        policy: Policy,
        *,
        describe: Callable[[str], Mapping[str, Any]] = targets.describe,
        process: str = "",
    ) -> None:
        """`describe` tells of a target what an approval binds; `process` marks actions started by this process.

        Raises BadSchema where a tool's parameters cannot be checked in full.
        """
        self._tools = dict(tools)
        self._checks = {name: checker(tool.parameters, tool.name) for name, tool in tools.items()}
        self._log = log
        self._policy = policy
        self._describe = describe
        self._process = process
        self._actions: set[asyncio.Task[str]] = set()
        self._deciding: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, call: ToolCall, recorder: Recorder, parent: str = "") -> Evidence:
        """Run a read tool and record call, evidence and return. Raises Refused, or what the tool raises."""
        tool = self._tool(call)
        verdict = self._policy.judge(Request(call.tool, tool.risk, self._describe(call.target)))
        if tool.run is None or verdict.effect != "allow":
            raise Refused(f"{call.tool} is not run as a read: {verdict.text}")
        run = tool.run
        return await recorded(
            recorder,
            call,
            lambda: run(call.arguments, call.target),
            lambda evidence: (evidence,),
            parent=parent,
        )

    async def ask(self, call: ToolCall, why: Mapping[str, Any], recorder: Recorder) -> NoReturn:
        """Read what the change would hit, record the request for approval, and raise Parked.

        Raises Refused where the policy or the tool says that this is never done.
        """
        tool = self._tool(call)
        unlocked = await self._unlocked(call.target, recorder.session)
        verdict = self._policy.judge(
            Request(call.tool, tool.risk, self._describe(call.target), unlocked=unlocked)
        )
        if verdict.effect == "deny":
            raise Refused(f"{call.tool} on {call.target} is not allowed: {verdict.text} ({verdict.rule})")
        preview = await self._preview(call, tool, recorder)
        approval = replace(
            self._approval(call, tool, preview, why, recorder),
            policy={"rule": verdict.rule, "text": verdict.text},
            role=await self._role(call.target, recorder.session),
            locked=not unlocked,
        )
        await recorder.commit("approval.requested", {"approval": approval.to_json()})
        raise Parked(approval)

    async def refresh(self, approval_id: str, recorder: Recorder) -> Answer:
        """Read the victims of a waiting approval again; it becomes void where they changed."""
        async with self._deciding[approval_id]:
            row = await self._row(approval_id, recorder)
            if row is None or row.state != "pending":
                return Answer(f"Approval {approval_id} does not wait for a decision.")
            approval = Approval.from_json(row.approval)
            preview = await self._same_victims(approval, recorder)
            if isinstance(preview, Answer):
                return preview
            fresh = approval.refreshed(preview)
            await recorder.commit("approval.refreshed", {"approval": fresh.to_json()})
            return Answer(f"Read again at {preview.captured_at}.", fresh)

    async def decide(self, decision: Decision, recorder: Recorder) -> Answer:
        """Carry out a decision: check it, re-read the victims, act once, verify, record each step."""
        async with self._deciding[decision.approval]:
            row = await self._row(decision.approval, recorder)
            if row is None:
                return Answer(
                    f"approval {decision.approval or '(none)'} is not one of this task; nothing was done"
                )
            if reason := ended(row, decision):
                return await self._over(row, reason, recorder)
            approval = Approval.from_json(row.approval)
            locked = not await self._unlocked(approval.call.target, approval.session)
            if line := objection(approval, decision, locked):
                await recorder.commit(
                    "note", {"text": f"decision not accepted: {line}", "approval": approval.id}
                )
                return Answer(f"Not accepted: {line}.", approval)
            return await self._carry_out(approval, decision, locked, recorder)

    async def close(self, limit_s: float = ACTION_LIMIT_S) -> None:
        """Wait for the actions that are under way, so that their end is recorded."""
        if self._actions:
            await asyncio.wait(self._actions, timeout=limit_s)

    async def _carry_out(
        self, approval: Approval, decision: Decision, locked: bool, recorder: Recorder
    ) -> Answer:
        body = {
            key: getattr(decision, key) for key in ("approval", "decision", "by", "reason", "confirmation")
        }
        recorder.emit("approval.decided", {**body, "unlock": decision.unlock}, principal=decision.by)
        if decision.decision == "deny":
            await recorder.flush()
            return Answer(
                f"Denied by {decision.by}{f': {decision.reason}' if decision.reason else ''}. Nothing was done."
            )
        if locked:
            recorder.emit(
                "target.unlocked", {"target": approval.call.target, "by": decision.by}, principal=decision.by
            )
        await recorder.flush()
        preview = await self._same_victims(approval, recorder)
        if isinstance(preview, Answer):
            return preview
        if approval.expired():
            return await self._refuse(approval.id, f"it expired at {approval.expires_at}", recorder)
        action = Action(approval, self._tools[approval.call.tool], preview, decision.by, self._process)
        if not await action.start(recorder):
            return Answer(f"Approval {approval.id} was used already; nothing was done a second time.")
        running = asyncio.create_task(action.finish(recorder), name=f"action {approval.id}")
        self._actions.add(running)
        running.add_done_callback(self._actions.discard)
        # A cancelled task lets go of its action; the action goes on to its end and is recorded.
        return Answer(await asyncio.shield(running))

    async def _same_victims(self, approval: Approval, recorder: Recorder) -> Preview | Answer:
        """The facts read just now, if they are of the very victims that were approved; else the refusal."""
        call = approval.call
        if address(self._describe(call.target)) != address(approval.target):
            return await self._refuse(
                approval.id, f"{call.target} is another server than the one approved", recorder
            )
        try:
            preview = await self._preview(call, self._tool(call), recorder)
        except Refused as refusal:
            return await self._refuse(approval.id, str(refusal), recorder)
        except Exception as error:
            return await self._refuse(approval.id, f"it could not be read again: {one_line(error)}", recorder)
        if difference := changed(approval.preview.victims, preview.victims):
            return await self._refuse(approval.id, difference, recorder)
        return preview

    async def _refuse(self, approval_id: str, reason: str, recorder: Recorder) -> Answer:
        await recorder.commit("action.refused", {"approval": approval_id, "reason": reason})
        return Answer(f"Refused: {reason}. Nothing was done; ask again for a new approval.")

    async def _over(self, row: ApprovalRow, reason: str, recorder: Recorder) -> Answer:
        if row.state == "expired":
            return await self._refuse(row.id, reason, recorder)
        return Answer(f"Nothing was done on approval {row.id}: {reason}.")

    async def _preview(self, call: ToolCall, tool: Tool, recorder: Recorder) -> Preview:
        if tool.preview is None or tool.change is None:
            raise Refused(f"{call.tool} does not change anything")
        look = tool.preview
        return await recorded(
            recorder,
            replace(call, tool=f"preview:{call.tool}"),
            lambda: look(call.arguments, call.target),
            lambda preview: preview.evidence,
        )

    def _approval(
        self, call: ToolCall, tool: Tool, preview: Preview, why: Mapping[str, Any], recorder: Recorder
    ) -> Approval:
        now = datetime.now(UTC)
        target = dict(self._describe(call.target))
        return Approval(
            id=new_id(),
            call=call,
            risk=tool.risk,
            preview=preview,
            call_sha256=binding(call, target, preview.victims),
            requester=f"agent:{recorder.agent}",
            why=why,
            policy={},
            target=target,
            role="",
            task=recorder.task,
            agent=recorder.agent,
            session=recorder.session,
            created_at=utc_text(now),
            expires_at=utc_text(now + timedelta(seconds=self._policy.approval_ttl_s)),
        )

    def _tool(self, call: ToolCall) -> Tool:
        """The tool that is called, its arguments checked. Raises Refused."""
        tool = self._tools.get(call.tool)
        if tool is None:
            raise Refused(f"there is no tool {call.tool}; known: {', '.join(sorted(self._tools))}")
        if line := self._checks[tool.name](call.arguments):
            raise Refused(f"{call.tool}: {line}")
        return tool

    async def _row(self, approval_id: str, recorder: Recorder) -> ApprovalRow | None:
        """The approval, if it was asked by this agent in this very task and session."""
        row = await asyncio.to_thread(self._log.approval, approval_id)
        own = (recorder.agent, recorder.task, recorder.session)
        return row if row and (row.agent, row.task, row.session) == own else None

    async def _unlocked(self, target: str, session: str) -> bool:
        kinds = ("target.unlocked", "target.locked")
        events = await asyncio.to_thread(self._log.events, session, kinds=kinds)
        states = [item.event.kind for item in events if item.event.body.get("target") == target]
        return bool(states) and states[-1] == "target.unlocked"

    async def _role(self, target: str, session: str) -> str:
        """Primary or standby, as the session's last look at the target told."""
        kinds = ("target.selected", "conclusion")
        events = await asyncio.to_thread(self._log.events, session, kinds=kinds)
        for item in reversed(events):
            body = item.event.body
            server = (body if item.event.kind == "target.selected" else body.get("report") or {}).get(
                "server"
            )
            if item.event.target == target and server:
                return str(server.get("role", ""))
        return ""
