"""What stands between a call and its tool: the roles, the policy, the lock and the grants of the session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.governance.approval import Approval
from agents.governance.grant import Grant, grants_of
from agents.governance.house import House
from agents.governance.policy import Verdict
from agents.governance.roles import Action
from agents.governance.rule import Impact, Request
from agents.kernel.recorder import Recorder
from agents.kernel.records import Risk
from agents.kernel.tool import ToolCall
from agents.log import EventLog


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a change, and whether its target is unlocked."""

    verdict: Verdict
    unlocked: bool


class Judge:
    """Asks the rules of the house, for the executor alone."""

    def __init__(self, house: House, log: EventLog, describe: Callable[[str], Mapping[str, Any]]) -> None:
        self.describe = describe
        self._house = house
        self._log = log

    @property
    def ttl_s(self) -> float:
        """How long an approval waits, in seconds."""
        return self._house.current()[0].approval_ttl_s

    def tell_news(self, recorder: Recorder) -> None:
        """Record what changed in the files of the house, before it is applied to anything."""
        for body in self._house.news(recorder.session):
            recorder.emit("policy.changed", body, principal="helpdesk")

    def names(self, tool: str) -> bool:
        """Whether a rule of the policy that allows names this very tool."""
        return self._house.current()[0].names(tool)

    def read(self, call: ToolCall, risk: Risk, recorder: Recorder) -> Verdict:
        """The verdict on a read."""
        return self._verdict(call, risk, "read", recorder.caller, recorder)

    async def change(
        self,
        call: ToolCall,
        risk: Risk,
        principal: str,
        recorder: Recorder,
        impact: Impact | None = None,
        *,
        unlocked: bool | None = None,
    ) -> Judged:
        """The verdict on a change that `principal` asks for; limits are judged where `impact` is known."""
        if unlocked is None:
            unlocked = await self.unlocked(call.target, recorder.session)
        verdict = self._verdict(call, risk, "ask", principal, recorder, impact=impact, unlocked=unlocked)
        return Judged(verdict, unlocked)

    def refusal(self, principal: str, action: Action, target: Mapping[str, Any]) -> str:
        """Why the principal may not do this on the target, in one line; empty where it may."""
        return self._house.current()[1].refusal(principal, action, target)

    def candidates(self, target: Mapping[str, Any]) -> tuple[str, ...]:
        """Who may approve on the target, as patterns; empty where whoever got in may."""
        return self._house.current()[1].principals("approve", target)

    async def unlocked(self, target: str, session: str) -> bool:
        """Whether the target is unlocked for changes in this session, or the policy has no lock.

        An unlock ends with the role of who gave it.
        """
        if not self._house.current()[0].lock:
            return True
        kinds = ("target.unlocked", "target.locked")
        events = await asyncio.to_thread(self._log.events, session, kinds=kinds)
        said = [item.event for item in events if item.event.body.get("target") == target]
        return (
            bool(said)
            and said[-1].kind == "target.unlocked"
            and not self.refusal(said[-1].principal, "unlock", self.describe(target))
        )

    async def grants(self, session: str) -> dict[str, Grant]:
        """All grants of the session, by id."""
        kinds = ("grant.given", "grant.used", "grant.revoked")
        events = await asyncio.to_thread(self._log.events, session, kinds=kinds)
        return grants_of((item.event.kind, item.event.body) for item in events)

    async def use_grant(self, approval: Approval, recorder: Recorder) -> Grant | None:
        """A live grant that stands for a decision on this approval, with one of its uses taken on disk; or None."""
        for grant in (await self.grants(approval.session)).values():
            if not grant.live() or not grant.stands_for(approval):
                continue
            if self.refusal(grant.by, "approve", approval.target):
                continue
            if await self._take(grant, approval, recorder):
                return grant
        return None

    async def _take(self, grant: Grant, approval: Approval, recorder: Recorder) -> bool:
        """Take the next use that nobody has taken; other processes may be doing the same."""
        for use in range(grant.used + 1, grant.count + 1):
            body = {"grant": grant.id, "approval": approval.id, "use": use}
            used = recorder.event("grant.used", body, principal=grant.by)
            if await asyncio.to_thread(self._log.claim, f"grant:{grant.id}:{use}", used):
                await recorder.passed(used)
                return True
        return False

    def _verdict(
        self, call: ToolCall, risk: Risk, action: Action, principal: str, recorder: Recorder, **more: Any
    ) -> Verdict:
        policy, roles = self._house.current()
        target = self.describe(call.target)
        if refusal := roles.refusal(principal, action, target):
            return Verdict("deny", "roles", refusal)
        request = Request(
            call.tool, risk, target, principal, roles.of(principal, target), recorder.purpose, **more
        )
        return policy.judge(request)
