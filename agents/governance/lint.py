"""Rules that say less, or more, than they seem to: never match, shadowed, wider than their comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from agents.governance.policy import Policy
from agents.governance.rule import RISKS, Rule
from inventory.target import ENVIRONMENTS

_WILD = re.compile(r"[*?\[]")
_PATTERNED = ("principals", "names", "tools")
_LISTED = ("kinds", "environments", "risks", "purposes")
_ALL_OF = ("tags", "sensitivity")


@dataclass(frozen=True, slots=True)
class Note:
    """A doubt about one rule."""

    rule: str
    line: int
    text: str


def lint(policy: Policy, tools: Mapping[str, str] | None = None) -> list[Note]:
    """Doubts about the rules, in the order of the file. `tools` are the known ones, with their risk."""
    notes = []
    for rule in policy.rules:
        texts = [
            *_never(rule, tools or {}),
            *_shadowed(rule, policy.rules),
            *_wider(rule),
            *_parked_read(rule),
        ]
        notes += [Note(rule.name, rule.line, text) for text in texts]
    return notes


def _never(rule: Rule, tools: Mapping[str, str]) -> Iterator[str]:
    if rule.purposes and set(rule.purposes) <= set(rule.not_purposes):
        yield "can never match: every purpose it is for is one it is not for"
    if not tools or not rule.tools:
        return
    meant = {name: risk for name, risk in tools.items() if _fits_any(name, rule.tools)}
    if not meant:
        yield f"can never match: no known tool is called {' or '.join(rule.tools)}"
    elif rule.risks and not set(meant.values()) & set(rule.risks):
        risks = " or ".join(sorted(set(meant.values())))
        yield f"can never match: {', '.join(sorted(meant))} is {risks}, not {' or '.join(rule.risks)}"


def _shadowed(rule: Rule, rules: Sequence[Rule]) -> Iterator[str]:
    for other in rules:
        if other is rule or not _covers(other, rule):
            continue
        if other.effect == "deny" and (
            rule.effect != "deny" or not _covers(rule, other) or other.name < rule.name
        ):
            yield f"shadowed: {other.name} denies all that it is for"
        elif "deny" in (other.effect, rule.effect) or _limited(rule):
            continue
        elif other.priority > rule.priority:
            yield f"shadowed: {other.name} has a higher priority and is for all that it is for"
        elif other.priority == rule.priority and (other.effect, rule.effect) == ("approve", "allow"):
            yield f"shadowed: at equal priority {other.name} asks for an approval of all that it would allow"


def _limited(rule: Rule) -> bool:
    """A limit denies what goes beyond it, whatever else decides."""
    return (rule.max_victims, rule.max_rows, rule.max_xact_age_s) != (None, None, None)


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide` is for everything that `narrow` is for; False where that is not sure."""
    if wide.schedule is not None and wide.schedule != narrow.schedule:
        return False
    if wide.not_purposes and not (
        set(wide.not_purposes) <= set(narrow.not_purposes)
        or (narrow.purposes and not set(wide.not_purposes) & set(narrow.purposes))
    ):
        return False
    return (
        all(_covers_patterns(getattr(wide, key), getattr(narrow, key)) for key in _PATTERNED)
        and all(_within(getattr(wide, key), getattr(narrow, key)) for key in _LISTED)
        and all(set(getattr(wide, key)) <= set(getattr(narrow, key)) for key in _ALL_OF)
    )


def _within(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def _covers_patterns(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    if not wide or "*" in wide:
        return True
    return bool(narrow) and all(any(_covers_pattern(one, item) for one in wide) for item in narrow)


def _covers_pattern(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    if _WILD.search(narrow) and re.search(r"[?\[]", wide):
        return False
    return fnmatchcase(narrow, wide)


def _fits_any(value: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def _wider(rule: Rule) -> Iterator[str]:
    """A comment that names an environment, a risk or a time which the rule does not keep to."""
    said = set(re.findall(r"[a-z]+", f"{rule.comment} {rule.name}".lower()))
    told = (
        (
            "environment",
            [name for name in ENVIRONMENTS if name and name in said],
            rule.environments or rule.names,
        ),
        ("risk", [risk for risk in RISKS if risk in said], rule.risks or rule.tools),
        ("sensitivity", [word for word in ("pii", "phi", "pci") if word in said], rule.sensitivity),
    )
    for what, words, kept in told:
        if words and not kept:
            yield f"wider than its comment: it says {' and '.join(words)}, and names no {what}"
    if said & {"hours", "weekend", "night", "weekdays"} and rule.schedule is None:
        yield "wider than its comment: it speaks of a time, and has no schedule"
    if "emergency" in said and not rule.purposes and not rule.not_purposes:
        yield "wider than its comment: it speaks of an emergency, and names no purpose"


def _parked_read(rule: Rule) -> Iterator[str]:
    if rule.effect == "approve" and "read" in rule.risks:
        yield "a triage or a model waits for no approval of a read: there they are refused; one asked for by hand waits"
