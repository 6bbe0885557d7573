"""A request that waits elsewhere as an approval of ours, and what became of it there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.governance.approval import Approval, binding
from agents.kernel.canonical import jsonable, sha256_of, utc_text
from agents.kernel.event import Event
from agents.kernel.records import Risk
from agents.kernel.tool import Preview, ToolCall, Victim
from agents.protocol.approval_systems.config import RemoteSystem
from agents.protocol.approval_systems.rest import Stored
from inventory.masking import inert_line, mask

UNTIL_GONE = timedelta(days=1)
"""How long a request is shown that says no end of its own; it goes as soon as it is gone there."""
TEXT_CHARACTERS = 300
ARGUMENT_CHARACTERS = 4000
RULE = "elsewhere"


def remote_id(stored: Stored) -> str:
    """Its id there; empty where it has none that can be used."""
    found = stored.get("approval_id")
    return found if isinstance(found, str) and 0 < len(found) <= 200 and found.isprintable() else ""


def origin(approval: Mapping[str, Any]) -> tuple[str, str]:
    """System and id there of an approval's JSON; empty where it is not from such a system."""
    foreign = (approval.get("why") or {}).get("foreign") or {}
    return str(foreign.get("system") or ""), str(foreign.get("id") or "")


def requested(system: RemoteSystem, stored: Stored, session: str) -> Event:
    """The event that asks here; the same for the same request, however often it is read."""
    approval = _approval(system, stored, session)
    body = {"approval": approval.to_json()}
    return Event(
        "approval.requested", session, body, f"agent:{system.name}", agent=system.name,
        target=approval.call.target, id=sha256_of([approval.id, "asked"])[:26],
    )  # fmt: skip


def ended(approval: Approval, stored: Stored | None) -> Event | None:
    """The event that tells what became of it there; None while it waits."""
    status = "gone" if stored is None else _text(stored.get("status"))
    if status == "pending":
        return None
    by = f"{approval.agent}:{_text((stored or {}).get('resolved_by')) or 'somebody'}"
    reason = _text((stored or {}).get("resolution_reason"))
    body: dict[str, Any] = {"approval": approval.id, "reason": reason}
    if status in ("approved", "denied"):
        kind = "approval.decided"
        decision = "approve" if status == "approved" else "deny"
        body |= {
            "decision": decision,
            "by": by,
            "confirmation": "",
            "unlock": False,
            "given": [],
            "grant": "",
        }
    else:
        kind = "action.refused"
        how = {"expired": "it expired there", "cancelled": f"it was cancelled there by {by}"}
        told = how.get(status, "it is gone there")
        body["reason"] = f"{told}: {reason}" if reason else told
    return Event(
        kind, approval.session, body, f"agent:{approval.agent}", agent=approval.agent,
        target=approval.call.target, id=sha256_of([approval.id, "ended", status])[:26],
    )  # fmt: skip


def _approval(system: RemoteSystem, stored: Stored, session: str) -> Approval:
    there, now = remote_id(stored), datetime.now(UTC)
    tool = _text(stored.get("tool_name")) or _text(stored.get("action_class")) or "a tool"
    where = _text(stored.get("resource_name")) or system.name
    agent = _text(stored.get("agent_name")) or "an agent"
    asker = _text(stored.get("requested_by")) or "somebody"
    call = ToolCall(inert_line(tool), _arguments(stored.get("request_context")), where)
    victims = (Victim({"system": system.name, "request": there}, {"agent": agent, "asked for": asker}),)
    target = {"name": where, "system": system.name, "kind": _text(stored.get("resource_type"))}
    rule = _text(stored.get("policy_name"))
    created = _moment(stored.get("requested_at")) or now
    until = _moment(stored.get("expires_at")) or created + UNTIL_GONE
    return Approval(
        id=sha256_of([system.name, there, session])[:26],
        call=call,
        risk=_risk(stored),
        preview=Preview(
            action=f"{inert_line(tool)} on {where}, asked by {agent} of {system.name}",
            victims=victims,
            effect=(
                f"{agent} acts, not this workbench; nothing of what it hits was read here",
                "there the yes is for this tool by this agent, for any arguments and more than once",
            ),
            reversible="not reversible, as far as is known",
            alternatives=("deny, and ask there what it would change",),
            confirmation=call.tool,
            captured_at=utc_text(now),
        ),
        call_sha256=binding(call, target, victims),
        requester=f"agent:{system.name}",
        why={"title": f"{asker} asked for it", "foreign": {"shape": system.kind, "system": system.name, "id": there}},
        policy={"rule": f"{RULE}.{system.name}", "text": f"{rule or 'its policy'} asks for an approval there"},
        target=target,
        role="",
        task="",
        agent=system.name,
        session=session,
        created_at=utc_text(created),
        expires_at=utc_text(until),
        locked=False,
        asked_by=f"{system.name}:{asker}",
    )  # fmt: skip


def _risk(stored: Stored) -> Risk:
    """Its class there; what is not known counts as destructive."""
    return "write" if stored.get("action_class") == "write" else "destructive"


def _arguments(context: Any) -> dict[str, Any]:
    found = jsonable(context) if isinstance(context, Mapping) else {}
    return {inert_line(str(key))[:TEXT_CHARACTERS]: _cut(value) for key, value in list(found.items())[:50]}


def _cut(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = mask(value if isinstance(value, str) else str(value))
    return text if len(text) <= ARGUMENT_CHARACTERS else f"{text[:ARGUMENT_CHARACTERS]} …"


def _text(value: Any) -> str:
    return inert_line(mask(value))[:TEXT_CHARACTERS] if isinstance(value, str) else ""


def _moment(value: Any) -> datetime | None:
    """A time; None where there is none, which is the year 1 on that wire."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware if aware.year > 1 else None
