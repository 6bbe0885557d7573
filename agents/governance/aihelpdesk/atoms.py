"""The policies there, taken apart: one action of one rule for one principal on one resource, in the order they decide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from agents.governance.aihelpdesk.source import Match, Note, Source, SourcePolicy, SourceRule, Who
from agents.governance.aihelpdesk.users import Users, principal
from inventory.errors import UserError

MOST_ATOMS = 3000
"""Each is held against each; no hand-written file comes near."""
EVERYONE = ""
OURS = {
    "cancel_session": "cancel_query",
    "terminate_session": "terminate_connection",
    "drop_inactive_slot": "drop_replication_slot",
    "vacuum_table": "run_vacuum",
    "analyze_table": "run_vacuum",
    "freeze_table": "run_vacuum",
    "reset_setting": "reset_pg_setting",
    "resume_replay": "resume_wal_replay",
    "session": "get_session_info",
    "plain_sessions": "get_active_connections",
    "sessions": "get_active_connections",
    "connections": "get_connection_stats",
    "database_counters": "get_database_stats",
    "setting": "get_config_parameter",
    "settings": "get_pg_settings",
    "changed_settings": "get_pg_settings",
    "walsenders": "get_replication_status",
    "replication_slots": "get_replication_status",
    "lock_tree": "get_blocking_queries",
    "waiting_locks": "get_lock_info",
    "table_facts": "get_table_stats",
    "statement_counters": "get_slow_queries",
    "top_statements": "get_slow_queries",
    "tables_to_vacuum": "get_vacuum_status",
    "database_sizes": "get_disk_usage",
    "wait_profile": "get_wait_events",
    "plan_of_statement": "explain_query",
    "server_log": "read_pg_log",
    "log_classes": "read_pg_log",
}
"""Our tools → the one there that does the same; every other tool stands for itself."""
_TWISTED = re.compile(r"[\[\]\\]")
"""Classes and escapes mean other things there than here."""


@dataclass(frozen=True, slots=True)
class Atom:
    policy: SourcePolicy
    place: int
    """Number of the rule in its policy, from 1."""
    rule: SourceRule
    who: str
    """Pattern of the principal, `EVERYONE` for all."""
    match: Match
    action: str

    @property
    def where(self) -> str:
        return f"{self.policy.name}, rule {self.place}"

    def before(self, other: Atom) -> bool:
        """Whether it is looked at first for sure: the order of policies of equal priority is not defined there."""
        if self.policy is other.policy:
            return self.place < other.place
        return self.policy.priority > other.policy.priority

    def covers(self, other: Atom) -> bool:
        """Whether it fits whatever the other one fits; False where that is not sure."""
        return (
            self.action == other.action
            and self.who in (EVERYONE, other.who)
            and self.rule.hours in (None, other.rule.hours)
            and _covers(self.match, other.match)
        )

    def meets(self, other: Atom) -> bool:
        """Whether both may fit one call."""
        return (
            self.action == other.action
            and (EVERYONE in (self.who, other.who) or self.who == other.who)
            and _meets(self.match, other.match)
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """What is to be said here."""

    atoms: tuple[Atom, ...]
    """In the order in which they decide there."""
    last: frozenset[Atom]
    """Those after which nothing milder comes: a deny of theirs is the same as no rule at all."""
    notes: tuple[Note, ...]


def atoms_of(source: Source, users: Users | None) -> Taken:
    """What decides there, and denies that were meant to. Raises UserError.

    A role stands for those who have it in `users`; without them a rule for a role cannot be taken over.
    """
    notes: list[Note] = []
    found: list[Atom] = []
    for policy in source.policies:
        for atom in _atoms(policy, source, users, notes):
            if len(found) >= MOST_ATOMS:
                raise UserError(f"{source.path}: more rules than can be compared; split the file")
            found.append(atom)
    hidden = {atom: by for atom in found if (by := _hidden_by(atom, found))}
    kept = [atom for atom in found if atom not in hidden]
    last = frozenset(atom for atom in kept if not any(_follows(other, atom) for other in kept))
    meant = [atom for atom in hidden if atom.rule.effect == "deny" and _an_exception(atom, found)]
    notes += _never(hidden, kept, meant)
    return Taken(tuple(sorted((*kept, *meant), key=found.index)), last, tuple(notes))


def tools_of(match: Match) -> tuple[str, ...] | None:
    """Our tools that the resource is about, with the name as it is there; empty for all, None where that fits none.

    Raises ValueError where a pattern would fit others here than there.
    """
    if not match.tool and not match.tool_pattern:
        return ()
    if match.tool and match.tool_pattern and not fnmatchcase(match.tool, match.tool_pattern):
        return None
    pattern = match.tool or match.tool_pattern
    if _TWISTED.search(pattern):
        raise ValueError("its pattern of tools")
    ours = {name for name, theirs in OURS.items() if fnmatchcase(theirs, pattern)}
    if any(fnmatchcase(name, pattern) for name in OURS.keys() - ours):
        raise ValueError(f"its pattern {pattern!r}, which fits other tools here than there")
    return (*sorted(ours), pattern)


def names_of(match: Match) -> tuple[str, ...] | None:
    """Patterns of target names; empty for all, None where it fits none. Raises ValueError as `tools_of`."""
    if match.name_pattern and _TWISTED.search(match.name_pattern):
        raise ValueError("its pattern of names")
    if match.name:
        fits = not match.name_pattern or _fits(match.name, match.name_pattern)
        return (re.sub(r"([*?[])", r"[\1]", match.name),) if fits else None
    return (match.name_pattern,) if match.name_pattern else ()


def _atoms(policy: SourcePolicy, source: Source, users: Users | None, notes: list[Note]) -> Iterator[Atom]:
    people = list(dict.fromkeys(_people(policy, source, users, notes)))
    for place, rule in enumerate(policy.rules, start=1):
        if rule.hours is not None and rule.hours.days == ("never",):
            notes.append(Note(rule.line, f"{policy.name}, rule {place}", "never active there; not imported"))
            continue
        for match in dict.fromkeys(policy.matches):
            for who in people:
                for action in dict.fromkeys(rule.actions):
                    yield Atom(policy, place, rule, who, match, action)


def _people(policy: SourcePolicy, source: Source, users: Users | None, notes: list[Note]) -> Iterator[str]:
    if not policy.who or Who("any") in policy.who:
        yield EVERYONE
        return
    for who in policy.who:
        match who.kind:
            case "user" | "service":
                yield principal(who.name)
            case "role" if users is None:
                raise UserError(
                    f"{source.path}:{policy.line}: policy {policy.name!r} is for role {who.name!r}; give --users"
                    " users.yaml, so that it is known who that is"
                )
            case "role":
                assert users is not None
                if not (names := users.in_role(who.name)):
                    text = f"nobody in {users.path.name} has role {who.name!r}; it is for nobody here"
                    notes.append(Note(policy.line, policy.name, text))
                yield from names


def _hidden_by(atom: Atom, atoms: list[Atom]) -> list[str]:
    """Rules that decide before it wherever it fits."""
    return list(dict.fromkeys(other.where for other in atoms if other.before(atom) and other.covers(atom)))


def _an_exception(atom: Atom, atoms: list[Atom]) -> bool:
    """Whether a deny that is never reached was meant as an exception: all that hides it is wider, and lets pass."""
    hiding = [other for other in atoms if other.before(atom) and other.covers(atom)]
    return all(other.rule.effect != "deny" and not atom.covers(other) for other in hiding)


def _follows(other: Atom, atom: Atom) -> bool:
    """Whether the other one could let pass, later, what this one is for."""
    return other.rule.effect != "deny" and not other.before(atom) and other is not atom and other.meets(atom)


def _never(hidden: dict[Atom, list[str]], kept: list[Atom], meant: list[Atom]) -> Iterator[Note]:
    """Rules that are never reached there at all, and by which others."""
    reached = {atom.where for atom in kept}
    wins = {atom.where for atom in meant}
    told: set[str] = set()
    for atom, by in hidden.items():
        if atom.where in reached or atom.where in told:
            continue
        told.add(atom.where)
        end = "here the deny wins" if atom.where in wins else "not imported"
        text = f"never reached there: {', '.join(by[:3])} decides before it; {end}"
        yield Note(atom.rule.line, atom.where, text)


def _covers(wide: Match, narrow: Match) -> bool:
    return (
        wide.type == narrow.type
        and wide.name in ("", narrow.name)
        and _pattern_covers(wide.name_pattern, narrow.name_pattern, narrow.name)
        and wide.tags <= narrow.tags
        and wide.namespace in ("", narrow.namespace)
        and wide.sensitivity <= narrow.sensitivity
        and wide.tool in ("", narrow.tool)
        and _pattern_covers(wide.tool_pattern, narrow.tool_pattern, narrow.tool)
    )


def _pattern_covers(wide: str, narrow: str, exact: str) -> bool:
    return wide in ("", narrow) or bool(exact and not _TWISTED.search(wide) and _fits(exact, wide))


def _meets(one: Match, other: Match) -> bool:
    return (
        one.type == other.type
        and _may_be_same(one.name, other.name)
        and _may_be_same(one.tool, other.tool)
        and _may_be_same(one.namespace, other.namespace)
        and all(
            not exact or not pattern or bool(_TWISTED.search(pattern)) or _fits(exact, pattern)
            for exact, pattern in (
                (one.name, other.name_pattern),
                (other.name, one.name_pattern),
                (one.tool, other.tool_pattern),
                (other.tool, one.tool_pattern),
            )
        )
    )


def _may_be_same(one: str, other: str) -> bool:
    return not one or not other or one == other


def _fits(name: str, pattern: str) -> bool:
    """As there, where a star does not reach over a slash."""
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
