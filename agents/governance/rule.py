"""One rule of a policy: what it is about, when it holds, and the limits it sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Literal, Self

from agents.governance.schedule import Schedule, zone_of
from agents.kernel.tool import Preview

Effect = Literal["allow", "approve", "deny"]
RISKS = ("read", "write", "destructive")
KINDS = ("database", "kubernetes", "host", "mcp")
"""What a target can be; one that does not say is a database."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change would hit, counted before anything is done."""

    victims: int
    rows: int | None = None
    """Rows that would change; None where the preview does not say."""
    oldest_xact_s: float = 0.0
    """Age of the oldest open transaction among the victims, in seconds; 0 where none has one."""

    @classmethod
    def of(cls, preview: Preview) -> Self:
        facts = [victim.facts for victim in preview.victims]
        rows = [item["rows"] for item in facts if item.get("rows") is not None]
        ages = [float(item.get("xact_s") or 0.0) for item in facts]
        return cls(len(facts), sum(rows) if rows else None, max(ages, default=0.0))


@dataclass(frozen=True, slots=True)
class Request:
    """A call that is to be judged."""

    tool: str
    risk: str
    target: Mapping[str, Any]
    """As `Target.describe` tells it."""
    principal: str = ""
    """The authenticated caller for whom it is done."""
    roles: frozenset[str] = frozenset()
    """Roles of the principal on this target."""
    purpose: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    unlocked: bool = False
    """Whether the target is unlocked for changes in this session."""
    impact: Impact | None = None
    """None before the victims were read; limits are judged once they are."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. A field that is empty says nothing: the rule holds for any value."""

    name: str
    effect: Effect
    comment: str = ""
    priority: int = 0
    principals: tuple[str, ...] = ()
    """Patterns of principals (`operator:ann*`) or roles (`role:approver`)."""
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Patterns of target names."""
    environments: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """The target has all of them."""
    sensitivity: tuple[str, ...] = ()
    """The target has all of them."""
    tools: tuple[str, ...] = ()
    """Patterns of tool names."""
    risks: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    not_purposes: tuple[str, ...] = ()
    schedule: Schedule | None = None
    max_victims: int | None = None
    max_rows: int | None = None
    max_xact_age_s: float | None = None
    approvers: int = 1
    four_eyes: bool = False
    line: int = 0
    """Where it stands in its file."""

    def misses(self, request: Request) -> list[str]:
        """Why this rule is not about the request, one line each; empty where it is."""
        return [line for line in self._misses(request) if line]

    def exceeded(self, impact: Impact) -> str:
        """The limit of this rule that the change goes beyond, in words; empty where it goes beyond none."""
        if self.max_victims is not None and impact.victims > self.max_victims:
            return f"it would hit {impact.victims}, and the most is {self.max_victims}"
        if self.max_rows is not None and (impact.rows is None or impact.rows > self.max_rows):
            rows = "an unknown number of" if impact.rows is None else impact.rows
            return f"it would change {rows} rows, and the most is {self.max_rows}"
        if self.max_xact_age_s is not None and impact.oldest_xact_s > self.max_xact_age_s:
            age, most = impact.oldest_xact_s, self.max_xact_age_s
            return f"a transaction it would end is {age:.0f} s old, and the most is {most:.0f} s"
        return ""

    def _misses(self, request: Request) -> Iterator[str]:
        target = request.target
        who = (request.principal, *(f"role:{role}" for role in sorted(request.roles)))
        yield _no_match("principal", who, self.principals)
        yield _no_match("kind", (str(target.get("kind") or KINDS[0]),), self.kinds)
        yield _no_match("target", (str(target.get("name") or ""),), self.names)
        yield _no_match("environment", (str(target.get("environment") or ""),), self.environments)
        yield _lacks("tags", target.get("tags") or (), self.tags)
        yield _lacks("sensitivity", target.get("sensitivity") or (), self.sensitivity)
        yield _no_match("tool", (request.tool,), self.tools)
        yield _no_match("risk", (request.risk,), self.risks)
        yield _no_match("purpose", (request.purpose,), self.purposes)
        if request.purpose in self.not_purposes:
            yield f"purpose is {request.purpose}, and the rule is not for it"
        if self.schedule is not None and not self.schedule.holds(request.at):
            yield f"time there is {request.at.astimezone(zone_of(self.schedule.zone)):%a %H:%M}, needs {self.schedule}"


def _no_match(what: str, values: Sequence[str], patterns: Sequence[str]) -> str:
    if not patterns or any(fnmatchcase(value, pattern) for value in values for pattern in patterns):
        return ""
    return f"{what} is {' or '.join(filter(None, values)) or 'not said'}, needs {' or '.join(patterns)}"


def _lacks(what: str, values: Sequence[str], wanted: Sequence[str]) -> str:
    missing = [item for item in wanted if item not in values]
    return f"{what} has no {' and no '.join(missing)}" if missing else ""
