"""What the operator does beside asking: decide, edit, withdraw, undo, revoke, lock, unlock, say a purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agents.governance.approval import Approval
from helpdesk_tui.messages import Decided
from helpdesk_tui.wiring import Wiring

if TYPE_CHECKING:
    from agents.governance.roles import Action


class Governing:
    """Carries these wishes to the experts, or straight into the log. Each refusal is told in one line."""

    def __init__(self, wiring: Wiring) -> None:
        self._feed = wiring.feed
        self._views = wiring.views
        self._experts = wiring.experts
        self._take = wiring.intake.take_or_say
        self._on_trouble = wiring.on_trouble

    async def decide(self, decided: Decided) -> None:
        """Carry a decision to the task that waits for it."""
        asked = self._approval(decided.approval)
        through = await self._take(asked.agent, lambda: self._experts.answer(asked, decided), "the decision")
        if not through or self._views.approvals.asks[asked.id].state == "pending":
            # Also where its agent said nothing of it: the card takes decisions again.
            decided.failed(asked.id)

    async def refresh(self, approval: str) -> None:
        """Have the victims of an approval read again."""
        asked = self._approval(approval)
        await self._take(asked.agent, lambda: self._experts.client.refresh(asked), "reading again")

    async def edit(self, approval: str, arguments: Mapping[str, Any]) -> None:
        """Ask for other arguments: the executor checks them, reads the victims and asks anew."""
        asked = self._approval(approval)
        await self._take(asked.agent, lambda: self._experts.client.edit(asked, arguments), "the edit")

    async def withdraw(self, approval: str) -> None:
        """Take one's own yes back."""
        asked = self._approval(approval)
        await self._take(asked.agent, lambda: self._experts.client.withdraw(asked), "the withdrawal")

    async def undo(self, approval: str) -> None:
        """Ask for what undoes the action of an approval: an approval of its own."""
        done = self._approval(approval)
        request = {"kind": "undo", "approval": approval}
        message = {"role": "operator", "text": f"Undo: {done.preview.action}", "request": request}
        where = {"agent": done.agent, "target": done.call.target}
        await self._feed.append(self._feed.event("message", message, **where))
        await self._take(done.agent, lambda: self._experts.client.undo(done), "the undo")

    async def revoke(self, grant: str) -> None:
        """Take a grant back."""
        given = next((item for item in self._views.approvals.grants() if item.id == grant), None)
        if given is None:
            return
        agent, session = self._approval(given.approval).agent, self._feed.session
        await self._take(agent, lambda: self._experts.client.revoke(agent, session, grant), "the revocation")

    async def lock(self, target: str, *, unlock: bool) -> None:
        """Make a target read-only again for this session, or unlock it, where the roles give that."""
        if refusal := await asyncio.to_thread(self._refusal, "unlock" if unlock else "lock", target):
            self._on_trouble(refusal)
            await self._feed.append(self._feed.event("note", {"text": f"✗ {refusal}"}, target=target))
            return
        body = {"target": target, "by": self._feed.operator}
        kind = "target.unlocked" if unlock else "target.locked"
        await self._feed.append(self._feed.event(kind, body, target=target))

    async def say_purpose(self, purpose: str, note: str) -> None:
        """Say what the session is for, on every event from here on."""
        body = {"purpose": purpose, "note": note, "by": self._feed.operator}
        await self._feed.append(self._feed.event("session.purpose", body))

    def _approval(self, approval: str) -> Approval:
        return Approval.from_json(self._views.approvals.asks[approval].approval)

    def _refusal(self, action: Action, target: str) -> str:
        """Why the operator may not do this on the target, or why it has no effect; empty where it has."""
        from agents.governance.policy_file import policy_path
        from agents.governance.policy_file import safely_loaded as policy_in_force
        from agents.governance.roles import roles_path, safely_loaded

        if not policy_in_force(policy_path()).lock:
            return f"no target is read-only: {policy_path()} has lock = false"
        described = self._views.inventory.targets.get(target) or {"name": target}
        return safely_loaded(roles_path()).refusal(self._feed.operator, action, described)
