"""What stands against a decision on an approval, and how victims differ from those that were approved."""

from __future__ import annotations

from collections.abc import Sequence

from agents.governance.approval import Approval, Decision, binding
from agents.kernel.canonical import canonical_json
from agents.kernel.tool import Victim
from agents.log import ApprovalRow

_ENDED = {
    "denied": "it was denied",
    "started": "it was used already and its action is under way",
    "done": "it was used already: its action is done",
    "failed": "it was used already: its action failed",
    "refused": "it is void",
    "in doubt": "it was used already and the end of its action is in doubt",
}


def ended(row: ApprovalRow, decision: Decision) -> str:
    """Why nothing can be decided on this approval any more; empty where it still waits."""
    if row.state == "expired":
        return f"it expired at {row.approval['expires_at']}" if decision.decision == "approve" else ""
    return _ENDED.get(row.state, "")


def objection(approval: Approval, decision: Decision, locked: bool) -> str:
    """What is missing or wrong in the decision, so that the approval goes on waiting; empty where nothing is."""
    bound = binding(approval.call, approval.target, approval.preview.victims)
    if approval.call_sha256 != bound:
        return "the approval does not match what it binds; deny it and ask again"
    if decision.call_sha256 != approval.call_sha256:
        return "the decision is for another call than this approval binds; look at the approval again"
    if decision.decision == "deny":
        return ""
    if approval.risk == "destructive" and decision.confirmation.strip() != approval.preview.confirmation:
        return f"to approve, type {approval.preview.confirmation!r} as the confirmation"
    if locked and not decision.unlock:
        return (
            f"{approval.call.target} is read-only in this session; approve with unlock to allow changes on it"
        )
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
