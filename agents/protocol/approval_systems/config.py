"""`approvals.toml`: the approval systems elsewhere, and what they want to see of us."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.protocol.credential import ClientTls, Credential
from agents.protocol.entries import EntryReader
from agents.protocol.experts import EXPERTS
from inventory.errors import UserError
from inventory.paths import config_dir
from inventory.toml_file import parse_toml, read_text

Kind = Literal["auditd", "gateway"]
KINDS: tuple[Kind, ...] = ("auditd", "gateway")
TABLE = "systems"
_NAME = re.compile(r"[A-Za-z][\w.-]{0,31}", re.ASCII)
_FIELDS = ("url", "kind", "as", "bearer", "api_key", "basic", "header", "user", "ca", "cert", "key")


@dataclass(frozen=True, slots=True)
class RemoteSystem:
    """One system where approvals wait."""

    name: str
    url: str
    kind: Kind
    as_user: str = ""
    """Who decides, in its words; sent as `X-User`. Empty: the name of the user here."""
    credential: Credential | None = None
    tls: ClientTls | None = None


def systems_path() -> Path:
    return config_dir() / "approvals.toml"


def load_systems(path: Path | None = None) -> tuple[dict[str, RemoteSystem], tuple[str, ...]]:
    """The systems in the file at `path` by name, and warnings; none where there is no file.

    Raises UserError (exit 2) with file, line and what was expected.
    """
    path = path or systems_path()
    if not path.exists():
        return {}, ()
    text = read_text(path)
    reader = EntryReader(path, text, TABLE)
    tables = parse_toml(text, path).get(TABLE, {})
    if not isinstance(tables, dict):
        raise reader.error(f"{TABLE} is no table, expected [{TABLE}.NAME]", TABLE)
    return {name: _system(reader, name, entry) for name, entry in tables.items()}, tuple(reader.warnings)


def _system(reader: EntryReader, name: str, entry: object) -> RemoteSystem:
    if not _NAME.fullmatch(name) or name in EXPERTS:
        raise reader.error(f'"{name}" is no name for a system, or that of an expert here', TABLE, name)
    url = reader.url(name, entry)
    assert isinstance(entry, dict)
    for key in entry:
        if key not in _FIELDS:
            raise reader.error(f"{key!r} is not known, expected {', '.join(_FIELDS)}", TABLE, name, key)
    kind = next((known for known in KINDS if known == entry.get("kind")), None)
    if kind is None:
        raise reader.error(f"kind is {entry.get('kind')!r}, expected one of {', '.join(KINDS)}", TABLE, name)
    as_user = reader.text_of(name, entry, "as")
    if not as_user.isascii() or not as_user.isprintable():
        raise reader.error(f"as is {as_user!r}, expected printable ASCII", TABLE, name, "as")
    system = RemoteSystem(name, url, kind, as_user, reader.credential(name, entry), reader.tls(name, entry))
    reader.warn_of_open_line(name, url, system.credential)
    return system


def system_named(name: str) -> RemoteSystem:
    """The system with this name. Raises UserError (exit 2) where the file knows none."""
    found = load_systems()[0].get(name)
    if found is None:
        raise UserError(f"{systems_path()}: there is no system {name!r} any more; it is decided there")
    return found
