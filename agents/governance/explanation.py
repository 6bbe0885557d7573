"""Why the policy says what it says of a call: each rule, and what would have to change."""

from __future__ import annotations

from dataclasses import dataclass

from agents.governance.policy import Policy, Verdict, deciding
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
) -> list[str]:
    if policy.fault:
        return [f"mend the file: {policy.fault}"] if verdict.effect == "deny" else []
    lines = [
        f"rule {item.rule.name} forbids it as long as it holds" for item in looked
        if item.rule.effect == "deny" and not item.misses
    ]  # fmt: skip
    lines += [f"stay within rule {item.rule.name}: {item.limit}" for item in looked if item.limit]
    if verdict.effect == "approve" and policy.locks(request):
        lines.append("unlock the target in this session; an approval can do that")
    if verdict.effect != "allow":
        milder = ("allow",) if verdict.effect == "approve" else ("allow", "approve")
        near = [
            item
            for item in looked
            if item.misses and item.rule.effect in milder and _about(item.rule, request)
        ]
        near.sort(key=lambda item: (len(item.misses), item.rule.name))
        lines += [
            f"rule {item.rule.name} would {item.rule.effect} it: {'; '.join(item.misses)}"
            for item in near[:3]
        ]
    return lines


def _about(rule: Rule, request: Request) -> bool:
    """Whether the rule is about such a call at all: neither the tool nor its risk can be changed."""
    return not Rule(rule.name, rule.effect, tools=rule.tools, risks=rule.risks).misses(request)
