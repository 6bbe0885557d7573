"""A session as plain text: who said and did what, in order, with the evidence each claim rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agents.kernel.event import Event


def transcript(events: Iterable[Event]) -> str:
    """The session as Markdown. Text from outside is not made inert here; that is the printer's duty."""
    lines = (line for event in events if (line := _line(event)))
    return "\n\n".join(lines)


def _line(event: Event) -> str:
    words = _words(event.kind, event.body)
    return f"`{event.at[:19]}Z` {words}" if words else ""


def _words(kind: str, body: Mapping[str, Any]) -> str:
    match kind:
        case "session.opened":
            return f"**{body['operator']}** opened the session on {_target(body.get('target'))}"
        case "target.selected":
            return f"target: {_target(body.get('target'))}"
        case "message":
            who = "operator" if body["role"] == "operator" else "agent"
            return f"**{who}:** {body['text']}"
        case "task" if body["state"] == "auth-required" or "choices" in body:
            return f"**agent asks:** {body['text']}"
        case "conclusion":
            return f"**conclusion**\n\n{body['text']}"
        case "tool.returned" if body["error"]:
            return f"tool call {body['call']} failed: {body['error']}"
        case "note" | "agent" | "model.notice":
            return str(body["text"])
        case _:
            return _decision_words(kind, body)


def _decision_words(kind: str, body: Mapping[str, Any]) -> str:
    match kind:
        case "approval.requested":
            approval = body["approval"]
            return f"approval {approval['id']} asked for: {approval['preview']['action']}"
        case "approval.decided":
            said = f"{body['decision']} by {body['by']}{_in_brackets(body.get('reason'))}"
            return f"approval {body['approval']}: {said}"
        case "action.started":
            return f"action started: {body['tool']} {body['arguments']}"
        case "action.finished":
            verified = {True: "verified", False: "not confirmed by the evidence"}.get(
                body["verified"], "not re-read"
            )
            return f"action {'done' if body['ok'] else 'failed'}: {body['text']} ({verified})"
        case "action.refused" | "action.in_doubt":
            return f"{kind.replace('.', ' ').replace('_', ' ')}: {body['reason']}"
        case "model.concluded":
            return f"**model, {body.get('by') or 'unknown'}:**\n\n{body['text']}"
        case "bundle.created":
            return f"bundle {body['path']} (SHA-256 {body['sha256']})"
        case _:
            return _governing_words(kind, body)


def _governing_words(kind: str, body: Mapping[str, Any]) -> str:
    match kind:
        case "session.purpose":
            return f"purpose: {body['purpose']}{_in_brackets(body.get('note'))}"
        case "target.unlocked" | "target.locked":
            return f"{body['target']} {kind.removeprefix('target.')} by {body['by']}"
        case "tool.refused":
            return f"{body['tool']} refused: {body['reason']}"
        case "policy.changed":
            return f"another policy is in force: {body['path']}{_in_brackets(body.get('fault'))}"
        case "log.purged":
            return f"{body['events']} events purged by {body['by']}{_in_brackets(body['reason'])}"
        case _:
            return ""


def _in_brackets(text: Any) -> str:
    return f" ({text})" if text else ""


def _target(target: Mapping[str, Any] | None) -> str:
    if not target:
        return "no target"
    place = f"{target.get('host', '')}:{target.get('port', '')}/{target.get('database', '')}"
    return f"{target.get('name', '')} ({place})"
