"""Who is behind an approval: the rule that asks, those who may approve, who did, who asked, who edited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from agents.governance.approval import Approval
from helpdesk_tui import words
from helpdesk_tui.panes.approvals.fields import field, value_text
from helpdesk_tui.panes.approvals.state import Ask
from helpdesk_tui.paper import Block, Span

MOST_NAMES = 8
RECEIPT_CHARACTERS = 8
"""The end of an approval's id: random, and enough to find it."""


def people(ask: Ask, now: datetime) -> Iterator[Block]:
    """Policy, approvers, requester, editors, and what a yes binds."""
    approval = Approval.from_json(ask.approval)
    yield from _policy(approval)
    yield from _approvers(ask, approval, now)
    yield from _asked(approval)
    if approval.edited_by:
        yield from field(
            "edited by", ", ".join(approval.edited_by), Span(f", in place of {approval.edited_from}", "dim")
        )
    if approval.undo_of:
        yield from field("undoes", f"the action of approval {approval.undo_of}")
    if approval.unknown:
        names = ", ".join(approval.unknown)
        yield from field("not shown", Span(f"what a newer version says in {names}", "warn"))
    yield from field("binds", Span(f"this call on these victims, once: {approval.call_sha256[:16]}…", "dim"))
    yield from field("approval", Span(approval.id, "dim"))


def decided(ask: Ask) -> Iterator[Block]:
    """Who decided, when, on what, and when it ended; nothing where nobody has."""
    body = ask.decision
    if not body:
        return
    verb = "approved" if body.get("decision") == "approve" else "denied"
    others = [by for by in body.get("given", ()) if by != body.get("by")]
    also = f", and before by {', '.join(others)}" if others else ""
    reason = f": {body['reason']}" if body.get("reason") else ""
    yield from field(verb, f"{body.get('by', '')} at {words.day(ask.decided_at)}{also}{reason}")
    for text in _with_it(body):
        yield from field("", Span(text, "dim"))
    if ask.ended_at:
        yield from field("ended", f"at {words.clock(ask.ended_at)}")
        receipt = f"helpdesk approvals show {ask.id[-RECEIPT_CHARACTERS:]}"
        yield from field("receipt", Span(receipt, "code"))


def _with_it(body: Mapping[str, Any]) -> Iterator[str]:
    if body.get("confirmation"):
        yield f"typed {body['confirmation']}"
    if body.get("unlock"):
        yield "unlocked the target for this session"
    if body.get("grant"):
        yield f"stands on grant {body['grant']}"


def edits(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Block]:
    """What an edit changed, argument by argument: before, then after."""
    first = True
    for name in dict.fromkeys((*before, *after)):
        was, is_now = before.get(name), after.get(name)
        if was == is_now and (name in before) == (name in after):
            continue
        for there, value, sign, tone in ((before, was, "-", "bad"), (after, is_now, "+", "good")):
            if name in there:
                yield from field("edit" if first else "", Span(f"{sign} {name} {value_text(value)}", tone))
                first = False


def _policy(approval: Approval) -> Iterator[Block]:
    yield from field(
        "policy", approval.policy.get("text", ""), Span(f" ({approval.policy.get('rule', '')})", "dim")
    )
    said = [f"purpose {approval.purpose}"] if approval.purpose else []
    said += [f"holds {approval.policy['window']}"] if approval.policy.get("window") else []
    if said:
        yield from field("", Span(" · ".join(said), "dim"))


def _approvers(ask: Ask, approval: Approval, now: datetime) -> Iterator[Block]:
    many = approval.approvers > 1
    given = ask.given or list(ask.decision.get("given") or ())
    if many:
        names = f": {', '.join(given)}" if given else ""
        tone = "good" if len(given) >= approval.approvers else "warn"
        yield from field("approvers", Span(f"{len(given)} of {approval.approvers}{names}", tone))
    if ask.state_at(now) == "pending":
        missing = f"{approval.approvers - len(given)} more: " if many else ""
        yield from field("" if many else "approvers", Span(f"{missing}{_who_may(approval, given)}", "dim"))
    if approval.four_eyes:
        authors = " and ".join(sorted(approval.authors)) or "whoever asked"
        yield from field("", Span(f"four eyes: not {authors}, who asked for it or edited it", "warn"))


def _who_may(approval: Approval, given: list[str]) -> str:
    """The candidates that are left, as `roles.toml` names them."""
    out = {*given, *(approval.authors if approval.four_eyes else ())}
    left = [name for name in approval.candidates if name not in out]
    if approval.candidates:
        more = f" and {len(left) - MOST_NAMES} more" if len(left) > MOST_NAMES else ""
        return (", ".join(left[:MOST_NAMES]) or "roles.toml names nobody else who may") + more
    return "whoever can log in to this account (there is no roles.toml)"


def _asked(approval: Approval) -> Iterator[Block]:
    for_whom = f" for {approval.asked_by}" if approval.asked_by else ""
    yield from field(
        "asked by",
        approval.requester,
        for_whom,
        Span(f" at {words.clock(approval.created_at)}", "dim"),
    )
