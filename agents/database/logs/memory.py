"""Where the logs of servers on this host were when they could last be asked: what is left when one is down."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.database.logs.location import LogLocation
from inventory import paths
from inventory.errors import UserError
from inventory.target import Target

FILE = "server-logs.toml"
MOST = 200
"""Servers that are remembered."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A location, the files that held the log, and the user that the server ran as."""

    location: LogLocation
    files: tuple[str, ...]
    user: int


def remember(target: Target, known: Remembered) -> None:
    """Keep it for the day on which the server doesn't answer. A state directory that can't be written is no error."""
    key = _key(target)
    servers = _read()
    entry = {"location": known.location.to_json(), "files": list(known.files), "user": known.user}
    if servers.get(key) == entry:
        return
    servers.pop(key, None)
    servers[key] = entry
    from inventory.toml_file import write_toml

    with suppress(UserError):
        write_toml(_path(), {"servers": dict(list(servers.items())[-MOST:])})


def recall(target: Target) -> Remembered | None:
    """What is known of the server at the target's address."""
    entry = _read().get(_key(target), {})
    try:
        return Remembered(LogLocation.from_json(entry["location"]), tuple(entry["files"]), int(entry["user"]))
    except (KeyError, TypeError, ValueError):
        return None


def _key(target: Target) -> str:
    return ",".join(place.address() for place in target.endpoints())


def _path() -> Path:
    return paths.state_dir() / FILE


def _read() -> dict[str, Any]:
    from inventory.toml_file import read_toml

    try:
        found = read_toml(_path()).get("servers", {})
    except UserError:
        return {}
    return dict(found) if isinstance(found, dict) else {}
