"""Events of our own kind from another host: what of them may enter the log here, and under which names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agents.governance.approval import Approval
from agents.kernel.event import Event
from agents.kernel.records import Evidence, Finding, Severity
from agents.protocol.errors import AgentRefused

logger = logging.getLogger(__name__)

STATES = frozenset({
    "submitted", "working", "input-required", "auth-required", "completed", "failed", "rejected", "canceled",
})  # fmt: skip
SEVERITIES: frozenset[Severity] = frozenset({"info", "warning", "critical"})
AT = "@"


def admitted(event: Event, agent: str) -> Event | None:
    """The event as one of the remote `agent`; None for what no agent may tell us, or cannot be read.

    Its approvals get ids of their own, so that it can touch no approval of anyone else; a remote agent
    unlocks nothing here, gives no grant, opens no session, routes nothing, speaks for no operator, and does not
    say what the session is for.
    """
    check = _CHECKS.get(event.kind)
    if check is None:
        return None
    try:
        body = check(dict(event.body), agent)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        logger.warning("%s: a %s event makes no sense and was dropped: %r", agent, event.kind, error)
        return None
    principal = event.principal if event.principal.startswith("rule:") else f"agent:{agent}"
    return replace(event, body=body, agent=agent, principal=principal, purpose="", purpose_note="")


def known_here(approval_id: str, agent: str) -> str:
    """The id here of a remote agent's approval."""
    return f"{approval_id}{AT}{agent}"


def known_there(approval: Approval) -> str:
    """The id that the remote agent gave its approval. Raises AgentRefused where it is none of its own."""
    if not approval.id.endswith(f"{AT}{approval.agent}"):
        raise AgentRefused(approval.agent, f"approval {approval.id} is not one of its own")
    return approval.id.removesuffix(f"{AT}{approval.agent}")


Check = Callable[[dict[str, Any], str], Mapping[str, Any]]


def _texts(*keys: str) -> Check:
    def check(body: dict[str, Any], _: str) -> Mapping[str, Any]:
        for key in keys:
            if not isinstance(body[key], str):
                raise TypeError(f"{key} is no text")
        return body

    return check


def _message(body: dict[str, Any], _: str) -> Mapping[str, Any]:
    return {**body, "role": "agent", "text": str(body["text"])}


def _task(body: dict[str, Any], _: str) -> Mapping[str, Any]:
    if body["state"] not in STATES:
        raise ValueError(f"state {body['state']!r}")
    # The mark of a process means something on its own host alone.
    told = {"state": body["state"], "text": str(body.get("text", ""))}
    return {**told, "choices": [str(one) for one in body["choices"]]} if "choices" in body else told


def _called(body: dict[str, Any], _: str) -> Mapping[str, Any]:
    if not isinstance(body["arguments"], dict):
        raise TypeError("arguments")
    return _texts("call", "tool", "risk", "target", "parent")(body, "")


def _returned(body: dict[str, Any], _: str) -> Mapping[str, Any]:
    kept = _texts("call", "evidence", "error")(body, "")
    return {
        **kept,
        "duration_ms": float(body["duration_ms"]),
        "rows": int(body["rows"]),
        "ok": bool(body["ok"]),
    }


def _evidence(body: dict[str, Any], _: str) -> Mapping[str, Any]:
    evidence = Evidence.from_json(body["evidence"])
    if any(len(row) != len(evidence.columns) for row in evidence.rows):
        raise ValueError("a row does not fit its columns")
    return body


def _finding(body: dict[str, Any], _: str) -> Mapping[str, Any]:
    if Finding.from_json(body["finding"]).severity not in SEVERITIES:
        raise ValueError("severity")
    return body


def _conclusion(body: dict[str, Any], _: str) -> Mapping[str, Any]:
    report = body["report"]
    for key in ("findings", "evidence", "not_checked"):
        if not isinstance(report[key], list):
            raise TypeError(key)
    for key in ("target", "server", "timing"):
        if not isinstance(report[key], dict):
            raise TypeError(key)
    return _texts("text")(body, "")


def _model_returned(body: dict[str, Any], _: str) -> Mapping[str, Any]:
    cost = body["cost_usd"]
    sums = {
        name: {key: float(body["spent"][name][key]) for key in ("usd", "tokens", "unpriced")}
        for name in ("turn", "session", "day")
    }
    kept = _texts("call", "provider", "model", "error")(body, "")
    usage = {key: int(value) for key, value in body["usage"].items()} if body["usage"] else None
    cost = None if cost is None else float(cost)
    return {**kept, "ms": int(body["ms"]), "cost_usd": cost, "usage": usage, "spent": sums}


def _concluded(body: dict[str, Any], _: str) -> Mapping[str, Any]:
    texts = ("by", "question", "text", "answer", "root_cause", "finding", "confidence", "next_step", "fault")
    kept = _texts("call", *texts)(body, "")
    for mark in body["marks"]:
        _texts("field", "text", "mark")(mark, "")
        if not isinstance(mark["start"], int) or not isinstance(mark["end"], int):
            raise TypeError("marks")
    for one in body["ruled_out"]:
        _texts("what", "why")(one, "")
    if body["rules"]["agrees"] not in (True, False, None):
        raise ValueError("rules")
    titles = [{"finding": str(one["finding"]), "title": str(one["title"])} for one in body["rules"]["roots"]]
    evidence = [str(one) for one in body["evidence"]]
    return {**kept, "evidence": evidence, "rules": {"agrees": body["rules"]["agrees"], "roots": titles}}


def _request(body: dict[str, Any], agent: str) -> Mapping[str, Any]:
    approval = Approval.from_json(body["approval"])
    if approval.risk not in ("write", "destructive"):
        raise ValueError("risk")
    own = replace(
        approval, id=known_here(approval.id, agent), agent=agent, requester=f"agent:{agent}",
        call=replace(approval.call, arguments=dict(approval.call.arguments)),
    )  # fmt: skip
    return {**body, "approval": own.to_json()}


def _about(*keys: str) -> Check:
    def check(body: dict[str, Any], agent: str) -> Mapping[str, Any]:
        if missing := [key for key in keys if key not in body]:
            raise KeyError(*missing)
        return {**body, "approval": known_here(str(body["approval"]), agent)}

    return check


def _decided(body: dict[str, Any], agent: str) -> Mapping[str, Any]:
    if body["decision"] not in ("approve", "deny"):
        raise ValueError("decision")
    return _about("by", "reason")(body, agent)


def _edited(body: dict[str, Any], agent: str) -> Mapping[str, Any]:
    kept = _about("new", "by", "before", "after")(body, agent)
    return {**kept, "new": known_here(str(body["new"]), agent)}


def _note(body: dict[str, Any], agent: str) -> Mapping[str, Any]:
    told = {"text": str(body["text"])}
    return {**told, "approval": known_here(str(body["approval"]), agent)} if "approval" in body else told


_CHECKS: Mapping[str, Check] = {
    "message": _message,
    "task": _task,
    "tool.called": _called,
    "tool.returned": _returned,
    "evidence": _evidence,
    "finding": _finding,
    "conclusion": _conclusion,
    "model.called": _texts("call", "models"),
    "model.returned": _model_returned,
    "model.notice": _texts("call", "kind", "text"),
    "model.concluded": _concluded,
    "approval.requested": _request,
    "approval.refreshed": _request,
    "approval.decided": _decided,
    "approval.given": _about("by", "reason"),
    "approval.withdrawn": _about("by", "reason"),
    "approval.edited": _edited,
    "tool.progress": _texts("call", "text"),
    "tool.refused": _texts("tool", "target", "reason"),
    "action.started": _about("tool", "arguments", "by"),
    "action.finished": _about("ok", "text", "verified", "evidence", "freed"),
    "action.refused": _about("reason"),
    "action.in_doubt": _about("reason"),
    "note": _note,
}
