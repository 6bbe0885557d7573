"""The server's log as a file on this host, for servers that run here and files that we may read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from agents.database.logs.location import FORMATS, LogLocation, read_location
from inventory.target import Target

LOOPBACK = frozenset({"", "localhost", "127.0.0.1", "::1"})
PROCESSES = Path("/proc")
DEBIAN_CONFIGURATION = Path("/etc/postgresql")
DEBIAN_LOGS = Path("/var/log/postgresql")
_SETTING = re.compile(r"^\s*(\w+)\s*(?:=|\s)\s*(?:'((?:[^']|'')*)'|([^\s#]+))", re.MULTILINE)


def is_here(target: Target) -> bool:
    """True where the target is reached over a Unix socket or the loopback; a tunnel looks the same."""
    places = target.endpoints()
    return all(place.is_socket or (place.hostaddr or place.host) in LOOPBACK for place in places)


def server_user(pid: int) -> int | None:
    """The user id of a PostgreSQL process on this host; None where `pid` is no such process here.

    This is what tells a server on this host from one behind a tunnel or in a container.
    """
    try:
        name = (PROCESSES / str(pid) / "comm").read_text().strip()
        return (PROCESSES / str(pid)).stat().st_uid if name in ("postgres", "postmaster") else None
    except OSError:
        return None


def log_files(location: LogLocation, pid: int | None) -> list[Path]:
    """Candidates for the log, the newest first; none where nothing can be found or seen."""
    if location.collector:
        return _collected(location)
    found = [
        path for path in (_standard_error(pid), _debian_log(location.data_directory)) if path is not None
    ]
    return found[:1]


def readable(path: Path, user: int) -> bool:
    """True for a plain file of the server's own user that we may read: nothing else is ever opened."""
    try:
        status = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_uid == user and os.access(path, os.R_OK)


def read_tail(path: Path, length: int) -> tuple[bytes, bool]:
    """The last `length` bytes, and whether that leaves out a beginning."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - length, 0))
        return file.read(length), size > length


def find_debian_cluster(port: int) -> LogLocation | None:
    """The cluster of this port as Debian's tools lay it out; None where there is none."""
    for file in sorted(DEBIAN_CONFIGURATION.glob("*/*/postgresql.conf"), reverse=True):
        settings = _settings(file)
        if settings.get("port", "5432") == str(port):
            settings.setdefault(
                "data_directory", f"/var/lib/postgresql/{file.parent.parent.name}/{file.parent.name}"
            )
            return read_location({"log_directory": "log", **settings})
    return None


def owner(path: str) -> int | None:
    """The user id that owns a file or directory; None where it can't be seen."""
    try:
        return Path(path).stat().st_uid
    except OSError:
        return None


def _collected(location: LogLocation) -> list[Path]:
    try:
        files = [
            file for file in Path(location.log_directory).iterdir() if in_format(file.name, location.format)
        ]
        return sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True)
    except OSError:
        return []


def in_format(name: str, format_: str) -> bool:
    """True where a file of this name in the log directory holds that format."""
    if format_ == "stderr":
        return not name.endswith((FORMATS["csvlog"], FORMATS["jsonlog"], ".gz", ".zst", ".bz2"))
    return name.endswith(FORMATS[format_])


def _standard_error(pid: int | None) -> Path | None:
    """The file that the standard error of the server's first process leads to."""
    try:
        status = (PROCESSES / str(pid) / "stat").read_text()
        postmaster = status.rpartition(")")[2].split()[1]
        path = (PROCESSES / postmaster / "fd" / "2").readlink()
    except (OSError, IndexError):
        return None
    return path if path.is_absolute() and path.is_file() else None


def _debian_log(data_directory: str) -> Path | None:
    found = re.fullmatch(r"/var/lib/postgresql/([\d.]+)/([^/]+)", data_directory)
    path = DEBIAN_LOGS / f"postgresql-{found[1]}-{found[2]}.log" if found else None
    return path if path is not None and path.exists() else None


def _settings(file: Path) -> dict[str, str]:
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return {}
    return dict(_pairs(text))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for found in _SETTING.finditer(text):
        quoted, bare = found[2], found[3]
        yield found[1].lower(), quoted.replace("''", "'") if quoted is not None else bare
