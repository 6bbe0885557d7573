"""An event as one JSON object for a SIEM, in the field names of the Elastic Common Schema (ECS) 8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.kernel.event import Event
from agents.log.records import StoredEvent
from inventory.masking import inert_line, masked

DATASET = "helpdesk.audit"
TEXT_CHARACTERS = 4_000
"""Of one text; what is longer is cut, and whole in the log."""

_TYPES: Mapping[str, tuple[str, ...]] = {
    "tool.called": ("access", "start"),
    "tool.returned": ("access", "end"),
    "tool.refused": ("access", "denied"),
    "action.started": ("change", "start"),
    "action.finished": ("change", "end"),
    "action.refused": ("change", "denied"),
    "action.in_doubt": ("change", "error"),
}
_CONFIGURING = frozenset({"policy.changed", "target.unlocked", "target.locked", "session.purpose"})
_OUTCOMES = {"completed": "success", "failed": "failure", "rejected": "failure", "canceled": "unknown"}


def ecs(item: StoredEvent) -> dict[str, Any]:
    """The event without secrets that we know and without the rows of evidence, which the log keeps."""
    event = item.event
    told: dict[str, Any] = {
        "@timestamp": event.at,
        "ecs": {"version": "8.11.0"},
        "event": {
            "id": event.id, "sequence": item.seq, "hash": item.hash, "kind": "event", "dataset": DATASET,
            "provider": "helpdesk-tui", "action": event.kind, **_classed(event),
        },
        "user": {"name": event.principal},
        "message": message(event),
        "helpdesk": {
            "session": event.session, "n": item.n, "task": event.task, "agent": event.agent,
            "target": event.target, "purpose": event.purpose, "purpose_note": event.purpose_note,
            "by": by(event), "tool": tool(event), "verdict": verdict(event), "approval": approval(event),
            "body": _body(event),
        },
    }  # fmt: skip
    if rule := policy(event).get("rule"):
        told["rule"] = {"name": rule}
    return {**told, **masked({key: told[key] for key in ("message", "helpdesk")}, TEXT_CHARACTERS)}


def by(event: Event) -> str:
    """The principal on whose behalf an agent did it; empty where the event knows none."""
    return str(event.body.get("by") or "")


def tool(event: Event) -> str:
    """The tool that it is about; empty where it is about none."""
    request = event.body.get("approval")
    call = request.get("call", {}) if isinstance(request, Mapping) else event.body
    return str(call.get("tool") or "")


def verdict(event: Event) -> str:
    """What the policy, or who had to decide, said: `allow`, `approve` (it is asked for, or was given) or `deny`."""
    if event.kind == "approval.requested":
        return "approve"
    return str(event.body.get("decision") or policy(event).get("effect") or "")


def approval(event: Event) -> str:
    """Id of the approval that it is about; empty where it is about none."""
    about = event.body.get("approval")
    return str(about.get("id") if isinstance(about, Mapping) else about or "")


def policy(event: Event) -> Mapping[str, Any]:
    """The rule and its effect, as the event keeps them."""
    about = event.body.get("approval")
    told = about.get("policy") if isinstance(about, Mapping) else event.body.get("policy")
    return told if isinstance(told, Mapping) else {}


def message(event: Event) -> str:
    """One line for people."""
    body = event.body
    about = body.get("text") or body.get("reason") or body.get("error") or ""
    where = f" on {event.target}" if event.target else ""
    words = " ".join(filter(None, (event.principal, event.kind, tool(event)))) + where
    return inert_line(f"{words}: {about}" if about else words)


def _classed(event: Event) -> dict[str, Any]:
    """Category, type, outcome and duration, as far as the schema has words for them."""
    told: dict[str, Any] = {"type": list(_TYPES.get(event.kind, ("info",)))}
    if event.kind in _TYPES:
        told["category"] = ["database"]
    if event.kind in _CONFIGURING:
        told |= {"category": ["configuration"], "type": ["change"]}
    if event.kind == "approval.decided":
        told["type"] = ["allowed" if event.body.get("decision") == "approve" else "denied"]
    if outcome := _outcome(event):
        told["outcome"] = outcome
    if "duration_ms" in event.body:
        told["duration"] = round(float(event.body["duration_ms"]) * 1_000_000)
    return told


def _outcome(event: Event) -> str:
    if "ok" in event.body:
        return "success" if event.body["ok"] else "failure"
    if event.kind == "task":
        return _OUTCOMES.get(str(event.body.get("state")), "")
    if event.kind in ("tool.refused", "action.refused"):
        return "failure"
    return "unknown" if event.kind == "action.in_doubt" else ""


def _body(event: Event) -> Mapping[str, Any]:
    """The body without what is large and no news: rows, and what a model was sent."""
    body = {key: value for key, value in event.body.items() if key != "sent"}
    evidence = body.get("evidence")
    if isinstance(evidence, Mapping):
        kept = {key: value for key, value in evidence.items() if key != "rows"}
        body["evidence"] = {**kept, "rows": len(evidence.get("rows", ()))}
    return body
