"""The operator's messages: for agents that know our extension, and in plain words for those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from a2a.client import A2AClientError, ClientCallContext
from a2a.types import GetTaskRequest, Message, Role
from a2a.utils.errors import A2AError

from agents.governance.approval import Approval, Decision
from agents.kernel.event import new_id
from agents.protocol.admission import known_there
from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.extension import (
    encode_decision,
    encode_edit,
    encode_question,
    encode_refresh,
    encode_revoke,
    encode_undo,
    encode_withdraw,
)
from agents.protocol.foreign.reading import told_of
from agents.protocol.foreign.shapes import Reply, answer_to
from agents.protocol.line import Peer
from agents.protocol.wire import WAITING, data_part, operator_message, text_part
from inventory.masking import mask

LOOK_LIMIT_S = 10.0


def question(
    ours: bool, agent: str, text: str, request: Mapping[str, Any], session: str, target: str
) -> Message:
    """A question, without secrets. Raises AgentRefused where a stranger would have to understand more than words."""
    text = mask(text)
    if ours:
        return operator_message(text, encode_question(text, request, target), session)
    if not text.strip():
        raise AgentRefused(
            agent, f"it knows words alone, and this is a request of kind {request.get('kind')!r}"
        )
    words = f"{text}\n\nTarget: {target}" if target else text
    message = plain_message(Reply(words), session)
    message.metadata.update({"trace_id": session, "purpose": "diagnostic"})
    return message


def decided(approval: Approval, decision: Decision, *, remote: bool) -> Message:
    """A decision on an approval of our own kind, with the binding that was shown.

    Raises AgentRefused for a yes to what is not all that is bound: a newer version may bind more than is shown here.
    """
    if decision.decision == "approve" and not approval.intact:
        raise AgentRefused(
            approval.agent, "its approval binds something else than is shown here; deny it, or update"
        )
    sent = replace(
        decision,
        approval=known_there(approval) if remote else decision.approval,
        call_sha256=decision.call_sha256 or approval.call_sha256,
    )
    return operator_message(decision.decision, encode_decision(sent), approval.session, approval.task)


def refreshed(approval: Approval, *, remote: bool) -> Message:
    """A wish to have the facts of an approval read again. Raises AgentRefused for another maker's."""
    if approval.why.get("foreign"):
        raise AgentRefused(approval.agent, "its facts cannot be read again from here; ask the agent")
    data = encode_refresh(known_there(approval) if remote else approval.id)
    return operator_message("refresh", data, approval.session, approval.task)


def edited(approval: Approval, arguments: Mapping[str, Any], *, remote: bool) -> Message:
    """Other arguments for an approval. Raises AgentRefused for another maker's."""
    if approval.why.get("foreign"):
        raise AgentRefused(approval.agent, "its call cannot be edited from here; deny it and ask anew")
    there = replace(approval, id=known_there(approval)) if remote else approval
    return operator_message("edit", encode_edit(there, arguments), approval.session, approval.task)


def withdrawn(approval: Approval, reason: str, *, remote: bool) -> Message:
    """One's own yes taken back. Raises AgentRefused for another maker's approval."""
    if approval.why.get("foreign"):
        raise AgentRefused(approval.agent, "it takes one answer, and that cannot be withdrawn")
    data = encode_withdraw(known_there(approval) if remote else approval.id, reason)
    return operator_message("withdraw", data, approval.session, approval.task)


def undone(approval: Approval, *, remote: bool) -> Message:
    """A wish to undo the action of an approval. Raises AgentRefused for another maker's."""
    if approval.why.get("foreign"):
        raise AgentRefused(approval.agent, "what it did cannot be undone from here; ask the agent")
    data = encode_undo(known_there(approval) if remote else approval.id)
    return operator_message("undo", data, approval.session)


def revoked(agent: str, grant_id: str, reason: str, session: str, *, ours: bool) -> Message:
    """A grant taken back. Raises AgentRefused where the agent knows no grants."""
    if not ours:
        raise AgentRefused(agent, "it knows no grants")
    return operator_message("revoke", encode_revoke(grant_id, reason), session)


async def replied(peer: Peer, agent: str, task: str, session: str, text: str) -> Message:
    """The operator's words to a question, in the shape it came in. Raises AgentLost or AgentRefused."""
    text = mask(text)
    if peer.ours:
        return plain_message(Reply(text), session, task)
    try:
        found = await peer.streaming.get_task(
            GetTaskRequest(id=task), context=ClientCallContext(timeout=LOOK_LIMIT_S)
        )
    except A2AClientError as error:
        raise AgentLost(agent, str(error)) from error
    except A2AError as error:
        raise AgentRefused(agent, str(error)) from error
    if found.status.state not in WAITING:
        raise AgentRefused(agent, "it does not wait for an answer any more")
    return plain_message(answer_to(told_of(found.status.message), text), found.context_id or session, task)


def tell_purpose(message: Message, purpose: str, note: str) -> None:
    """Add what the session is for to a message, in words that other makers read too; nothing where it said nothing."""
    if purpose:
        message.metadata.update({"purpose": purpose, "purpose_note": note})


def plain_message(reply: Reply, session: str, task: str = "") -> Message:
    """A message with what `reply` holds, and both ids on every follow-up."""
    message = Message(role=Role.ROLE_USER, message_id=new_id(), context_id=session)
    if reply.text:
        message.parts.append(text_part(reply.text))
    for part in reply.parts:
        made = data_part(part.data)
        made.metadata.update(_struct(part.marks))
        message.parts.append(made)
    message.metadata.update(_struct(reply.metadata))
    message.extensions.extend(reply.extensions)
    if task:
        message.task_id = task
    return message


def _struct(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _struct(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
