"""The registry of remote agents: `agents.toml` in the configuration directory."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.protocol.credential import API_KEY_HEADER, ClientTls, Credential
from agents.protocol.entries import UNIX, EntryReader, check_agent_url, check_url, is_loopback
from agents.protocol.experts import EXPERTS
from agents.protocol.reach import Reach
from inventory.errors import UserError
from inventory.paths import config_dir
from inventory.secrets import keep_secret
from inventory.toml_file import parse_toml, read_text, write_text
from inventory.toml_table import with_table, without_table

__all__ = [
    "Registry", "RemoteAgent", "add", "check_agent_url", "check_url", "default_path", "is_loopback", "load", "remove"
]  # fmt: skip

TABLE = "agents"
_NAME = re.compile(r"[A-Za-z][\w.-]{0,31}", re.ASCII)
_FIELDS = ("url", "bearer", "api_key", "basic", "header", "user", "ca", "cert", "key")


@dataclass(frozen=True, slots=True)
class RemoteAgent:
    """An agent on another host, or behind another user's socket, and what it wants to see of us."""

    name: str
    url: str
    credential: Credential | None = None
    tls: ClientTls | None = None

    def reach(self) -> Reach:
        if self.url.startswith(UNIX):
            return Reach(uds=Path(self.url.removeprefix(UNIX)), alone=True, credential=self.credential)
        return Reach(self.url, alone=True, credential=self.credential, tls=self.tls)

    def auth(self) -> str:
        """What it is shown, in words without the secret; empty for nothing."""
        shown = [str(self.credential)] if self.credential else []
        if self.tls and self.tls.certificate:
            shown.append(f"certificate ({self.tls.certificate})")
        return ", ".join(shown)


@dataclass(frozen=True, slots=True)
class Registry:
    """The agents that a file names, in its order."""

    agents: Mapping[str, RemoteAgent]
    path: Path
    warnings: tuple[str, ...] = field(default=())

    def reaches(self) -> dict[str, Reach]:
        return {name: agent.reach() for name, agent in self.agents.items()}


def default_path() -> Path:
    return config_dir() / "agents.toml"


def load(path: Path | None = None) -> Registry:
    """The registry at `path`; a file that is not there is an empty one.

    Raises UserError (exit 2) with file, line and what was expected.
    """
    path = path or default_path()
    if not path.exists():
        return Registry({}, path)
    text = read_text(path)
    reader = EntryReader(path, text, TABLE)
    tables = parse_toml(text, path).get(TABLE, {})
    if not isinstance(tables, dict):
        raise reader.error(f"{TABLE} is no table, expected [{TABLE}.NAME]", TABLE)
    agents = {name: _agent(reader, name, entry) for name, entry in tables.items()}
    return Registry(agents, path, tuple(reader.warnings))


def add(registry: Registry, agent: RemoteAgent) -> Registry:
    """Write `agent` into the file; the rest of it stays as it is. A secret in memory goes to the keyring.

    Raises UserError: exit 2 for a name or URL that will not do, 3 where it cannot be written.
    """
    _check_name(agent.name, str(registry.path), registry.agents)
    check_agent_url(agent.url, str(registry.path))
    text = read_text(registry.path) if registry.path.exists() else ""
    write_text(registry.path, with_table(text, registry.path, (TABLE, agent.name), _entry(agent)))
    return load(registry.path)


def remove(registry: Registry, name: str) -> Registry:
    """Take the agent `name` out of the file. Raises UserError: exit 2 where it is not there."""
    if name not in registry.agents:
        raise UserError(f'{registry.path}: there is no agent "{name}" to remove')
    write_text(registry.path, without_table(read_text(registry.path), registry.path, (TABLE, name)))
    return load(registry.path)


def _entry(agent: RemoteAgent) -> dict[str, Any]:
    entry: dict[str, Any] = {"url": agent.url}
    credential = agent.credential
    if credential is not None:
        secret = credential.secret
        if secret.kind == "memory":
            secret = keep_secret(f"agent-{agent.name}", secret.value)
        entry[credential.kind] = secret.to_toml()
        if credential.kind == "api_key" and credential.header != API_KEY_HEADER:
            entry["header"] = credential.header
        if credential.kind == "basic":
            entry["user"] = credential.user
    tls = agent.tls or ClientTls()
    for key, path in (("ca", tls.authority), ("cert", tls.certificate), ("key", tls.key)):
        if path is not None:
            entry[key] = str(path)
    return entry


def _check_name(name: str, where: str, taken: Collection[str] = ()) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(
            f'{where}: "{name}" is no name for an agent, expected up to 32 letters, digits and . _ -, a letter first'
        )
    if name in EXPERTS:
        raise UserError(f'{where}: "{name}" is the name of a local expert; pick another one')
    if name in taken:
        raise UserError(f'{where}: an agent "{name}" is there already; remove it or pick another name')


def _agent(reader: EntryReader, name: str, entry: object) -> RemoteAgent:
    _check_name(name, reader.where(TABLE, name))
    url = reader.url(name, entry, check_agent_url)
    assert isinstance(entry, dict)
    for key in sorted(entry.keys() - set(_FIELDS)):
        reader.warnings.append(
            f'{reader.where(TABLE, name, key)}: "{key}" is not known here and ignored;'
            f" expected {', '.join(_FIELDS)}"
        )
    agent = RemoteAgent(name, url, reader.credential(name, entry), reader.tls(name, entry))
    reader.warn_of_open_line(name, url, agent.credential)
    return agent
