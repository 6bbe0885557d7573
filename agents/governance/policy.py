"""The policy: what runs, what needs an approval, what is never done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.governance.rule import Effect, Request, Rule

APPROVAL_TTL_S = 900.0
"""How long an approval waits: the facts on its card are hardly true for longer, an incident call takes that long."""

STRICTNESS: Mapping[Effect, int] = {"allow": 0, "approve": 1, "deny": 2}
BUILTIN = "builtin"
BUILTIN_RULES = (
    Rule("builtin.read", "allow", "reads run without asking", risks=("read",)),
    Rule("builtin.write", "approve", "every write call needs an approval", risks=("write",)),
    Rule(
        "builtin.destructive", "approve", "every destructive call needs an approval", risks=("destructive",)
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy says of one call, and which rule says it."""

    effect: Effect
    rule: str
    text: str
    approvers: int = 1
    """Different principals that must approve."""
    four_eyes: bool = False
    """True: whoever asked for it does not approve it."""
    window: str = ""
    """When the deciding rules hold, where they hold at some hours only."""

    def to_json(self) -> dict[str, Any]:
        """What an event keeps of it."""
        return {"effect": self.effect, "rule": self.rule}


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules. Any deny that applies wins; then the highest priority; then the strictest; no rule means deny.

    Without a file the built-in rules are in force: they can only ask or refuse, never let a change pass.
    """

    approval_ttl_s: float = APPROVAL_TTL_S
    rules: tuple[Rule, ...] = BUILTIN_RULES
    lock: bool = True
    """True: a target is read-only in a session until an operator unlocks it there."""
    source: str = BUILTIN
    """Where it came from: `builtin` or the path of the file."""
    fault: str = ""
    """Why the file could not be read; then no change runs."""

    def names(self, tool: str) -> bool:
        """Whether a rule that allows names this very tool, and not only by a pattern."""
        return any(rule.effect == "allow" and tool in rule.tools for rule in self.rules)

    def judge(self, request: Request) -> Verdict:
        """Judge a call. A limit is a deny of what goes beyond it; it is judged once the victims are known."""
        if self.fault and request.risk != "read":
            return Verdict(
                "deny", "policy.fault", f"no change runs while the policy cannot be read: {self.fault}"
            )
        applying = [rule for rule in self.rules if not rule.misses(request)]
        if denied := _denied(applying, request):
            return denied
        chosen = deciding(applying)
        if not chosen:
            return self._unknown(request)
        return self._with_lock(_together(chosen), request)

    def _unknown(self, request: Request) -> Verdict:
        known = any(request.risk in rule.risks or not rule.risks for rule in self.rules)
        what = (
            "no rule is for this call"
            if known
            else f"calls of the unknown class {request.risk} are never run"
        )
        return Verdict("deny", f"{BUILTIN}.unknown", what)

    def _with_lock(self, verdict: Verdict, request: Request) -> Verdict:
        if not self.locks(request):
            return verdict
        name = request.target.get("name") or "this target"
        text = f"{verdict.text}, and {name} is read-only in this session until you unlock it"
        rule = f"{verdict.rule}.locked" if verdict.rule.startswith(f"{BUILTIN}.") else verdict.rule
        return replace(verdict, effect="approve", rule=rule, text=text)

    def locks(self, request: Request) -> bool:
        """Whether the target must be unlocked in this session before the call may run."""
        return self.lock and request.risk != "read" and not request.unlocked


def deciding(applying: list[Rule]) -> list[Rule]:
    """The rules that decide where none denies: of the highest priority, and the strictest of those."""
    top = max((rule.priority for rule in applying), default=0)
    highest = [rule for rule in applying if rule.priority == top]
    asking = [rule for rule in highest if rule.effect == "approve"]
    return sorted(asking or highest, key=lambda rule: rule.name)


def _denied(applying: list[Rule], request: Request) -> Verdict | None:
    for rule in sorted(applying, key=lambda rule: rule.name):
        if rule.effect == "deny":
            return Verdict("deny", rule.name, rule.comment or f"rule {rule.name} forbids it")
        if request.impact is not None and (limit := rule.exceeded(request.impact)):
            return Verdict("deny", rule.name, f"beyond the limit of rule {rule.name}: {limit}")
    return None


def _together(rules: list[Rule]) -> Verdict:
    """The verdict of rules of one effect: the demands of each hold."""
    first = rules[0]
    asks = first.effect == "approve"
    return Verdict(
        first.effect,
        ", ".join(rule.name for rule in rules),
        "; ".join(rule.comment or _default_text(rule) for rule in rules),
        max(rule.approvers for rule in rules) if asks else 1,
        asks and any(rule.four_eyes for rule in rules),
        "; ".join(str(rule.schedule) for rule in rules if rule.schedule),
    )


def _default_text(rule: Rule) -> str:
    return (
        f"rule {rule.name} asks for an approval"
        if rule.effect == "approve"
        else f"rule {rule.name} allows it"
    )
