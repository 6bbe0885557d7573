"""Why the policy says what it says of a call, in words: for the command line and for the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.governance.approval import Approval
from agents.governance.explanation import Explanation, explain
from agents.governance.policy_file import policy_path
from agents.governance.policy_file import safely_loaded as policy_in_force
from agents.governance.roles import Action, roles_path
from agents.governance.roles import safely_loaded as roles_in_force
from agents.governance.rule import RISKS, Impact, Request
from helpdesk_tui.paper import BLANK, Block, Span, block

REMOTE = "@"
"""Ids of approvals that a remote agent asked for hold this."""


def explained(told: Explanation, request: Request, refusal: str) -> Iterator[str]:
    """The verdict, each rule that was looked at, and what would have to change; `refusal` is the roles' no."""
    verdict = told.verdict
    who = f"{request.tool} ({request.risk}) on {request.target.get('name')} for {request.principal}"
    if refusal:
        yield f"DENY  {who}"
        yield f"  roles: {refusal}"
        return
    yield f"{verdict.effect.upper()}  {who}"
    yield f"  rule {verdict.rule}: {verdict.text}"
    if verdict.approvers > 1 or verdict.four_eyes:
        yield f"  approvers: {verdict.approvers}{', not the one who asked' if verdict.four_eyes else ''}"
    yield "rules"
    for item in told.rules:
        state = "decides" if item.decides else "applies" if not item.misses else "does not apply"
        why = f": {'; '.join(item.misses)}" if item.misses else f": {item.limit}" if item.limit else ""
        yield f"  {item.rule.name} ({item.rule.effect}) {state}{why}"
    if told.changes:
        yield "to change it"
        yield from (f"  {line}" for line in told.changes)


def about_approval(approval: Mapping[str, Any], *, unlocked: bool) -> list[Block]:
    """The page for a call that asked for an approval: the rule that asked then, and what holds now."""
    asked = Approval.from_json(approval)
    then = block(Span("asked under  ", "dim"), f"{asked.policy.get('rule')}: {asked.policy.get('text')}")
    if asked.why.get("foreign") or REMOTE in asked.id:
        return [
            then,
            BLANK,
            block("The agent's own policy decided this; no rule of this host is for its tools."),
        ]
    request = _request(
        asked.call.tool, asked.risk, asked.target, asked.asked_by, asked.purpose,
        unlocked=unlocked, impact=Impact.of(asked.preview),
    )  # fmt: skip
    return [then, BLANK, block(Span("now", "head")), *_page(request)]


def about_call(
    call: Mapping[str, Any], target: Mapping[str, Any], principal: str, purpose: str, *, unlocked: bool
) -> list[Block]:
    """The page for a call that was refused, or might be made: `tool` and `risk`, and the `reason` of a refusal."""
    refused = [block(Span("refused  ", "bad"), str(call["reason"])), BLANK] if call.get("reason") else []
    risk = str(call.get("risk") or "")
    if risk not in RISKS:
        return [*refused, block("No rule was asked: the call never came as far as the policy.")]
    request = _request(str(call.get("tool")), risk, target, principal, purpose, unlocked=unlocked)
    return [*refused, block(Span("now", "head")), *_page(request)]


def about_target(target: Mapping[str, Any], principal: str, purpose: str, *, unlocked: bool) -> list[Block]:
    """The page for a target: what a read, a write and a destructive call need there."""
    blocks: list[Block] = []
    for risk in RISKS:
        request = _request(f"any {risk} call", risk, target, principal, purpose, unlocked=unlocked)
        blocks += [*_page(request), BLANK]
    return blocks[:-1]


def _request(
    tool: str, risk: str, target: Mapping[str, Any], principal: str, purpose: str, **more: Any
) -> Request:
    roles = roles_in_force(roles_path()).of(principal, target)
    return Request(tool, risk, target, principal, roles, purpose, **more)


def _page(request: Request) -> Iterator[Block]:
    told = explain(policy_in_force(policy_path()), request)
    doing: Action = "read" if request.risk == "read" else "ask"
    refusal = roles_in_force(roles_path()).refusal(request.principal, doing, request.target)
    for number, line in enumerate(explained(told, request, refusal)):
        indent = " " * (len(line) - len(line.lstrip()))
        tone = "strong" if number == 0 else "dim" if indent and ") does not apply" in line else ""
        yield Block((Span(line.lstrip(), tone if indent or number == 0 else "head"),), indent, indent + "  ")
