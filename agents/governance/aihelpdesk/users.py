"""`users.yaml`: who there is and in which roles, and our `roles.toml` from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agents.governance.aihelpdesk.source import Note
from agents.governance.aihelpdesk.yaml_file import Item, read_yaml, unknown

APPROVING = "dba"
"""Who approves there, wherever roles are checked at all."""
ADMIN = "admin"
FLEET = "fleet-approver"
_CALLER = re.compile(r"[A-Za-z0-9][\w.@-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Person:
    """A user or a service account."""

    name: str
    roles: frozenset[str]
    service: bool
    line: int


@dataclass(frozen=True, slots=True)
class Users:
    path: Path
    people: tuple[Person, ...]
    notes: tuple[Note, ...] = field(default=())

    def in_role(self, role: str) -> tuple[str, ...]:
        """Principals that have this role."""
        return tuple(principal(person.name) for person in self.people if role in person.roles)


def principal(name: str) -> str:
    """The pattern that fits the principal with this name, and no other."""
    return "operator:" + re.sub(r"([*?[])", r"[\1]", name)


def read_users(path: Path) -> Users:
    """The people in the file at `path`. Raises UserError (exit 2) with file, line and reason."""
    top = read_yaml(path).mapping()
    notes = [
        Note(item.line, "file", f"{key!r} is not known, there neither; it says nothing")
        for key, item in unknown(top, ("version", "users", "service_accounts", "role_aliases"))
    ]
    aliases = top["role_aliases"].mapping() if "role_aliases" in top else {}
    alias = {name: item.text() for name, item in aliases.items()}
    people: dict[str, Person] = {}
    for key, service in (("users", False), ("service_accounts", True)):
        for item in top[key].items() if key in top else ():
            person = _person(item, alias, service, notes)
            if person.name in people and (not service or not people[person.name].service):
                raise item.error(f"{person.name!r} is there twice, and here nobody could tell the two apart")
            if person.name in people:
                notes.append(Note(item.line, person.name, "is there twice; the last one holds, as there"))
            people[person.name] = person
    return Users(path, tuple(people.values()), tuple(notes))


def _person(item: Item, alias: Mapping[str, str], service: bool, notes: list[Note]) -> Person:
    table = item.mapping()
    known = ("id", "roles", "api_key_hash") if service else ("id", "roles")
    for key, other in unknown(table, known):
        notes.append(Note(other.line, "user", f"{key!r} is not known, there neither; it says nothing"))
    name = table["id"].text() if "id" in table else ""
    if not name:
        raise item.error("a user without an id")
    roles = frozenset(table["roles"].texts()) if "roles" in table else frozenset()
    return Person(name, _expanded(roles, alias), service, item.line)


def _expanded(roles: frozenset[str], alias: Mapping[str, str]) -> frozenset[str]:
    """The roles, each replaced by what it is an alias of."""
    return frozenset(alias.get(role, role) for role in roles)


def roles_text(users: Users, policies: Path) -> str:
    """`roles.toml` for these people: nobody may do more here than there."""
    lines = [
        f"# Who may do what where. From {users.path.name}; what each may do is said by the rules made of {policies.name}.",
        "# There a user is whoever sends that name; here a name needs a login, a token or a certificate.",
        "# A service account's key cannot be taken over: `helpdesk policy token NAME -o FILE` makes one.",
    ]
    for role, names in _members(users):
        listed = ", ".join(_quoted(principal(name)) for name in names)
        lines += ["", "[[members]]", f"principals = [{listed}]", f'role = "{role}"']
    return "\n".join(lines) + "\n"


def users_notes(users: Users) -> Iterator[Note]:
    """What is otherwise here for these people."""
    yield from users.notes
    for person in users.people:
        if person.service and not _CALLER.fullmatch(person.name):
            yield Note(person.line, person.name, "no token can be made for such a name here")
        if FLEET in person.roles:
            yield Note(person.line, person.name, f"{FLEET} approves fleet jobs there; there are none here")


def _members(users: Users) -> Iterator[tuple[str, list[str]]]:
    admins = [person.name for person in users.people if ADMIN in person.roles]
    approvers = [person.name for person in users.people if APPROVING in person.roles and not person.service]
    others = [person.name for person in users.people if ADMIN not in person.roles]
    for role, names in (("admin", admins), ("approver", approvers), ("operator", others)):
        if names:
            yield role, names


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
