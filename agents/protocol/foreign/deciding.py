"""A decision on another maker's request: checked here, since nothing of ours executes it, recorded, then sent."""

from __future__ import annotations

from a2a.client import A2AClientError, ClientCallContext
from a2a.types import GetTaskRequest, Message
from a2a.utils.errors import A2AError
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from agents.governance.approval import Approval, Decision
from agents.kernel.canonical import sha256_of
from agents.kernel.decisions import objection
from agents.kernel.event import Event
from agents.protocol.access import socket_owner
from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.foreign.shapes import reply_to
from agents.protocol.line import Peer
from agents.protocol.outgoing import plain_message
from agents.protocol.wire import WAITING

LOOK_LIMIT_S = 10.0


async def still_waits(peer: Peer, approval: Approval) -> bool:
    """Whether the agent waits for the answer to this very request. Raises AgentLost or AgentRefused."""
    context = ClientCallContext(timeout=LOOK_LIMIT_S)
    try:
        task = await peer.streaming.get_task(GetTaskRequest(id=approval.task), context=context)
    except A2AClientError as error:
        raise AgentLost(approval.agent, str(error)) from error
    except A2AError as error:
        raise AgentRefused(approval.agent, str(error)) from error
    if task.status.state not in WAITING:
        return False
    key = task.status.message.message_id or sha256_of(MessageToDict(task.status.message))
    return bool(key == approval.preview.victims[0].identity["request"])


def decision_events(approval: Approval, decision: Decision, waiting: bool) -> tuple[list[Event], bool]:
    """What is to be recorded of the decision, and whether it is to be sent."""
    if not waiting:
        return [_refused(approval, "the agent does not wait for this answer any more")], False
    if decision.decision == "approve" and approval.expired():
        return [_refused(approval, f"it expired at {approval.expires_at}")], False
    seen = decision.call_sha256 or approval.call_sha256
    if line := objection(approval, _bound(decision, seen), locked=False, given=()):
        text = f"decision not accepted: {line}"
        return [_event(approval, "note", {"text": text, "approval": approval.id}, "helpdesk")], False
    by = socket_owner()
    body = {
        "approval": approval.id, "decision": decision.decision, "by": by, "reason": decision.reason,
        "confirmation": decision.confirmation, "unlock": False,
    }  # fmt: skip
    return [_event(approval, "approval.decided", body, by)], True


def decision_message(approval: Approval, decision: Decision) -> Message:
    """The decision in the shape that the request came in."""
    reply = reply_to(approval.why["foreign"], decision.decision == "approve", decision.reason)
    return plain_message(reply, approval.session, approval.task)


def _bound(decision: Decision, call_sha256: str) -> Decision:
    return Decision(
        decision.approval, decision.decision, decision.by, decision.reason, decision.confirmation,
        decision.unlock, call_sha256,
    )  # fmt: skip


def _refused(approval: Approval, reason: str) -> Event:
    return _event(approval, "action.refused", {"approval": approval.id, "reason": reason}, "helpdesk")


def _event(approval: Approval, kind: str, body: dict[str, object], principal: str) -> Event:
    return Event(kind, approval.session, body, principal, approval.task, approval.agent, approval.call.target)
