"""The password file: ~/.pgpass, or what PGPASSFILE or the `passfile` parameter names."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from inventory.libpq import SOCKET_DIRECTORIES, Endpoint, home_directory

_FIELD = re.compile(r"((?:\\.|[^:\\])*)(?::|$)")


def password_from_file(parameters: Mapping[str, str], endpoint: Endpoint) -> str | None:
    """The password that the first matching line holds; None without a file that libpq would trust.

    Like libpq, a file that group or others may read, or that is no plain file, is passed over.
    """
    path = passfile_path(parameters)
    if passfile_trouble(path):
        return None
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    wanted = (_host(endpoint), str(endpoint.port), parameters["dbname"], parameters["user"])
    return next((found for line in lines if (found := _match(line, wanted)) is not None), None)


def passfile_path(parameters: Mapping[str, str]) -> Path:
    """The password file that libpq would look into; it may not be there."""
    return Path(parameters["passfile"]) if "passfile" in parameters else home_directory() / ".pgpass"


def passfile_trouble(path: Path) -> str:
    """Why libpq would pass the password file over, in a few words; empty where it would not, or it is not there."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be looked at ({error.strerror})"
    if not stat.S_ISREG(mode):
        return "is no plain file"
    if mode & 0o077:
        return f"is open to others ({stat.S_IMODE(mode):04o}): chmod 600 {path}"
    return ""


def _host(endpoint: Endpoint) -> str:
    host = endpoint.host or endpoint.hostaddr
    return "localhost" if host in SOCKET_DIRECTORIES else host


def _match(line: str, wanted: tuple[str, str, str, str]) -> str | None:
    if line.startswith("#"):
        return None
    position = 0
    for value in wanted:
        field = _FIELD.match(line, position)
        if field is None or field.end() >= len(line) or (field[1] != "*" and _plain(field[1]) != value):
            return None
        position = field.end()
    password = _FIELD.match(line, position)
    return _plain(password[1]) if password and password[1] else None


def _plain(field: str) -> str:
    return re.sub(r"\\(.)", r"\1", field)
