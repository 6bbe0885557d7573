"""What stands against a decision on an approval, and how victims differ from those that were approved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.governance.approval import Approval, Decision, Terms, address, confirms
from agents.governance.grant import LONGEST_S, MOST_CALLS
from agents.governance.roles import Action
from agents.kernel.canonical import canonical_json, utc_text
from agents.kernel.event import new_id
from agents.kernel.tool import Victim
from agents.log import ApprovalRow

_ENDED = {
    "denied": "it was denied",
    "started": "it was used already and its action is under way",
    "done": "it was used already: its action is done",
    "failed": "it was used already: its action failed",
    "refused": "it is void",
    "replaced": "it was edited, and another one is in its place",
    "in doubt": "it was used already and the end of its action is in doubt",
}


def ended(row: ApprovalRow, decision: Decision) -> str:
    """Why nothing can be decided on this approval any more; empty where it still waits."""
    if row.state == "expired":
        return f"it expired at {row.approval['expires_at']}" if decision.decision == "approve" else ""
    return _ENDED.get(row.state, "")


def needed(decision: Decision, locked: bool) -> list[Action]:
    """What one must be allowed to do to decide so."""
    actions: list[Action] = [decision.decision]
    if decision.decision == "approve" and locked and decision.unlock:
        actions.append("unlock")
    if decision.decision == "approve" and decision.grant is not None:
        actions.append("grant")
    return actions


def objection(approval: Approval, decision: Decision, locked: bool, given: Collection[str]) -> str:
    """What is missing or wrong in the decision, so that the approval goes on waiting; empty where nothing is.

    `given` are the principals that have approved it already.
    """
    if decision.decision == "approve" and not approval.intact:
        return "the approval does not match what it binds; deny it and ask again"
    if decision.call_sha256 != approval.call_sha256:
        return "the decision is for another call than this approval binds; look at the approval again"
    if decision.decision == "deny":
        return ""
    if line := unreadable(approval):
        return line
    if locked and not decision.unlock:
        return f"{approval.call.target} is read-only in this session, and the decision does not unlock it"
    wanted, typed = approval.to_type(locked), decision.confirmation.strip()
    if wanted and not confirms(typed, wanted):
        return f"it needs the confirmation {wanted!r}, and was given {repr(typed) if typed else 'none'}"
    return _not_by_this_one(approval, decision, given) or _bad_grant(approval, decision.grant)


def unreadable(approval: Approval) -> str:
    """What a newer version says of it: it may be a condition, so nothing is done on it here; empty for nothing."""
    names = ", ".join(approval.unknown)
    return f"it says what this version cannot read ({names}); deny it, or update" if names else ""


def _not_by_this_one(approval: Approval, decision: Decision, given: Collection[str]) -> str:
    if approval.four_eyes and (decision.by in approval.authors or not approval.asked_by or not decision.by):
        return (
            f"four eyes: {decision.by or 'nobody'} asked for it or edited it, and somebody else must approve"
        )
    if decision.by in given:
        return f"{decision.by} approved it already, and {approval.approvers} different people must"
    return ""


def _bad_grant(approval: Approval, terms: Terms | None) -> str:
    if terms is None:
        return ""
    if approval.risk != "write":
        return f"a {approval.risk} call is approved each time; no grant can stand for it"
    if approval.approvers > 1:
        return f"{approval.approvers} people must approve each such call; no grant can stand for them"
    if not 1 <= terms.count <= MOST_CALLS or not 0 < terms.seconds <= LONGEST_S:
        return f"a grant is for 1 to {MOST_CALLS} calls and at most {LONGEST_S / 3600:.0f} hours"
    return ""


def decided_body(decision: Decision, given: Sequence[str]) -> dict[str, Any]:
    """The decision as an event keeps it."""
    keys = ("approval", "decision", "by", "reason", "confirmation", "unlock")
    return {
        **{key: getattr(decision, key) for key in keys},
        "given": list(given),
        "grant": decision.stands_on,
    }


def grant_body(approval: Approval, decision: Decision) -> dict[str, Any]:
    """The grant that comes with a decision, as an event keeps it."""
    assert decision.grant is not None
    until = datetime.now(UTC) + timedelta(seconds=decision.grant.seconds)
    return {
        "grant": new_id(),
        "approval": approval.id,
        "tool": approval.call.tool,
        "target": address(approval.target),
        "count": decision.grant.count,
        "until": utc_text(until),
        "by": decision.by,
    }


def undone_by_tool(undo: Any) -> bool:
    """Whether what was captured before an action is a call that undoes it."""
    return isinstance(undo, Mapping) and {"tool", "arguments"} <= set(undo)


def undo_objection(row: ApprovalRow, rows: Iterable[ApprovalRow]) -> str:
    """Why the action of this approval cannot be undone now; empty where it can."""
    if row.state != "done" or row.outcome is None:
        return f"nothing was done on approval {row.id}: it {row.said}"
    if not undone_by_tool(row.outcome.get("undo")):
        return f"it cannot be undone: {row.approval['preview'].get('reversible') or 'not reversible'}"
    for other in rows:
        if other.approval.get("undo_of") == row.id and other.state in (
            "pending",
            "approved",
            "started",
            "done",
        ):
            return f"approval {other.id} is for undoing it, and {other.said}"
    return ""


def changed(approved: Sequence[Victim], now: Sequence[Victim]) -> str:
    """How the victims differ from those that were approved, in one line; empty where they are the same."""
    before_all = [canonical_json(victim.identity) for victim in approved]
    now_all = [canonical_json(victim.identity) for victim in now]
    if before_all == now_all:
        return ""
    what = "session" if any("pid" in victim.identity for victim in (*approved, *now)) else "object"
    if len(approved) == len(now) == 1:
        was, is_now = approved[0].identity, now[0].identity
        differences = [
            f"{key} was {was.get(key)}, is {is_now.get(key)}"
            for key in sorted({*was, *is_now})
            if was.get(key) != is_now.get(key)
        ]
        return f"the {what} changed: {'; '.join(differences)}"
    gone = len(set(before_all) - set(now_all))
    new = len(set(now_all) - set(before_all))
    return f"the {what} changed: {gone} of {len(approved)} approved gone, {new} new"
