"""From what decides there to our rules: each call is judged no milder here than there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import time
from itertools import combinations, product
from typing import Any

from agents.governance.aihelpdesk.atoms import EVERYONE, Atom, Taken, atoms_of, names_of, tools_of
from agents.governance.aihelpdesk.source import ACTIONS, TYPES, Match, Note, Source, SourceRule
from agents.governance.aihelpdesk.users import Users
from agents.governance.policy_file import PURPOSES
from agents.governance.rule import Rule
from agents.governance.schedule import DAYS, Schedule, zone_of

UNNAMED = "targets outside the inventory"


@dataclass(frozen=True, slots=True)
class Translated:
    rules: tuple[Rule, ...]
    notes: tuple[Note, ...]
    """In the order of the file."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Atoms of one rule on one resource that are said by one rule here."""

    atom: Atom
    actions: tuple[str, ...]
    people: tuple[str, ...]
    last: bool
    """Nothing milder comes after it: where it denies, no rule is needed."""


def translate(source: Source, users: Users | None) -> Translated:
    """Our rules for a source. Raises UserError where a rule cannot be taken over at all."""
    taken = atoms_of(source, users)
    notes = [*source.notes, *taken.notes, *_overruled(taken), *_unordered(taken.atoms)]
    rules: list[Rule] = []
    for group in _groups(taken):
        rules += _rules(group, notes)
    if any("*" in name or "?" in name for rule in rules for name in rule.names if "[" not in name):
        comment = "a target that no inventory names is refused there as well"
        rules.append(Rule(UNNAMED, "deny", comment, names=("*/*",)))
    once = dict.fromkeys(sorted(notes, key=lambda note: (note.line, note.where)))
    return Translated(tuple(_renamed(rules)), tuple(once))


def _groups(taken: Taken) -> Iterator[_Group]:
    people: dict[tuple[int, int, Match, str], list[Atom]] = defaultdict(list)
    for atom in taken.atoms:
        people[id(atom.policy), atom.place, atom.match, atom.action].append(atom)
    merged: dict[tuple[int, int, Match, tuple[str, ...], bool], list[Atom]] = defaultdict(list)
    for (policy, place, match, _), some in people.items():
        last = all(atom in taken.last for atom in some)
        merged[policy, place, match, tuple(atom.who for atom in some), last].append(some[0])
    for (*_, who, last), some in merged.items():
        actions = tuple(action for action in ACTIONS if any(atom.action == action for atom in some))
        yield _Group(some[0], actions, () if EVERYONE in who else who, last)


def _rules(group: _Group, notes: list[Note]) -> Iterator[Rule]:
    atom, rule = group.atom, group.atom.rule

    def note(text: str) -> None:
        notes.append(Note(rule.line, atom.where, text))

    if atom.match.type not in TYPES:
        note(f"resources of type {atom.match.type!r} are not known here; not imported")
        return
    base = Rule(
        f"{atom.policy.name}/{atom.place}", "deny", rule.message or f"rule {atom.place} of {atom.policy.name}",
        atom.policy.priority, principals=group.people, kinds=(atom.match.type,),
        tags=tuple(sorted(atom.match.tags)), sensitivity=tuple(sorted(atom.match.sensitivity)),
        risks=group.actions,
    )  # fmt: skip
    try:
        schedules = _schedules(rule)
        names, tools = names_of(atom.match), tools_of(atom.match)
        if atom.match.namespace:
            raise ValueError("its namespace")
    except ValueError as error:
        yield from _coarse(base, rule, str(error), note)
        return
    if names is None or tools is None:
        note("its name or tool and its pattern exclude each other: it fits nothing there; not imported")
        return
    if len(tools) > 1:
        note(f"the tool {tools[-1]} there is {' and '.join(tools[:-1])} here")
    for schedule in schedules:
        for made in _effective(replace(base, names=names, tools=tools, schedule=schedule), rule, note):
            if made.effect == "deny" and group.last:
                note(
                    "nothing comes after this deny there, and what no rule is for is denied here; not imported"
                )
            else:
                yield made


def _coarse(base: Rule, rule: SourceRule, what: str, note: Any) -> Iterator[Rule]:
    """A rule that cannot be said exactly: what only allows is left out, all else is denied more widely."""
    if rule.effect == "allow" and not _conditioned(rule):
        note(f"{what} cannot be said here; what it allows there is not imported")
        return
    note(f"{what} cannot be said here; it is a deny here, for more than there")
    yield base


def _conditioned(rule: SourceRule) -> bool:
    limits = (rule.max_rows, rule.max_pods, rule.max_xact_age_s, rule.quorum)
    return rule.require_approval or any(limits) or bool(rule.allowed or rule.blocked)


def _effective(base: Rule, rule: SourceRule, note: Any) -> Iterator[Rule]:
    if rule.effect == "deny":
        if _conditioned(rule):
            note("it denies always there, whatever its conditions say; so it does here")
        yield base
        return
    allowed, blocked = (_purposes(some, note) for some in (rule.allowed, rule.blocked))
    left = tuple(purpose for purpose in allowed if purpose not in blocked)
    if rule.allowed and not left:
        note("none of its purposes can be declared here; it is a deny")
        yield base
        return
    if rule.allowed:
        note(f"with another purpose than {', '.join(left)}, or none, it denies there, and here")
        yield replace(base, name=f"{base.name} purpose", not_purposes=left)
    elif blocked:
        yield replace(base, name=f"{base.name} purpose", purposes=blocked)
    yield replace(
        base, **_effect(base, rule, note), **_limits(base, rule, note),
        purposes=left, not_purposes=() if rule.allowed else blocked,
    )  # fmt: skip


def _effect(base: Rule, rule: SourceRule, note: Any) -> dict[str, Any]:
    asks = rule.effect == "require_approval" or rule.require_approval
    if not asks and not rule.quorum:
        if not base.principals and base.risks != ("read",):
            note(f"it lets everyone {' and '.join(base.risks)} without asking, there and here")
        return {"effect": "allow"}
    if not asks:
        note("approval_quorum without require_approval asks nobody there; it asks for approval here")
    elif rule.quorum > 1:
        note(f"the quorum of {rule.quorum} is not kept there: one yes is enough; it is kept here")
    return {"effect": "approve", "approvers": max(rule.quorum, 1), "four_eyes": True}


def _limits(base: Rule, rule: SourceRule, note: Any) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if rule.max_rows:
        limits["max_rows"] = rule.max_rows
        note(
            f"max_rows_affected {rule.max_rows} is looked at after the act there; here before it, and a change"
            " whose rows nobody can count is denied"
        )
    if rule.max_xact_age_s:
        limits["max_xact_age_s"] = rule.max_xact_age_s
    if rule.max_pods and base.kinds == ("kubernetes",):
        limits["max_victims"] = rule.max_pods
    elif rule.max_pods:
        note(f"max_pods_affected says nothing about a {base.kinds[0]}, there neither")
    return limits


def _purposes(named: Sequence[str], note: Any) -> tuple[str, ...]:
    for purpose in named:
        if purpose not in PURPOSES:
            note(f"purpose {purpose!r} cannot be declared here")
    return tuple(purpose for purpose in dict.fromkeys(named) if purpose in PURPOSES)


def _schedules(rule: SourceRule) -> list[Schedule | None]:
    """Its hours as windows of ours. Raises ValueError where they depend on that server's clock."""
    hours = rule.hours
    if hours is None or not (hours.days or hours.hours):
        return [None]
    try:
        zone_of(hours.zone or "(none)")
    except ValueError as error:
        raise ValueError("its hours, which without a known time zone follow that server's clock,") from error
    days = hours.days or DAYS
    windows = _windows(hours.hours)
    return [Schedule(days, time(start), time(end % 24), hours.zone) for start, end in windows]


def _windows(hours: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring hours as (first, one after the last)."""
    if not hours or len(hours) == 24:
        return [(0, 0)]
    windows: list[tuple[int, int]] = []
    for hour in hours:
        if windows and windows[-1][1] == hour:
            windows[-1] = (windows[-1][0], hour + 1)
        else:
            windows.append((hour, hour + 1))
    return windows


def _overruled(taken: Taken) -> Iterator[Note]:
    """Denies that another policy goes before there, and that win here."""
    denying = [
        atom for atom in taken.atoms
        if atom not in taken.last and (atom.rule.effect == "deny" or atom.rule.allowed or atom.rule.blocked)
    ]  # fmt: skip
    passing = [atom for atom in taken.atoms if atom.rule.effect != "deny"]
    before: dict[tuple[int, str], dict[str, None]] = defaultdict(dict)
    for atom, other in product(denying, passing):
        if other.policy is not atom.policy and other.before(atom) and other.meets(atom):
            name = f"{other.policy.name} (priority {other.policy.priority})"
            before[atom.rule.line, atom.where][name] = None
    for (line, where), names in before.items():
        text = f"where {' or '.join(names)} fits too, this deny is not looked at there; here the deny wins"
        yield Note(line, where, text)


def _unordered(atoms: Sequence[Atom]) -> Iterator[Note]:
    told: set[tuple[str, str]] = set()
    for atom, other in combinations(atoms, 2):
        same = other.policy.priority == atom.policy.priority and other.policy is not atom.policy
        key = (atom.where, other.policy.name)
        if same and key not in told and other.rule.effect != atom.rule.effect and other.meets(atom):
            told.add(key)
            text = f"{other.policy.name} has the same priority: which decides is chance there; the stricter one here"
            yield Note(atom.rule.line, atom.where, text)


def _renamed(rules: Sequence[Rule]) -> Iterator[Rule]:
    """Each name once: several resources or windows of one rule are numbered."""
    total, seen = defaultdict[str, int](int), defaultdict[str, int](int)
    for rule in rules:
        total[rule.name] += 1
    for rule in rules:
        seen[rule.name] += 1
        yield replace(rule, name=f"{rule.name} #{seen[rule.name]}") if total[rule.name] > 1 else rule
