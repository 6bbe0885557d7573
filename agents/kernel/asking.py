"""From a call to the approval that asks for it: tool and arguments checked, judged, victims read, judged again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.governance.approval import Approval, binding
from agents.governance.policy import Verdict
from agents.governance.rule import Impact
from agents.kernel.asked_read import as_action
from agents.kernel.canonical import utc_text
from agents.kernel.event import new_id
from agents.kernel.judging import Judge
from agents.kernel.recorded import recorded
from agents.kernel.recorder import Recorder
from agents.kernel.schema import BadSchema, Check, checker
from agents.kernel.tool import LateTools, Preview, Refused, Tool, ToolCall
from agents.log import EventLog
from agents.log.masked import holds_secret

HOLDS_ONE = (
    "its arguments hold what looks like a secret, and an approval keeps them in the log; give it without one"
)


class Asking:
    """Makes approvals for the tools of one agent. A refusal is recorded, whatever it is for."""

    def __init__(self, tools: Mapping[str, Tool], log: EventLog, judge: Judge) -> None:
        """Raises BadSchema where a tool's parameters cannot be checked in full.

        `tools` may grow and change later: a tool that came later is checked when it is called.
        """
        self._tools = tools
        self._checks: dict[str, tuple[Tool, Check]] = {}
        for tool in tools.values():
            self._check(tool)
        self._log = log
        self._judge = judge

    def tool(self, call: ToolCall, recorder: Recorder) -> Tool:
        """The tool that is called, its arguments checked. Raises Refused."""
        tool = self._tools.get(call.tool)
        if tool is None:
            known = ", ".join(sorted(self._tools))
            raise self.refused(call, f"there is no tool {call.tool}; known: {known}", recorder)
        try:
            line = self._check(tool)(call.arguments)
        except BadSchema as error:
            line = str(error)
        if line:
            raise self.refused(call, f"{call.tool}: {line}", recorder)
        return tool

    def acting(self, call: ToolCall, recorder: Recorder) -> Tool:
        """The tool of an approved call, with a preview and an act; a read has them too. Raises Refused."""
        return as_action(self.tool(call, recorder))

    async def all_tools(self) -> Mapping[str, Tool]:
        """All tools; those that come from elsewhere are waited for."""
        if isinstance(self._tools, LateTools):
            await self._tools.prepare()
        return self._tools

    async def prepared(self, call: ToolCall) -> ToolCall:
        """The call once its tool is there, at the one thing that the tool works on, where there is one."""
        if isinstance(self._tools, LateTools):
            await self._tools.prepare(call.tool)
        tool = self._tools.get(call.tool)
        return replace(call, target=tool.target) if tool and tool.target else call

    def refused(
        self, call: ToolCall, reason: str, recorder: Recorder, verdict: Verdict | None = None
    ) -> Refused:
        """The refusal of a call, recorded."""
        recorder.emit(
            "tool.refused",
            {
                "tool": call.tool,
                "risk": self._tools[call.tool].risk if call.tool in self._tools else "",
                "target": call.target,
                "arguments": dict(call.arguments),
                "reason": reason,
                "policy": verdict.to_json() if verdict else None,
                "by": recorder.caller,
            },
        )
        return Refused(reason)

    async def approval(
        self, call: ToolCall, why: Mapping[str, Any], asked_by: str, recorder: Recorder, **about: Any
    ) -> tuple[Approval, Verdict]:
        """An approval that asks for the call, not recorded yet, and the verdict. Raises Refused, recorded.

        `about` are further fields of the approval, such as `undo_of`.
        """
        call = await self.prepared(call)
        tool = self.tool(call, recorder)
        if tool.run is None and holds_secret(call.arguments):
            raise self.refused(call, HOLDS_ONE, recorder)
        verdict = await self._allowed(call, tool, asked_by, recorder)
        if verdict.effect == "approve":
            tool = as_action(tool)
        try:
            preview = await self.preview(call, tool, recorder, verdict)
        except Refused as refusal:
            raise self.refused(call, str(refusal), recorder, verdict) from refusal
        judged = await self._judge.change(call, tool.risk, asked_by, recorder, Impact.of(preview))
        verdict = judged.verdict
        if verdict.effect == "deny":
            raise self.refused(call, _forbidden(call, verdict), recorder, verdict)
        now = datetime.now(UTC)
        target = dict(self._judge.describe(call.target))
        approval = Approval(
            id=new_id(),
            call=call,
            risk=tool.risk,
            preview=preview,
            call_sha256=binding(call, target, preview.victims),
            requester=f"agent:{recorder.agent}",
            why=why,
            policy=_asked_by_rule(verdict),
            target=target,
            role=await self._role(call.target, recorder.session),
            task=recorder.task,
            agent=recorder.agent,
            session=recorder.session,
            created_at=utc_text(now),
            expires_at=utc_text(now + timedelta(seconds=self._judge.ttl_s)),
            locked=not judged.unlocked and tool.risk != "read",
            asked_by=asked_by,
            purpose=recorder.purpose,
            approvers=verdict.approvers,
            four_eyes=verdict.four_eyes,
            candidates=self._judge.candidates(target),
            parameters=tool.parameters,
            **about,
        )
        return approval, verdict

    async def preview(self, call: ToolCall, tool: Tool, recorder: Recorder, verdict: Verdict) -> Preview:
        """What the change would hit, read now and recorded. Raises Refused, or what the tool raises."""
        if tool.preview is None or tool.change is None:
            raise Refused(f"{call.tool} does not change anything")
        look = tool.preview
        return await recorded(
            recorder,
            ToolCall(f"preview:{call.tool}", call.arguments, call.target, call.finding),
            lambda: look(call.arguments, call.target),
            lambda preview: preview.evidence,
            policy=verdict.to_json(),
        )

    async def _allowed(self, call: ToolCall, tool: Tool, asked_by: str, recorder: Recorder) -> Verdict:
        """The verdict before anything is read. Raises Refused where it is a no."""
        verdict = (await self._judge.change(call, tool.risk, asked_by, recorder)).verdict
        if verdict.effect == "deny":
            raise self.refused(call, _forbidden(call, verdict), recorder, verdict)
        return verdict

    def _check(self, tool: Tool) -> Check:
        """The check of its arguments, made once for each version of a tool. Raises BadSchema."""
        known = self._checks.get(tool.name)
        if known is None or known[0] is not tool:
            known = self._checks[tool.name] = (tool, checker(tool.parameters, tool.name))
        return known[1]

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


def _asked_by_rule(verdict: Verdict) -> dict[str, str]:
    window = {"window": verdict.window} if verdict.window else {}
    return {"rule": verdict.rule, "text": verdict.text, **window}


def _forbidden(call: ToolCall, verdict: Verdict) -> str:
    return f"{call.tool} on {call.target} is not allowed: {verdict.text} ({verdict.rule})"
