"""A decision on a request that waits elsewhere: checked here, recorded, sent, and recorded again once it was taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from agents.governance.approval import Approval, Decision
from agents.governance.roles import roles_path, safely_loaded
from agents.kernel.decisions import decided_body, objection
from agents.kernel.event import Event
from agents.protocol.access import socket_owner
from agents.protocol.approval_systems.config import system_named
from agents.protocol.approval_systems.reading import ended, origin
from agents.protocol.approval_systems.rest import SystemClient
from agents.protocol.errors import AgentLost


async def answer(approval: Approval, decision: Decision) -> AsyncIterator[Event]:
    """Carry a decision to its system, in the name of the user of this account; the events that come of it.

    Raises AgentLost or AgentRefused where the system cannot be asked, UserError where it is not known any more.
    """
    by = socket_owner()
    name, there = origin(approval.to_json())
    if line := await asyncio.to_thread(_objection, approval, replace(decision, by=by)):
        yield _note(approval, f"decision not accepted: {line}", by)
        return
    if decision.decision == "approve" and approval.expired():
        reason = f"it expired at {approval.expires_at}"
        yield _event(approval, "action.refused", {"approval": approval.id, "reason": reason}, by)
        return
    system = await asyncio.to_thread(system_named, name)
    async with await asyncio.to_thread(SystemClient, system) as client:
        if end := ended(approval, await client.one(there)):
            yield end
            return
        # On disk before it is sent: a crash in between is seen, and the next look tells what became of it.
        body: dict[str, Any] = {"approval": approval.id, "by": by, "reason": decision.reason}
        if decision.decision == "approve":
            yield _event(approval, "approval.given", {**body, "call_sha256": approval.call_sha256}, by)
        try:
            refusal = await client.decide(
                there,
                approve=decision.decision == "approve",
                by=system.as_user or by.removeprefix("operator:"),
                reason=decision.reason,
            )
        except AgentLost as error:
            yield _note(approval, f"it is not known whether the decision arrived: {error}", by)
            raise
        if not refusal:
            made = replace(decision, approval=approval.id, by=by)
            yield _event(approval, "approval.decided", decided_body(made, (by,)), by)
        elif end := ended(approval, await client.one(there)):
            yield end
        else:
            yield _note(approval, f"decision not accepted by {name}: {refusal}", by)


def _objection(approval: Approval, decision: Decision) -> str:
    """What stands against it here: the roles, a missing confirmation, another call than was shown."""
    refusal = safely_loaded(roles_path()).refusal(decision.by, decision.decision, approval.target)
    seen = decision.call_sha256 or approval.call_sha256
    return refusal or objection(approval, replace(decision, call_sha256=seen), locked=False, given=())


def _note(approval: Approval, text: str, by: str) -> Event:
    return _event(approval, "note", {"text": text, "approval": approval.id, "by": by}, "helpdesk")


def _event(approval: Approval, kind: str, body: dict[str, Any], principal: str) -> Event:
    return Event(kind, approval.session, body, principal, agent=approval.agent, target=approval.call.target)
