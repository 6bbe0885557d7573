"""`roles.toml`: who is viewer, operator, approver or admin of which targets, and whose token is whose."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from agents.governance.toml_rows import Row, rows_of
from inventory.errors import UserError
from inventory.masking import remember_secret
from inventory.paths import config_dir
from inventory.target import ENVIRONMENTS
from inventory.toml_file import line_of, parse_toml, read_text

Action = Literal["read", "ask", "approve", "deny", "edit", "grant", "revoke", "unlock", "lock", "purge"]
ACTIONS: tuple[Action, ...] = (
    "read", "ask", "approve", "deny", "edit", "grant", "revoke", "unlock", "lock", "purge"
)  # fmt: skip

ROLES: Mapping[str, frozenset[Action]] = {
    "viewer": frozenset({"read"}),
    "operator": frozenset({"read", "ask", "deny", "lock"}),
    "approver": frozenset({"read", "approve", "deny", "edit", "grant", "revoke", "unlock", "lock"}),
    "admin": frozenset(ACTIONS),
}
"""What each role may do. Someone who asks and approves has both roles, or is admin."""

_NAME = re.compile(r"[A-Za-z0-9][\w.@-]{0,63}", re.ASCII)
_SHOWN = re.compile(r"(?:email|uri|dns|cn):\S(?:.*\S)?")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Group:
    """Targets that belong together; what is empty fits any, and tags and sensitivity must all be there."""

    names: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sensitivity: tuple[str, ...] = ()

    def holds(self, target: Mapping[str, Any]) -> bool:
        name, environment = str(target.get("name") or ""), str(target.get("environment") or "")
        return (
            (not self.names or any(fnmatchcase(name, pattern) for pattern in self.names))
            and (not self.environments or environment in self.environments)
            and set(self.tags) <= set(target.get("tags") or ())
            and set(self.sensitivity) <= set(target.get("sensitivity") or ())
        )


@dataclass(frozen=True, slots=True)
class Member:
    """Principals that have a role on some groups."""

    principals: tuple[str, ...]
    role: str
    groups: tuple[str, ...] = ()
    """Names of groups; empty for every target."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Who may do what where. With a file, whoever it does not name may do nothing."""

    members: tuple[Member, ...] = ()
    groups: Mapping[str, Group] = field(default_factory=dict)
    callers: Mapping[str, str] = field(default_factory=dict)
    """Name of a caller → SHA-256 (hex) of the token that proves it."""
    certificates: Mapping[str, str] = field(default_factory=dict)
    """Name on a client certificate (`email:…`, `uri:…`, `dns:…`, `cn:…`) → name of the caller."""
    open: bool = True
    """True where there is no file: whoever got in may do everything."""
    fault: str = ""
    """Why the file could not be read; then nobody may change anything."""

    def of(self, principal: str, target: Mapping[str, Any]) -> frozenset[str]:
        """The roles of a principal on a target."""
        if self.fault:
            return frozenset({"viewer"})
        if self.open:
            return frozenset({"admin"})
        return frozenset(
            member.role
            for member in self.members
            if any(fnmatchcase(principal, pattern) for pattern in member.principals)
            and (not member.groups or any(self.groups[name].holds(target) for name in member.groups))
        )

    def refusal(self, principal: str, action: Action, target: Mapping[str, Any]) -> str:
        """Why the principal may not do this, in one line; empty where it may."""
        if any(action in ROLES[role] for role in self.of(principal, target)):
            return ""
        if self.fault:
            return f"nobody may {action} while the roles cannot be read: {self.fault}"
        needed = [role for role, actions in ROLES.items() if action in actions]
        where = target.get("name") or "this target"
        return f"{principal or 'nobody'} may not {action} on {where}; roles.toml gives that to {' or '.join(needed)}"

    def principals(self, action: Action, target: Mapping[str, Any]) -> tuple[str, ...]:
        """Patterns of principals that may do this on the target; empty where there is no file, or none may."""
        return tuple(
            dict.fromkeys(
                pattern
                for member in self.members
                if action in ROLES[member.role]
                and (not member.groups or any(self.groups[name].holds(target) for name in member.groups))
                for pattern in member.principals
            )
        )

    def caller(self, token: str) -> str:
        """The name of the caller with this token; empty where there is none."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = [name for name, known in self.callers.items() if hmac.compare_digest(known, digest)]
        return found[0] if found else ""

    def certified(self, names: Collection[str]) -> str:
        """The name of the caller whose certificate has these names; empty where none has, or more than one."""
        found = {self.certificates[name] for name in names if name in self.certificates}
        return found.pop() if len(found) == 1 else ""


def roles_path() -> Path:
    """Where the roles are: `roles.toml` in the configuration directory."""
    return config_dir() / "roles.toml"


def load_roles(path: Path | None = None) -> Roles:
    """The roles in the file at `path`; open where there is no file. Raises UserError (exit 2) with its place."""
    path = path or roles_path()
    return parse_roles(read_text(path), path) if path.exists() else Roles()


def safely_loaded(path: Path) -> Roles:
    """The roles in force: where the file cannot be read everyone may look, and nobody may change anything."""
    try:
        return load_roles(path)
    except UserError as error:
        return replace(Roles(), open=False, fault=str(error))


def parse_roles(text: str, path: Path) -> Roles:
    """The roles in `text`, which came from `path`. Raises UserError (exit 2) with file, line and reason."""
    data = parse_toml(text, path)
    known = ("groups", "members", "callers")
    for key in data:
        if key not in known:
            raise UserError(f"{path}:{line_of(text, key)}: {key!r} is not known, expected {', '.join(known)}")
    groups = {name: _group(name, table, path, text) for name, table in _tables(data, "groups", path, text)}
    members = [_member(row, groups) for row in rows_of(data, "members", path, text)]
    callers: dict[str, str] = {}
    certificates: dict[str, str] = {}
    for name, table in _tables(data, "callers", path, text):
        row = Row(path, text, f"callers.{name}", 0, table)
        row.line = line_of(text, "callers", name)
        if digest := _digest(name, row):
            callers[name] = digest
        for shown in _certificates(name, row):
            if certificates.setdefault(shown, name) != name:
                raise row.error(f"certificate {shown!r} is that of caller {certificates[shown]!r} already")
    return Roles(tuple(members), groups, callers, certificates, open=False)


def _tables(data: Mapping[str, Any], key: str, path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    tables = data.get(key, {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UserError(
            f"{path}:{line_of(text, key)}: {key} are not understood, expected [{key}.NAME] tables"
        )
    for name in tables:
        if not _NAME.fullmatch(name):
            where = f"{path}:{line_of(text, key, name)}"
            raise UserError(f"{where}: {name!r} is no name, expected letters, digits and . _ - @")
    return list(tables.items())


def _group(name: str, table: dict[str, Any], path: Path, text: str) -> Group:
    row = Row(path, text, f"groups.{name}", 0, table)
    row.line = line_of(text, "groups", name)
    row.only(("names", "environment", "tags", "sensitivity"))
    return Group(
        row.texts("names"),
        row.texts("environment", tuple(filter(None, ENVIRONMENTS))),
        row.texts("tags"),
        row.texts("sensitivity"),
    )


def _member(row: Row, groups: Mapping[str, Group]) -> Member:
    row.only(("principals", "role", "groups"))
    role = row.text("role")
    if role not in ROLES:
        raise row.error(f"role is {role!r}, expected one of {', '.join(ROLES)}", "role")
    principals = row.texts("principals")
    if not principals:
        raise row.error('principals are missing, expected a list such as ["operator:ann"]')
    return Member(principals, role, row.texts("groups", tuple(groups) or ("(no group is defined)",)))


def _digest(name: str, row: Row) -> str:
    """The digest of the caller's token; empty where the caller has a certificate alone."""
    values = dict(row.values)
    if "token_sha256" not in values and isinstance(token := values.get("token"), str) and token:
        # Works; `inventory.literal_secrets` warns of it, and moves it out.
        remember_secret(token)
        values["token_sha256"] = hashlib.sha256(values.pop("token").encode()).hexdigest()
    digest = values.get("token_sha256", "" if "certificate" in values else None)
    known = set(values) <= {"token_sha256", "certificate"}
    if not known or not isinstance(digest, str) or (digest and not _DIGEST.fullmatch(digest)):
        raise row.error(
            f"caller {name!r} is not understood, expected token_sha256 = 64 hex digits, as `helpdesk policy token`"
            ' prints them, or certificate = "email:…"'
        )
    return digest


def _certificates(name: str, row: Row) -> tuple[str, ...]:
    names = row.texts("certificate")
    for shown in names:
        if not _SHOWN.fullmatch(shown):
            raise row.error(
                f"certificate {shown!r} of caller {name!r} is no name on one, expected email:…, uri:…, dns:… or cn:…"
            )
    return names
