"""The one executor: nothing else runs a tool, for a rule, a model, a playbook or the command line."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from agents.governance.approval import Approval, Decision, address
from agents.governance.house import House
from agents.governance.policy import Policy, Verdict
from agents.governance.roles import Action as Doing
from agents.kernel import targets
from agents.kernel.asking import Asking
from agents.kernel.carrying import Answer, Carrying, used_already
from agents.kernel.decisions import (
    decided_body,
    ended,
    needed,
    objection,
    undo_objection,
    unreadable,
)
from agents.kernel.judging import Judge
from agents.kernel.recorded import one_line, recorded
from agents.kernel.recorder import Recorder
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool, ToolCall
from agents.log import ApprovalRow, EventLog


class Parked(Exception):
    """The call waits for an approval; the task ends here and goes on with the decision."""

    def __init__(self, approval: Approval) -> None:
        super().__init__(f"waits for approval {approval.id}")
        self.approval = approval


class Settled(Exception):
    """The change was decided by a rule or a grant, and carried out; the task ends with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


class Executor:
    """Validates, asks, re-reads, acts, verifies and records; for the tools of one agent."""

    def __init__(
        self,
        tools: Mapping[str, Tool],
        log: EventLog,
        policy: Policy | House,
        *,
        describe: Callable[[str], Mapping[str, Any]] = targets.describe,
        process: str = "",
    ) -> None:
        """`describe` tells of a target what an approval binds; `process` marks actions started by this process.

        Raises BadSchema where a tool's parameters cannot be checked in full.
        """
        self._judge = Judge(policy if isinstance(policy, House) else House(policy), log, describe)
        self._asking = Asking(tools, log, self._judge)
        self._log = log
        self._carrying = Carrying(self._asking, self._judge, log, process)
        self._deciding: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, call: ToolCall, recorder: Recorder, parent: str = "") -> Evidence:
        """Run a read tool and record call, evidence and return. Raises Refused, or what the tool raises."""
        self._judge.tell_news(recorder)
        call = await self._asking.prepared(call)
        tool = self._asking.tool(call, recorder)
        if parent and not self.for_models(tool):
            reason = f"{call.tool} is for people; a rule of the policy that names it would open it to a model"
            raise self._asking.refused(call, reason, recorder)
        verdict = self._judge.read(call, tool.risk, recorder)
        if tool.run is None or verdict.effect != "allow":
            reason = f"{call.tool} is not run as a read: {verdict.text}"
            raise self._asking.refused(call, reason, recorder, verdict)
        run = tool.run
        return await recorded(
            recorder,
            call,
            lambda: run(call.arguments, call.target),
            lambda evidence: (evidence,),
            policy=verdict.to_json(),
            parent=parent,
        )

    async def read_or_ask(self, call: ToolCall, why: Mapping[str, Any], recorder: Recorder) -> Evidence:
        """As `read`; where a rule wants this read approved, ask for it instead: raises Parked, or Settled."""
        call = await self._asking.prepared(call)
        tool = self._asking.tool(call, recorder)
        if tool.run is not None and self._judge.read(call, tool.risk, recorder).effect == "approve":
            await self.ask(call, why, recorder)
        return await self.read(call, recorder)

    async def ask(self, call: ToolCall, why: Mapping[str, Any], recorder: Recorder, **about: Any) -> NoReturn:
        """Read what the change would hit, record the request for approval, and raise Parked.

        Raises Settled where a rule or a grant decided it, Refused where it is never done. `about` are further
        fields of the approval.
        """
        self._judge.tell_news(recorder)
        approval, verdict = await self._asking.approval(call, why, recorder.caller, recorder, **about)
        await recorder.commit("approval.requested", {"approval": approval.to_json()})
        if decision := await self._decided_already(approval, verdict, recorder):
            async with self._deciding[approval.id]:
                raise Settled(await self._carrying.carry_out(approval, decision, (decision.by,), recorder))
        raise Parked(approval)

    async def refresh(self, approval_id: str, recorder: Recorder) -> Answer:
        """Read the victims of a waiting approval again; it becomes void where they changed. Says where the rules forbid it by now."""
        self._judge.tell_news(recorder)
        async with self._deciding[approval_id]:
            row = await self._row(approval_id, recorder)
            if row is None or row.state != "pending":
                return Answer(f"Approval {approval_id} does not wait for a decision.")
            approval = Approval.from_json(row.approval)
            if refusal := self._judge.refusal(recorder.caller, "read", approval.target):
                return Answer(f"Not accepted: {refusal}.", approval)
            preview = await self._carrying.same_victims(approval, recorder)
            if isinstance(preview, Answer):
                return preview
            fresh = approval.refreshed(preview)
            await recorder.commit("approval.refreshed", {"approval": fresh.to_json()})
            _, against = await self._carrying.judged_now(approval, preview, recorder)
            if against:
                await recorder.commit("note", {"text": against, "approval": approval_id})
            return Answer("", fresh)

    async def decide(self, decision: Decision, recorder: Recorder) -> Answer:
        """Carry out a decision: check it, re-read the victims, act once, verify, record each step."""
        self._judge.tell_news(recorder)
        async with self._deciding[decision.approval]:
            row = await self._row(decision.approval, recorder)
            if row is None:
                return Answer(
                    f"approval {decision.approval or '(none)'} is not one of this task; nothing was done"
                )
            if reason := ended(row, decision):
                return await self._over(row, reason, recorder)
            approval = Approval.from_json(row.approval)
            if line := await self._objection(approval, decision, row.given):
                return await self._not_accepted(approval, decision.by, line, recorder)
            if decision.decision == "deny":
                return await self._deny(decision, recorder)
            given = tuple(dict.fromkeys((*row.given, decision.by)))
            if approval.approvers > 1:
                given = await self._give(approval, decision, recorder)
            if len(given) < approval.approvers:
                missing = approval.approvers - len(given)
                text = f"Approved by {', '.join(given)}; {missing} more of {approval.approvers} needed."
                return Answer(text, approval)
            return await self._carrying.carry_out(approval, decision, given, recorder)

    async def withdraw(self, approval_id: str, reason: str, recorder: Recorder) -> Answer:
        """Take back one's own yes to a call that others must approve too; refused once they all have."""
        by = recorder.caller
        async with self._deciding[approval_id]:
            row = await self._row(approval_id, recorder)
            if row is None or row.state != "pending":
                return Answer(f"Approval {approval_id} does not wait for a decision.")
            approval = Approval.from_json(row.approval)
            if by not in row.given:
                return await self._not_accepted(approval, by, f"{by} has not approved it", recorder)
            body = {"approval": approval_id, "by": by, "reason": reason}
            await recorder.commit("approval.withdrawn", body, principal=by)
            row = await asyncio.to_thread(self._log.approval, approval_id)
            if row is None or by in row.given:
                return Answer(f"Too late: approval {approval_id} was approved by all who must.")
            return Answer(f"Withdrawn. Approved by {len(row.given)} of {approval.approvers}.", approval)

    async def edit(
        self, approval_id: str, arguments: Mapping[str, Any], call_sha256: str, recorder: Recorder
    ) -> Answer:
        """Put an approval with other arguments in the place of a waiting one: validated, judged and read anew."""
        self._judge.tell_news(recorder)
        by = recorder.caller
        async with self._deciding[approval_id]:
            row = await self._row(approval_id, recorder)
            if row is None or row.state != "pending":
                return Answer(f"Approval {approval_id} does not wait for a decision.")
            old = Approval.from_json(row.approval)
            if line := self._edit_objection(old, arguments, call_sha256, by):
                return await self._not_accepted(old, by, line, recorder)
            call = ToolCall(old.call.tool, dict(arguments), old.call.target, old.call.finding)
            try:
                about = {"edited_by": (*old.edited_by, by), "edited_from": old.id, "undo_of": old.undo_of}
                new, _ = await self._asking.approval(call, old.why, old.asked_by, recorder, **about)
            except Exception as error:
                return await self._not_accepted(old, by, one_line(error), recorder)
            return await self._replace(old, new, by, recorder)

    async def revoke(self, grant_id: str, reason: str, recorder: Recorder) -> Answer:
        """Take a grant back: nothing more is done on it."""
        grant = (await self._judge.grants(recorder.session)).get(grant_id)
        if grant is None:
            return Answer(f"There is no grant {grant_id or '(none)'} in this session; nothing was changed.")
        if refusal := self._judge.refusal(recorder.caller, "revoke", grant.target):
            await recorder.commit("note", {"text": f"not revoked: {refusal}", "by": recorder.caller})
            return Answer(f"Not revoked: {refusal}.")
        body = {"grant": grant.id, "by": recorder.caller, "reason": reason}
        await recorder.commit("grant.revoked", body, principal=recorder.caller)
        return Answer(f"Revoked; {grant.used} of {grant.count} calls were made on it.")

    async def undo(self, approval_id: str, recorder: Recorder) -> NoReturn:
        """Ask for what undoes an action that was done: an approval of its own. Raises Parked, Settled or Refused."""
        rows = await asyncio.to_thread(self._log.approvals)
        own = (approval_id, recorder.agent, recorder.session)
        row = next((row for row in rows if (row.id, row.agent, row.session) == own), None)
        asked = ToolCall("undo", {"approval": approval_id}, row.target if row else "")
        if row is None:
            line = f"there is no action {approval_id or '(none)'} of this agent in this session"
            raise self._asking.refused(asked, line, recorder)
        if line := undo_objection(row, rows):
            raise self._asking.refused(asked, line, recorder)
        done = Approval.from_json(row.approval)
        if address(self._judge.describe(done.call.target)) != address(done.target):
            line = f"{done.call.target} is another server than the one that was changed"
            raise self._asking.refused(asked, line, recorder)
        outcome = row.outcome or {}
        undo = outcome["undo"]
        call = ToolCall(undo["tool"], undo["arguments"], done.call.target, done.call.finding)
        recorder.target = done.call.target
        evidence = list(outcome.get("evidence") or ())
        why = {"finding": done.call.finding, "title": f"undo: {done.preview.action}", "evidence": evidence}
        await self.ask(call, why, recorder, undo_of=row.id)

    def for_models(self, tool: Tool) -> bool:
        """Whether a model may be offered the tool, and may call it as far as that goes."""
        return not tool.by_hand or self._judge.names(tool.name)

    async def tools(self) -> Mapping[str, Tool]:
        """All tools that may be asked for; those that come from elsewhere are waited for."""
        return await self._asking.all_tools()

    def refusal(self, principal: str, action: Doing, target: Mapping[str, Any]) -> str:
        """Why the principal may not do this on the target, in one line; empty where it may."""
        return self._judge.refusal(principal, action, target)

    async def close(self) -> None:
        """Wait a while for the actions that are under way, so that their end is recorded."""
        await self._carrying.close()

    # deciding

    async def _decided_already(
        self, approval: Approval, verdict: Verdict, recorder: Recorder
    ) -> Decision | None:
        """The decision that a rule or a grant makes; None where someone must be asked."""
        if verdict.effect == "allow":
            return Decision(approval.id, "approve", by=f"rule:{verdict.rule}", reason=verdict.text)
        grant = await self._judge.use_grant(approval, recorder)
        if grant is None:
            return None
        return Decision(approval.id, "approve", by=grant.by, reason="granted before", stands_on=grant.id)

    async def _objection(self, approval: Approval, decision: Decision, given: tuple[str, ...]) -> str:
        """What is missing or wrong in the decision, or not for this principal to decide."""
        locked = approval.locked and not await self._judge.unlocked(approval.call.target, approval.session)
        for action in needed(decision, locked):
            if refusal := self._judge.refusal(decision.by, action, approval.target):
                return refusal
        return objection(approval, decision, locked, given)

    async def _not_accepted(self, approval: Approval, by: str, line: str, recorder: Recorder) -> Answer:
        text = f"decision not accepted: {line}"
        await recorder.commit("note", {"text": text, "approval": approval.id, "by": by})
        return Answer(f"Not accepted: {line}.", approval)

    async def _deny(self, decision: Decision, recorder: Recorder) -> Answer:
        """Use the approval up, so that nobody who approves it at this moment can act on it any more."""
        decided = recorder.event("approval.decided", decided_body(decision, ()), principal=decision.by)
        await recorder.flush()
        if not await asyncio.to_thread(self._log.claim, decision.approval, decided):
            return used_already(decision.approval)
        await recorder.passed(decided)
        reason = f": {decision.reason}" if decision.reason else ""
        return Answer(f"Denied by {decision.by}{reason}. Nothing was done.")

    async def _give(self, approval: Approval, decision: Decision, recorder: Recorder) -> tuple[str, ...]:
        """Record one of several yeses; all that the log holds then, whoever else gives one at this moment."""
        body = {"approval": approval.id, "by": decision.by, "reason": decision.reason}
        body["call_sha256"] = decision.call_sha256
        await recorder.commit("approval.given", body, principal=decision.by)
        row = await asyncio.to_thread(self._log.approval, approval.id)
        return row.given if row else ()

    def _edit_objection(self, old: Approval, arguments: Mapping[str, Any], call_sha256: str, by: str) -> str:
        if refusal := self._judge.refusal(by, "edit", old.target):
            return refusal
        if call_sha256 != old.call_sha256:
            return "the edit is of another call than this approval binds; look at the approval again"
        if dict(arguments) == dict(old.call.arguments):
            return "the arguments are the same as before"
        return unreadable(old)

    async def _replace(self, old: Approval, new: Approval, by: str, recorder: Recorder) -> Answer:
        """Use the old approval up, so that nobody can act on both; then record the new one."""
        body: dict[str, Any] = {"approval": old.id, "new": new.id, "by": by}
        body |= {"before": dict(old.call.arguments), "after": dict(new.call.arguments)}
        edited = recorder.event("approval.edited", body, principal=by)
        await recorder.flush()
        if not await asyncio.to_thread(self._log.claim, old.id, edited):
            return Answer(f"Approval {old.id} was used already; nothing was edited.")
        await recorder.passed(edited)
        reason = f"edited by {by}: approval {new.id} is in its place"
        recorder.emit("action.refused", {"approval": old.id, "reason": reason})
        await recorder.commit("approval.requested", {"approval": new.to_json()})
        return Answer(f"Edited. Approval {new.id} waits for a decision.", new)

    async def _over(self, row: ApprovalRow, reason: str, recorder: Recorder) -> Answer:
        if row.state == "expired":
            return await self._carrying.refuse(row.id, reason, recorder)
        return Answer(f"Nothing was done on approval {row.id}: {reason}.")

    async def _row(self, approval_id: str, recorder: Recorder) -> ApprovalRow | None:
        """The approval, if it was asked by this agent in this very task and session."""
        row = await asyncio.to_thread(self._log.approval, approval_id)
        own = (recorder.agent, recorder.task, recorder.session)
        return row if row and (row.agent, row.task, row.session) == own else None
