"""`policies.yaml` as it is there: policies of resources and rules, and what is odd about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agents.governance.aihelpdesk.yaml_file import Item, read_yaml, unknown
from agents.governance.schedule import DAYS

ACTIONS = ("read", "write", "destructive")
EFFECTS = ("allow", "deny", "require_approval")
TYPES = ("database", "kubernetes", "host")
HIGHEST = 1_000_000
_POLICY = ("name", "description", "enabled", "priority", "principals", "resources", "rules")
_PRINCIPAL = ("user", "role", "service", "any")
_MATCH = ("name", "name_pattern", "tags", "namespace", "sensitivity", "tool", "tool_pattern")
_RULE = ("action", "effect", "conditions", "message")
_NUMBERS = (
    ("quorum", "approval_quorum"), ("max_rows", "max_rows_affected"), ("max_pods", "max_pods_affected"),
    ("max_xact_age_s", "max_xact_age_secs"),
)  # fmt: skip
_CONDITIONS = (
    "require_approval", *(key for _, key in _NUMBERS), "schedule", "allowed_purposes", "blocked_purposes"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody who takes the file over should know."""

    line: int
    where: str
    """Policy and rule."""
    text: str


@dataclass(frozen=True, slots=True)
class Who:
    """One principal: a kind (`any`, `user`, `role`, `service`) and a name."""

    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """One resource; what is empty fits any."""

    type: str
    name: str = ""
    name_pattern: str = ""
    tags: frozenset[str] = frozenset()
    namespace: str = ""
    sensitivity: frozenset[str] = frozenset()
    tool: str = ""
    tool_pattern: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """When a rule is active. Days and hours that are empty mean any; no zone means that server's clock."""

    days: tuple[str, ...]
    hours: tuple[int, ...]
    zone: str


@dataclass(frozen=True, slots=True)
class SourceRule:
    actions: tuple[str, ...]
    effect: str
    message: str = ""
    require_approval: bool = False
    quorum: int = 0
    max_rows: int = 0
    max_pods: int = 0
    max_xact_age_s: int = 0
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    hours: Hours | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    name: str
    priority: int
    who: tuple[Who, ...]
    """Empty for everyone."""
    matches: tuple[Match, ...]
    rules: tuple[SourceRule, ...]
    line: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """The policies that are enabled, in the order in which they are looked at there."""

    path: Path
    policies: tuple[SourcePolicy, ...]
    notes: tuple[Note, ...] = field(default=())


def read_policies(path: Path) -> Source:
    """The policies in the file at `path`. Raises UserError (exit 2) with file, line and reason.

    An unknown key that may have been meant to narrow a rule is an error: there it is passed over in silence.
    """
    reader = _Reader()
    top = read_yaml(path).mapping()
    for key, item in unknown(top, ("version", "policies")):
        reader.note(item, "file", f"{key!r} is not known, there neither; it says nothing")
    if "policies" not in top or not top["policies"].items():
        raise read_yaml(path).error("policies are missing")
    policies = [reader.policy(item) for item in top["policies"].items()]
    names: set[str] = set()
    for item, policy in zip(top["policies"].items(), policies, strict=True):
        if policy is not None and policy.name in names:
            raise item.error(f"policy {policy.name!r} is there twice")
        names |= {policy.name} if policy else set()
    enabled = [policy for policy in policies if policy is not None]
    return Source(path, tuple(sorted(enabled, key=lambda policy: -policy.priority)), tuple(reader.notes))


class _Reader:
    """Reads one policy after the other and remembers what is odd."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, item: Item, where: str, text: str) -> None:
        self.notes.append(Note(item.line, where, text))

    def policy(self, item: Item) -> SourcePolicy | None:
        """The policy; None where it is switched off."""
        table = item.mapping()
        name = _matched(table["name"]) if "name" in table else ""
        if not name:
            raise item.error("a policy without a name")
        for key, other in unknown(table, _POLICY):
            self.note(other, name, f"{key!r} is not known, there neither; it says nothing")
        for key in ("resources", "rules"):
            if key not in table or not table[key].items():
                raise item.error(f"policy {name!r} has no {key}")
        if "enabled" in table and not table["enabled"].flag(default=True):
            self.note(item, name, "switched off there; not imported")
            return None
        priority = table["priority"].whole() if "priority" in table else 0
        if abs(priority) > HIGHEST:
            raise table["priority"].error(f"priority {priority} is beyond {HIGHEST}")
        return SourcePolicy(
            name,
            priority,
            tuple(self._who(table["principals"], name)) if "principals" in table else (),
            tuple(self._match(resource) for resource in table["resources"].items()),
            tuple(self._rule(rule, f"{name}, rule {n}") for n, rule in enumerate(table["rules"].items(), 1)),
            item.line,
        )

    def _who(self, item: Item, policy: str) -> Iterator[Who]:
        for entry in item.items():
            table = _known(entry, _PRINCIPAL)
            named = [
                Who(kind, text)
                for kind in _PRINCIPAL[:3]
                if kind in table and (text := _matched(table[kind]))
            ]
            if "any" in table and table["any"].flag(default=False):
                named.append(Who("any"))
            if not named:
                self.note(entry, policy, "a principal that names nobody; it fits nobody there")
                named = [Who("nobody")]
            yield from named

    def _match(self, item: Item) -> Match:
        table = _known(item, ("type", "match"))
        match = _known(table["match"], _MATCH) if "match" in table else {}
        kind = _matched(table["type"]) if "type" in table else ""
        one = {
            key: _matched(match[key]) for key in _MATCH if key in match and key not in ("tags", "sensitivity")
        }
        all_of = {
            key: frozenset(_matched_texts(match[key])) for key in ("tags", "sensitivity") if key in match
        }
        return Match(kind, **one, **all_of)  # type: ignore[arg-type]

    def _rule(self, item: Item, where: str) -> SourceRule:
        table = _known(item, _RULE)
        actions = tuple(_matched(one) for one in table["action"].items()) if "action" in table else ()
        effect = table["effect"].text() if "effect" in table else ""
        if not actions:
            raise item.error(f"{where}: action is missing")
        if effect not in EFFECTS:
            raise item.error(f"{where}: effect is {effect!r}, expected one of {', '.join(EFFECTS)}")
        for action in actions:
            if action not in ACTIONS:
                self.note(item, where, f"action {action!r} is none of theirs; it fits nothing there")
        said = _known(table["conditions"], _CONDITIONS) if "conditions" in table else {}
        numbers = {key: said[key].whole() for _, key in _NUMBERS if key in said}
        for key, number in numbers.items():
            if number <= 0:
                self.note(said[key], where, f"{key} is {number}, which means no limit there; not imported")
        limits = {name: max(numbers.get(key, 0), 0) for name, key in _NUMBERS}
        return SourceRule(
            tuple(action for action in actions if action in ACTIONS),
            effect,
            table["message"].text() if "message" in table else "",
            said["require_approval"].flag(default=False) if "require_approval" in said else False,
            **limits,
            allowed=self._purposes(said, "allowed_purposes"),
            blocked=self._purposes(said, "blocked_purposes"),
            hours=self._hours(said["schedule"], where)
            if "schedule" in said and not said["schedule"].empty
            else None,
            line=item.line,
        )

    def _purposes(self, said: dict[str, Item], key: str) -> tuple[str, ...]:
        return _matched_texts(said[key]) if key in said else ()

    def _hours(self, item: Item, where: str) -> Hours:
        table = _known(item, ("days", "hours", "timezone"))
        days = _matched_texts(table["days"]) if "days" in table else ()
        known = tuple(day for day in days if day in DAYS)
        for day in days:
            if day not in DAYS:
                self.note(item, where, f"day {day!r} is none there (mon to sun are); it is never that day")
        hours = tuple(hour.whole() for hour in table["hours"].items()) if "hours" in table else ()
        for hour in hours:
            if not 0 <= hour <= 23:
                raise item.error(f"{where}: hour {hour} is none, expected 0 to 23")
        zone = table["timezone"].text() if "timezone" in table else ""
        return Hours(known or (("never",) if days else ()), tuple(sorted(set(hours))), zone)


def _known(item: Item, known: Sequence[str]) -> dict[str, Item]:
    """The keys of a table. Raises UserError at one that is not known: what it should narrow is wide there."""
    table = item.mapping()
    for key, other in unknown(table, known):
        raise other.error(
            f"{key!r} is not known here, expected {', '.join(known)}; there it is passed over, and what it"
            " should narrow is wider than it looks"
        )
    return table


def _matched(item: Item) -> str:
    """A text that something is matched by. Raises UserError where the environment there would change it."""
    text = item.text()
    if "$" in text:
        raise item.error(
            f"{text!r}: there $NAME is replaced from the environment; write out what it stands for"
        )
    return text


def _matched_texts(item: Item) -> tuple[str, ...]:
    texts = item.texts()
    return tuple(_matched(one) for one in item.items()) if texts else ()
