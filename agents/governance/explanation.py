"""Why the policy says what it says of a call: each rule, and what would have to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agents.governance.policy import STRICTNESS, Policy, Verdict, deciding
from agents.governance.rule import Request, Rule


@dataclass(frozen=True, slots=True)
class Consideration:
    """One rule, looked at for one call."""

    rule: Rule
    misses: tuple[str, ...]
    """Why the rule is not for this call; empty where it is."""
    limit: str
    """The limit that the call goes beyond; empty where it goes beyond none."""
    decides: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    verdict: Verdict
    rules: tuple[Consideration, ...]
    changes: tuple[str, ...]
    """What would have to be otherwise for a milder verdict, the nearest first."""


def explain(policy: Policy, request: Request) -> Explanation:
    """The verdict on a call with every rule that was looked at."""
    verdict = policy.judge(request)
    applying = [rule for rule in policy.rules if not rule.misses(request)]
    names = {verdict.rule} if verdict.effect == "deny" else {rule.name for rule in deciding(applying)}
    looked = tuple(
        Consideration(
            rule,
            tuple(rule.misses(request)),
            rule.exceeded(request.impact) if request.impact is not None and rule in applying else "",
            rule.name in names,
        )
        for rule in policy.rules
    )
    return Explanation(verdict, looked, tuple(_changes(policy, request, verdict, looked)))


def _changes(
    policy: Policy, request: Request, verdict: Verdict, looked: tuple[Consideration, ...]
) -> Iterator[str]:
    if verdict.effect == "allow":
        return
    if policy.fault:
        yield f"mend the file: {policy.fault}"
        return
    for item in looked:
        if item.rule.effect == "deny" and not item.misses:
            yield f"rule {item.rule.name} forbids it as long as it holds"
        elif item.limit:
            yield f"stay within rule {item.rule.name}: {item.limit}"
    if policy.locks(request) and verdict.effect == "approve":
        after = policy.judge(replace(request, unlocked=True)).effect
        then = "runs" if after == "allow" else "still needs an approval each time"
        yield f"unlock the target in this session, as an approval can: it then {then}"
    yield from _milder(policy, replace(request, unlocked=True), looked)


def _milder(policy: Policy, request: Request, looked: tuple[Consideration, ...]) -> Iterator[str]:
    """Rules that are not for this call, and would make it milder if they were; with nothing else in the way."""
    free = [item for item in looked if not item.limit and (item.rule.effect != "deny" or item.misses)]
    rules = tuple(item.rule for item in free)
    now = STRICTNESS[replace(policy, rules=rules).judge(request).effect]
    near = []
    for item in free:
        if item.misses and _about(item.rule, request):
            fitted = Rule(item.rule.name, item.rule.effect, priority=item.rule.priority)
            others = tuple(rule for rule in rules if rule is not item.rule)
            if STRICTNESS[replace(policy, rules=(*others, fitted)).judge(request).effect] < now:
                near.append(item)
    near.sort(key=lambda item: (len(item.misses), item.rule.name))
    for item in near[:3]:
        yield f"rule {item.rule.name} would {item.rule.effect} it: {'; '.join(item.misses)}"
    if not near and now == STRICTNESS["approve"]:
        yield "no rule lets it run without asking"
    elif not near and now == STRICTNESS["deny"]:
        yield "no rule is for it: one that allows it, or asks for an approval, would have to be added"


def _about(rule: Rule, request: Request) -> bool:
    """Whether the rule is about such a call at all: neither the tool nor its risk can be changed."""
    return not Rule(rule.name, rule.effect, tools=rule.tools, risks=rule.risks).misses(request)
