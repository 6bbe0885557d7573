"""Our two A2A extensions: events, and approvals with their decisions. Plain JSON; no SDK is needed here.

Numbers in an A2A DataPart become floats and lose digits and order, so every record travels as the text of
its canonical JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from agents.governance.approval import Approval, Decision, Terms
from agents.kernel.canonical import storable_json
from agents.kernel.event import Event
from agents.kernel.recorder import Delta, Item
from inventory.masking import inert

EXTENSION_URI = "https://helpdesk-tui.dev/a2a/events/v1"
"""Events of a task as they happen: DataPart `{"kind": "events", "items": [text, …]}`."""
APPROVAL_URI = "https://helpdesk-tui.dev/a2a/tool-approval/v1"
"""Requests for approval, decisions and refreshes, all as DataParts with a `kind`."""

_YES = frozenset({"approve", "approved", "yes", "y"})
_YES_UNLOCK = frozenset({"approve unlock", "approve and unlock", "yes unlock", "yes and unlock"})
_NO = frozenset({"deny", "denied", "no", "n", "reject"})


def encode_items(items: Sequence[Item]) -> dict[str, Any]:
    """Events and pieces of text, in order, as the data of one part."""
    return {"kind": "events", "items": [storable_json(_item_json(item)) for item in items]}


def decode_items(data: Mapping[str, Any]) -> list[Item]:
    """What `encode_items` made; nothing for other data."""
    if data.get("kind") != "events":
        return []
    return [_item(json.loads(text)) for text in data["items"]]


def encode_question(text: str, request: Mapping[str, Any], target: str) -> dict[str, Any]:
    asked = {"text": text, "request": request, "target": target}
    return {"kind": "question", "question_json": storable_json(asked)}


def decode_question(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], str] | None:
    """Text, request and target name; None for other data."""
    if data.get("kind") != "question":
        return None
    asked = json.loads(data["question_json"])
    return asked["text"], asked["request"], asked["target"]


def encode_approval(approval: Approval) -> dict[str, Any]:
    """The request: what any client can show, and `approval_json` with everything."""
    return {
        "kind": "approval_request",
        "approval_id": approval.id,
        "tool": approval.call.tool,
        "args_json": storable_json(approval.call.arguments),
        "args_sha256": approval.call_sha256,
        "target": approval.call.target,
        "risk": approval.risk,
        "reason": str(approval.why.get("title", "")),
        "expires_at": approval.expires_at,
        "options": ["approve", "deny"],
        "approval_json": storable_json(approval.to_json()),
    }


def decode_approval(data: Mapping[str, Any]) -> Approval | None:
    if data.get("kind") != "approval_request" or not data.get("approval_json"):
        return None
    return Approval.from_json(json.loads(data["approval_json"]))


def encode_decision(decision: Decision) -> dict[str, Any]:
    return {
        "kind": "approval_decision",
        "approval_id": decision.approval,
        "args_sha256": decision.call_sha256,
        "decision": decision.decision,
        "comment": " ".join(decision.reason.split()),
        "confirmation": decision.confirmation,
        "unlock": decision.unlock,
        **({"grant_json": storable_json(asdict(decision.grant))} if decision.grant else {}),
    }


def decode_decision(data: Mapping[str, Any], by: str) -> Decision | None:
    """The decision in this data, made by the authenticated `by`; None for other data, or where it says neither."""
    decision = data.get("decision")
    if data.get("kind") != "approval_decision" or decision not in ("approve", "deny"):
        return None
    return Decision(
        approval=str(data.get("approval_id", "")),
        decision=decision,
        by=by,
        reason=str(data.get("comment") or ""),
        confirmation=str(data.get("confirmation") or ""),
        unlock=data.get("unlock") is True,
        call_sha256=str(data.get("args_sha256", "")),
        grant=_terms(data.get("grant_json")),
    )


def _terms(text: Any) -> Terms | None:
    """The terms of a grant in a decision; terms that make no sense reach nothing, and are refused as such."""
    if not text:
        return None
    try:
        terms = json.loads(str(text))
        return Terms(int(terms["count"]), float(terms["seconds"]))
    except (ValueError, TypeError, KeyError):
        return Terms(0, 0.0)


def encode_edit(approval: Approval, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Other arguments for a waiting approval."""
    return {
        "kind": "approval_edit",
        "approval_id": approval.id,
        "args_sha256": approval.call_sha256,
        "args_json": storable_json(arguments),
    }


def decode_edit(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], str] | None:
    """Id of the approval, the new arguments and the binding that was seen; None for other data."""
    if data.get("kind") != "approval_edit":
        return None
    arguments = json.loads(str(data.get("args_json", "null")))
    if not isinstance(arguments, Mapping):
        return None
    return str(data.get("approval_id", "")), arguments, str(data.get("args_sha256", ""))


def encode_withdraw(approval_id: str, reason: str) -> dict[str, Any]:
    return {"kind": "approval_withdraw", "approval_id": approval_id, "comment": " ".join(reason.split())}


def decode_withdraw(data: Mapping[str, Any]) -> tuple[str, str] | None:
    """Id of the approval to which a yes is taken back, and why; None for other data."""
    if data.get("kind") != "approval_withdraw":
        return None
    return str(data.get("approval_id", "")), str(data.get("comment") or "")


def encode_revoke(grant_id: str, reason: str) -> dict[str, Any]:
    return {"kind": "grant_revoke", "grant_id": grant_id, "comment": " ".join(reason.split())}


def decode_revoke(data: Mapping[str, Any]) -> tuple[str, str] | None:
    """Id of a grant and why it is taken back; None for other data."""
    if data.get("kind") != "grant_revoke":
        return None
    return str(data.get("grant_id", "")), str(data.get("comment") or "")


def encode_undo(approval_id: str) -> dict[str, Any]:
    return {"kind": "undo", "approval_id": approval_id}


def decode_undo(data: Mapping[str, Any]) -> str | None:
    """Id of the approval whose action is to be undone; None for other data."""
    return str(data.get("approval_id", "")) if data.get("kind") == "undo" else None


def encode_refresh(approval_id: str) -> dict[str, Any]:
    return {"kind": "approval_refresh", "approval_id": approval_id}


def decode_refresh(data: Mapping[str, Any]) -> str | None:
    """Id of the approval whose facts are to be read again; None for other data."""
    return str(data.get("approval_id", "")) if data.get("kind") == "approval_refresh" else None


def plain_decision(text: str, approval: Approval, by: str) -> Decision | None:
    """The decision that plain words make on this approval; None where they make none.

    Words can deny anything, but approve no destructive call: that needs the typed confirmation.
    """
    words = " ".join(text.lower().replace(",", " ").split()).rstrip(".!")
    choice: Literal["approve", "deny"]
    if words in _NO:
        choice = "deny"
    elif approval.risk == "write" and words in _YES | _YES_UNLOCK:
        choice = "approve"
    else:
        return None
    return Decision(approval.id, choice, by=by, unlock=words in _YES_UNLOCK, call_sha256=approval.call_sha256)


def in_words(approval: Approval) -> str:
    """The request for approval, complete for someone who sees nothing but this text."""
    preview = approval.preview
    where = ", ".join(f"{key} {value}" for key, value in approval.target.items() if value and key != "name")
    lines = [
        f"Approval needed ({approval.risk}): {preview.action}",
        f"Target: {approval.call.target}{f' ({where})' if where else ''}",
        f"Tool: {approval.call.tool} {storable_json(approval.call.arguments)}",
        *(f"Hits: {storable_json({**victim.identity, **victim.facts})}" for victim in preview.victims),
        *(f"Effect: {line}" for line in preview.effect),
        f"Undo: {preview.reversible}",
        *(f"Instead: {line}" for line in preview.alternatives),
        f"Why: {approval.why.get('title') or 'asked for'}",
        f"Policy: {approval.policy.get('text', '')}{_approvers(approval)}",
        f"Read at {preview.captured_at}, expires at {approval.expires_at}. Id {approval.id}.",
        _how_to_answer(approval),
    ]
    return inert("\n".join(lines))


def _approvers(approval: Approval) -> str:
    many = f"; {approval.approvers} different people must approve" if approval.approvers > 1 else ""
    return f"{many}{'; not the one who asked' if approval.four_eyes else ''}"


def _how_to_answer(approval: Approval) -> str:
    if wanted := approval.to_type(approval.locked):
        return (
            "Reply deny, or send an approval_decision part with confirmation "
            f"{wanted!r}{' and unlock true' if approval.locked else ''}."
        )
    return f"Reply {'approve and unlock' if approval.locked else 'approve'} or deny."


def _item_json(item: Item) -> dict[str, Any]:
    return {"delta": item.text} if isinstance(item, Delta) else item.to_json()


def _item(data: dict[str, Any]) -> Item:
    return Delta(data["delta"]) if "delta" in data else Event.from_json(data)
