"""The MCP servers of this house: `mcp.toml` in the configuration directory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from agents.kernel.records import Risk
from agents.protocol.credential import Credential
from agents.protocol.experts import EXPERTS
from agents.protocol.registry import check_url, is_loopback
from inventory.errors import UserError
from inventory.masking import mask
from inventory.paths import config_dir
from inventory.secrets import FORMS, SecretRef, reference
from inventory.toml_file import line_of, parse_toml, read_text, write_text
from inventory.toml_table import with_table, without_table

Transport = Literal["stdio", "http", "sse"]

TABLE = "servers"
RISKS: tuple[Risk, ...] = ("read", "write", "destructive")
TIMEOUT_S = 50.0
"""How long a call may take; a read is given up by the executor after 60 s in any case."""
LONGEST_S = 600.0
_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FIELDS = (
    *("command", "cwd", "env", "url", "transport", "bearer", "headers", "experts", "tools"),
    "timeout_s",
)


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server, how it is reached, and what the operator says of its tools."""

    name: str
    transport: Transport
    command: tuple[str, ...] = ()
    """Program and arguments, for stdio; no shell is involved."""
    cwd: Path | None = None
    env: Mapping[str, str | SecretRef] = field(default_factory=dict)
    """What it finds in its environment besides PATH, HOME and the like."""
    url: str = ""
    credentials: tuple[Credential, ...] = ()
    experts: tuple[str, ...] = ()
    """Names of the experts that get its tools; empty for all."""
    classes: Mapping[str, Risk] = field(default_factory=dict)
    """Its tools by their own name → class; what is not named here is a write."""
    timeout_s: float = TIMEOUT_S

    @property
    def target(self) -> str:
        """What its calls work on, as policies, approvals and evidence name it."""
        return f"mcp:{self.name}"

    @property
    def address(self) -> str:
        return self.url or " ".join(self.command)

    def described(self) -> dict[str, Any]:
        """As an approval binds it: the same name at another address is another server."""
        return {"name": self.target, "kind": "mcp", "host": mask(self.address)}


@dataclass(frozen=True, slots=True)
class McpConfig:
    """The servers that a file names, in its order."""

    servers: Mapping[str, McpServer]
    path: Path

    def of(self, expert: str) -> dict[str, McpServer]:
        """The servers whose tools this expert gets."""
        return {
            name: server
            for name, server in self.servers.items()
            if not server.experts or expert in server.experts
        }


def default_path() -> Path:
    return config_dir() / "mcp.toml"


def load(path: Path | None = None) -> McpConfig:
    """The servers in the file at `path`; a file that is not there names none.

    Raises UserError (exit 2) with file, line and what was expected.
    """
    path = path or default_path()
    if not path.exists():
        return McpConfig({}, path)
    text = read_text(path)
    tables = parse_toml(text, path)
    for key in tables.keys() - {TABLE}:
        raise UserError(f"{path}:{line_of(text, key)}: {key} is not known here, expected [{TABLE}.NAME]")
    entries = tables.get(TABLE, {})
    if not isinstance(entries, dict):
        raise UserError(f"{path}:{line_of(text, TABLE)}: {TABLE} is no table, expected [{TABLE}.NAME]")
    servers = {name: _Entry(path, text, name, entry).server() for name, entry in entries.items()}
    return McpConfig(servers, path)


def add(config: McpConfig, server: McpServer) -> McpConfig:
    """Write a server into the file; the rest of it stays as it is.

    Raises UserError: exit 2 where the entry will not do or the name is taken, 3 where it cannot be written.
    """
    if server.name in config.servers:
        raise UserError(f'{config.path}: there is a server "{server.name}" already; remove it first')
    text = read_text(config.path) if config.path.exists() else ""
    entry = _written(server)
    _Entry(config.path, "", server.name, entry).server()
    write_text(config.path, with_table(text, config.path, (TABLE, server.name), entry))
    return load(config.path)


def remove(config: McpConfig, name: str) -> McpConfig:
    """Take a server out of the file. Raises UserError: exit 2 where it is not there."""
    if name not in config.servers:
        raise UserError(f'{config.path}: there is no server "{name}" to remove')
    write_text(config.path, without_table(read_text(config.path), config.path, (TABLE, name)))
    return load(config.path)


def _written(server: McpServer) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if server.command:
        entry["command"] = list(server.command)
    if server.url:
        entry |= {"url": server.url} | ({"transport": "sse"} if server.transport == "sse" else {})
    if server.cwd:
        entry["cwd"] = str(server.cwd)
    if server.env:
        entry["env"] = {
            name: value if isinstance(value, str) else value.to_toml() for name, value in server.env.items()
        }
    headers = {}
    for credential in server.credentials:
        ref = credential.secret.to_toml()
        if credential.kind == "bearer":
            entry["bearer"] = ref
        else:
            headers[credential.header] = ref
    given = {"headers": headers, "experts": list(server.experts), "tools": dict(server.classes)}
    return entry | {key: value for key, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One table of the file, and where in the file it is."""

    path: Path
    text: str
    name: str
    entry: Any

    def server(self) -> McpServer:
        if not _NAME.fullmatch(self.name):
            raise self.error(
                f'"{self.name}" is no name for a server, expected up to 20 of a-z, 0-9 and -, a letter first'
            )
        entry = self.entry
        if not isinstance(entry, dict) or ("command" in entry) == ("url" in entry):
            raise self.error(f'"{self.name}" needs either command = ["program", …] or url = "https://…"')
        for key in entry:
            if key not in _FIELDS:
                raise self.error(f"{key} is not known here, expected {', '.join(_FIELDS)}", key)
        local = "command" in entry
        for key in ("url", "transport", "bearer", "headers") if local else ("command", "cwd", "env"):
            if key in entry:
                raise self.error(f"{key} does not go with {'command' if local else 'url'}", key)
        reached = self._local() if local else self._remote()
        return McpServer(
            name=self.name, experts=self._experts(), classes=self._classes(), timeout_s=self._timeout(),
            **reached,
        )  # fmt: skip

    def _local(self) -> dict[str, Any]:
        command = self._texts("command")
        if not command or not command[0]:
            raise self.error("command is empty, expected a program and its arguments", "command")
        if mask(" ".join(command)) != " ".join(command):
            raise self.error(
                "command holds what looks like a secret; give it in env, by reference", "command"
            )
        cwd = self._text("cwd")
        directory = self.path.parent / Path(cwd).expanduser() if cwd else None
        return {
            "transport": "stdio",
            "command": command,
            "cwd": directory,
            "env": {name: self._variable(name, value) for name, value in self._table("env").items()},
        }

    def _remote(self) -> dict[str, Any]:
        url = self._text("url")
        check_url(url, self.where("url"))
        transport = self._text("transport") or "http"
        if transport not in ("http", "sse"):
            raise self.error(f"transport is {transport!r}, expected http or sse", "transport")
        credentials = []
        if "bearer" in self.entry:
            credentials.append(Credential("bearer", self._secret("bearer", self.entry["bearer"])))
        for header, value in self._table("headers").items():
            if not _HEADER.fullmatch(header):
                raise self.error(f"{header!r} is no name of a header", "headers", header)
            credentials.append(Credential("api_key", self._secret(header, value, "headers"), header))
        parts = urlsplit(url)
        if credentials and parts.scheme == "http" and not is_loopback(cast("str", parts.hostname)):
            raise self.error("the secret would go over an open line; expected https", "url")
        return {"transport": transport, "url": url, "credentials": tuple(credentials)}

    def _variable(self, name: str, value: object) -> str | SecretRef:
        if not _VARIABLE.fullmatch(name):
            raise self.error(f"{name!r} is no name of a variable", "env", name)
        if not isinstance(value, str):
            return self._secret(name, value, "env")
        if mask(f"{name}={value}") != f"{name}={value}":
            return self._secret(name, value, "env")
        return value

    def _secret(self, key: str, value: object, *tables: str) -> SecretRef:
        found = reference(value, self.path)
        if found is None:
            raise self.error(f"{key} is not understood, expected {FORMS}", *tables, key)
        return found

    def _experts(self) -> tuple[str, ...]:
        experts = self._texts("experts")
        for expert in experts:
            if expert not in EXPERTS:
                raise self.error(f"there is no expert {expert!r}, expected {', '.join(EXPERTS)}", "experts")
        return experts

    def _classes(self) -> dict[str, Risk]:
        classes = self._table("tools")
        for tool, risk in classes.items():
            if risk not in RISKS:
                raise self.error(f"{tool} is {risk!r}, expected {', '.join(RISKS)}", "tools", tool)
        return classes

    def _timeout(self) -> float:
        value = self.entry.get("timeout_s", TIMEOUT_S)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_S:
            raise self.error(f"timeout_s is {value!r}, expected up to {LONGEST_S:.0f} seconds", "timeout_s")
        return float(value)

    def _text(self, key: str) -> str:
        value = self.entry.get(key, "")
        if not isinstance(value, str):
            raise self.error(f"{key} is {value!r}, expected a text", key)
        return value

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self.entry.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f'{key} is {value!r}, expected a list such as ["one", "two"]', key)
        return tuple(value)

    def _table(self, key: str) -> dict[str, Any]:
        value = self.entry.get(key, {})
        if not isinstance(value, dict):
            raise self.error(f"{key} is {value!r}, expected a table", key)
        return value

    def error(self, what: str, *keys: str) -> UserError:
        return UserError(f"{self.where(*keys)}: {what}")

    def where(self, *keys: str) -> str:
        line = f":{line_of(self.text, TABLE, self.name, *keys)}" if self.text else ""
        return f"{self.path}{line}"
