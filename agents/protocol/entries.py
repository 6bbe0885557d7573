"""Entries of a TOML file that say how to reach a server and what it wants to see of us; secrets by reference."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from agents.protocol.credential import API_KEY_HEADER, ClientTls, Credential, Kind
from inventory.errors import UserError
from inventory.secrets import FORMS, SecretRef, reference
from inventory.toml_file import line_of

UNIX = "unix:"
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_KINDS: tuple[Kind, ...] = ("bearer", "api_key", "basic")


class EntryReader:
    """Reads one entry of a table after the other and knows where in the file it is."""

    def __init__(self, path: Path, text: str, table: str) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._text = text
        self._table = table

    def error(self, what: str, *keys: str) -> UserError:
        return UserError(f"{self.where(*keys)}: {what}")

    def url(self, name: str, entry: object, check: Callable[[str, str], None] | None = None) -> str:
        """The URL of an entry, without a slash at its end. Raises UserError where it is none."""
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            raise self.error(f'"{name}" needs url = "https://…"', self._table, name)
        (check or check_url)(entry["url"], self.where(self._table, name, "url"))
        return str(entry["url"]).rstrip("/")

    def credential(self, name: str, entry: Mapping[str, Any]) -> Credential | None:
        """What it wants to see, or None. Raises UserError."""
        given = [kind for kind in _KINDS if kind in entry]
        if len(given) > 1:
            raise self.error(
                f"{' and '.join(given)} together, expected one of them", self._table, name, given[1]
            )
        if not given:
            return None
        kind = given[0]
        header = self.text_of(name, entry, "header") or API_KEY_HEADER
        if not _HEADER.fullmatch(header):
            raise self.error(f"{header!r} is no name of a header", self._table, name, "header")
        user = self.text_of(name, entry, "user")
        if kind == "basic" and (not user or ":" in user):
            raise self.error('basic needs user = "…", without a colon', self._table, name, "basic")
        return Credential(kind, self._secret(name, kind, entry[kind]), header, user)

    def _secret(self, name: str, key: str, value: object) -> SecretRef:
        found = reference(value, self._path)
        if found is None:
            raise self.error(f"{key} is not understood, expected {FORMS}", self._table, name, key)
        return found

    def tls(self, name: str, entry: Mapping[str, Any]) -> ClientTls | None:
        """Its certificates, or None. Raises UserError."""
        paths = [self._file(name, entry, key) for key in ("ca", "cert", "key")]
        if not any(paths):
            return None
        if bool(paths[1]) != bool(paths[2]):
            raise self.error("cert and key belong together, and one is missing", self._table, name)
        if not entry["url"].startswith("https:"):
            raise self.error("certificates need an https URL", self._table, name, "url")
        return ClientTls(*paths)

    def _file(self, name: str, entry: Mapping[str, Any], key: str) -> Path | None:
        value = self.text_of(name, entry, key)
        return self._path.parent / Path(value).expanduser() if value else None

    def text_of(self, name: str, entry: Mapping[str, Any], key: str) -> str:
        """A text, empty where it is missing. Raises UserError."""
        value = entry.get(key, "")
        if not isinstance(value, str):
            raise self.error(f"{key} is {value!r}, expected a text", self._table, name, key)
        return value

    def warn_of_open_line(self, name: str, url: str, credential: Credential | None) -> None:
        """Keep a warning where a secret would cross an open network."""
        parts = urlsplit(url)
        if credential and parts.scheme == "http" and not is_loopback(cast("str", parts.hostname)):
            self.warnings.append(
                f"{self.where(self._table, name, 'url')}: the {credential.kind} goes over an open line; use https"
            )

    def where(self, *keys: str) -> str:
        """File and line of the innermost key."""
        return f"{self._path}:{line_of(self._text, *keys)}"


def check_agent_url(url: str, where: str) -> None:
    """As `check_url`; `unix:/path` is the shared socket of another user of this host."""
    if not url.startswith(UNIX):
        check_url(url, where)
    elif not url.removeprefix(UNIX).startswith("/") or not url.isprintable():
        raise UserError(f"{where}: {url!r} is no socket, expected unix:/path/of/the.sock")


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
