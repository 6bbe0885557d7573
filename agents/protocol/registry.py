"""The registry of remote agents: `agents.toml` in the configuration directory."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from agents.protocol.credential import API_KEY_HEADER, ClientTls, Credential, Kind
from agents.protocol.experts import EXPERTS
from agents.protocol.reach import Reach
from inventory.errors import UserError
from inventory.paths import config_dir
from inventory.secrets import FORMS, SecretRef, keep_secret, reference
from inventory.toml_file import line_of, parse_toml, read_text, write_text
from inventory.toml_table import with_table, without_table

TABLE = "agents"
_NAME = re.compile(r"[A-Za-z][\w.-]{0,31}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_FIELDS = ("url", "bearer", "api_key", "basic", "header", "user", "ca", "cert", "key")
_KINDS: tuple[Kind, ...] = ("bearer", "api_key", "basic")


@dataclass(frozen=True, slots=True)
class RemoteAgent:
    """An agent on another host, and what it wants to see of us."""

    name: str
    url: str
    credential: Credential | None = None
    tls: ClientTls | None = None

    def reach(self) -> Reach:
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
    reader = _Reader(path, text)
    tables = parse_toml(text, path).get(TABLE, {})
    if not isinstance(tables, dict):
        raise reader.error(f"{TABLE} is no table, expected [{TABLE}.NAME]", TABLE)
    agents = {name: reader.agent(name, entry) for name, entry in tables.items()}
    return Registry(agents, path, tuple(reader.warnings))


def add(registry: Registry, agent: RemoteAgent) -> Registry:
    """Write `agent` into the file; the rest of it stays as it is. A secret in memory goes to the keyring.

    Raises UserError: exit 2 for a name or URL that will not do, 3 where it cannot be written.
    """
    _check_name(agent.name, str(registry.path), registry.agents)
    check_url(agent.url, str(registry.path))
    text = read_text(registry.path) if registry.path.exists() else ""
    write_text(registry.path, with_table(text, registry.path, (TABLE, agent.name), _entry(agent)))
    return load(registry.path)


def remove(registry: Registry, name: str) -> Registry:
    """Take the agent `name` out of the file. Raises UserError: exit 2 where it is not there."""
    if name not in registry.agents:
        raise UserError(f'{registry.path}: there is no agent "{name}" to remove')
    write_text(registry.path, without_table(read_text(registry.path), registry.path, (TABLE, name)))
    return load(registry.path)


def check_url(url: str, where: str) -> None:
    """Raise UserError where `url` is no address of an agent, or holds a secret."""
    parts = urlsplit(url)
    try:
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if parts.username or parts.password:
        raise UserError(f"{where}: the URL holds a user or password; give the secret by reference instead")
    if not sound or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise UserError(f"{where}: {url!r} is no address of an agent, expected http(s)://host[:port][/path]")


def is_loopback(host: str) -> bool:
    """Whether `host` means this very machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


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


class _Reader:
    """Reads one entry after the other and knows where in the file it is."""

    def __init__(self, path: Path, text: str) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._text = text

    def error(self, what: str, *keys: str) -> UserError:
        return UserError(f"{self._where(*keys)}: {what}")

    def agent(self, name: str, entry: object) -> RemoteAgent:
        _check_name(name, self._where(TABLE, name))
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            raise self.error(f'"{name}" needs url = "https://…"', TABLE, name)
        check_url(entry["url"], self._where(TABLE, name, "url"))
        for key in sorted(entry.keys() - set(_FIELDS)):
            self.warnings.append(
                f'{self._where(TABLE, name, key)}: "{key}" is not known here and ignored;'
                f" expected {', '.join(_FIELDS)}"
            )
        agent = RemoteAgent(
            name, entry["url"].rstrip("/"), self._credential(name, entry), self._tls(name, entry)
        )
        self._warn_of_open_line(agent)
        return agent

    def _credential(self, name: str, entry: Mapping[str, Any]) -> Credential | None:
        given = [kind for kind in _KINDS if kind in entry]
        if len(given) > 1:
            raise self.error(f"{' and '.join(given)} together, expected one of them", TABLE, name, given[1])
        if not given:
            return None
        kind = given[0]
        header = self._text_of(name, entry, "header") or API_KEY_HEADER
        if not _HEADER.fullmatch(header):
            raise self.error(f"{header!r} is no name of a header", TABLE, name, "header")
        user = self._text_of(name, entry, "user")
        if kind == "basic" and (not user or ":" in user):
            raise self.error('basic needs user = "…", without a colon', TABLE, name, "basic")
        return Credential(kind, self._secret(name, kind, entry[kind]), header, user)

    def _secret(self, name: str, key: str, value: object) -> SecretRef:
        found = reference(value, self._path.parent)
        if found is None:
            raise self.error(
                f"{key} is not understood, expected {FORMS}; a secret itself does not belong into this file:"
                " helpdesk secrets migrate moves it",
                *(TABLE, name, key),
            )
        return found

    def _tls(self, name: str, entry: Mapping[str, Any]) -> ClientTls | None:
        paths = [self._file(name, entry, key) for key in ("ca", "cert", "key")]
        if not any(paths):
            return None
        if bool(paths[1]) != bool(paths[2]):
            raise self.error("cert and key belong together, and one is missing", TABLE, name)
        if not entry["url"].startswith("https:"):
            raise self.error("certificates need an https URL", TABLE, name, "url")
        return ClientTls(*paths)

    def _file(self, name: str, entry: Mapping[str, Any], key: str) -> Path | None:
        value = self._text_of(name, entry, key)
        return self._path.parent / Path(value).expanduser() if value else None

    def _text_of(self, name: str, entry: Mapping[str, Any], key: str) -> str:
        value = entry.get(key, "")
        if not isinstance(value, str):
            raise self.error(f"{key} is {value!r}, expected a text", TABLE, name, key)
        return value

    def _warn_of_open_line(self, agent: RemoteAgent) -> None:
        parts = urlsplit(agent.url)
        if agent.credential and parts.scheme == "http" and not is_loopback(cast("str", parts.hostname)):
            self.warnings.append(
                f"{self._where(TABLE, agent.name, 'url')}: the {agent.credential.kind} goes over an open line;"
                " use https"
            )

    def _where(self, *keys: str) -> str:
        return f"{self._path}:{line_of(self._text, *keys)}"
