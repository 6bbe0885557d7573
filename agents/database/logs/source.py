"""The end of a server's log, from a file on this host or through SQL, never more than a bounded part."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agents.database.logs import host
from agents.database.logs.location import LogLocation, ask_location, reader_role, statement
from agents.database.logs.memory import Remembered, recall, remember
from agents.database.logs.moment import clock
from agents.database.logs.prefix import LinePrefix, compile_prefix
from agents.database.logs.record import LogRecord
from agents.database.logs.stderr import parse_stderr
from agents.database.logs.structured import parse_csv, parse_json
from agents.database.reading import Reader, ReadFailed
from agents.database.snapshot import ReadFailure
from agents.kernel import targets
from inventory.errors import UserError

USEFUL_PREFIX = "%m [%p] %q%u@%d "
MOST_FILES = 10
"""Rotated files that one read goes back through."""
_EVER = datetime.min.replace(tzinfo=UTC)
_COLLECT = "ALTER SYSTEM SET logging_collector = on; it needs a restart"


@dataclass(frozen=True, slots=True)
class ServerLog:
    """What was read."""

    location: LogLocation
    parts: tuple[tuple[str, bytes], ...]
    """Path and content, the oldest first; each begins with a whole line."""
    way: str
    """`on this host` or `through pg_read_binary_file`."""
    cut: bool
    """True where the bound left out older entries."""

    def records(self) -> list[LogRecord]:
        """Every entry, the oldest first. Raises ReadFailed where the lines have no time."""
        prefix = compile_prefix(self.location.prefix)
        if self.location.format == "stderr" and not prefix.tells_time:
            raise ReadFailed(_no_time(prefix))
        made = [record for _, content in self.parts for record in self._parsed(content, prefix)]
        if (
            len(self.parts) > 1
        ):  # a server tells when a file was written in whole seconds: files may be swapped
            made.sort(key=lambda record: record.time or _EVER)
        return made

    def _parsed(self, content: bytes, prefix: LinePrefix) -> Iterator[LogRecord]:
        text, read_time = content.decode("utf-8", "backslashreplace"), clock(self.location.timezone)
        match self.location.format:
            case "jsonlog":
                return parse_json(text, read_time)
            case "csvlog":
                return parse_csv(text, read_time)
            case _:
                return parse_stderr(text, prefix, read_time)


async def read_log(reader: Reader, target: str, length: int, since: datetime) -> ServerLog:
    """The last `length` bytes of the log of a server that answers; files not written `since` then are left out.

    Raises ReadFailed saying what stands in the way and what would open it; ServerLost and ConnectFailed as
    every read.
    """
    async with reader.lease(target):
        location, pid = await ask_location(reader, target)
        if not location.format:
            raise ReadFailed(ReadFailure("the server writes its log to syslog only", _COLLECT))
        found = await asyncio.to_thread(_read_here, target, location, pid, length, since)
        if found is not None:
            return found
        if not location.collector:
            raise ReadFailed(_elsewhere(target))
        return await _read_through_sql(reader, target, location, length, since)


def read_log_of_lost_server(target: str, length: int, since: datetime) -> ServerLog:
    """The log of a server that doesn't answer, where it runs on this host and its log can be found. Raises ReadFailed."""
    found = targets.find(target)
    try:
        here = host.is_here(found)
    except UserError:
        here = False
    if not here:
        raise ReadFailed(
            ReadFailure("the server doesn't answer, and its host is another one", "read its log there")
        )
    known = recall(found) or _guess(found.endpoints()[0].port)
    log = _read_remembered(known, length, since) if known else None
    if log is None:
        raise ReadFailed(
            ReadFailure(
                "the server doesn't answer, and its log wasn't found on this host", "read its log by hand"
            )
        )
    return log


def _read_here(
    target: str, location: LogLocation, pid: int, length: int, since: datetime
) -> ServerLog | None:
    found = targets.find(target)
    user = host.server_user(pid) if host.is_here(found) else None
    files = host.log_files(location, pid)[:MOST_FILES] if user is not None else []
    if user is None or not files or not host.readable(files[0], user):
        return None
    remember(found, Remembered(location, tuple(map(str, files[:1])), user))
    return _read_files(location, files, user, length, since)


def _read_remembered(known: Remembered, length: int, since: datetime) -> ServerLog | None:
    files = (
        host.log_files(known.location, None)
        if known.location.collector
        else [Path(name) for name in known.files]
    )
    return _read_files(known.location, files[:MOST_FILES], known.user, length, since)


def _guess(port: int) -> Remembered | None:
    """A server that was never asked: where Debian's tools would have put it."""
    location = host.find_debian_cluster(port)
    if location is None:
        return None
    files = tuple(map(str, host.log_files(location, None)))
    user = next((user for name in files if (user := host.owner(name)) is not None), None)
    return Remembered(location, files, user) if user is not None else None


def _read_files(
    location: LogLocation, files: list[Path], user: int, length: int, since: datetime
) -> ServerLog | None:
    parts: list[tuple[str, bytes]] = []
    cut = False
    for file in files:
        if length <= 0 or not host.readable(file, user) or (parts and _written(file) < since):
            break
        try:
            content, shortened = host.read_tail(file, length)
        except OSError:
            break
        parts.append((str(file), _whole_lines(content) if shortened else content))
        length -= len(content)
        cut = cut or shortened
    return ServerLog(location, tuple(reversed(parts)), "on this host", cut) if parts else None


async def _read_through_sql(
    reader: Reader, target: str, location: LogLocation, length: int, since: datetime
) -> ServerLog:
    listed = (await reader.read(statement("log_files"), {}, target)).dicts()
    files = [row for row in listed if host.in_format(row["name"], location.format)][:MOST_FILES]
    if not files:
        raise ReadFailed(
            ReadFailure(f"no log file in {location.log_directory}", "see log_destination and log_directory")
        )
    parts: list[tuple[str, bytes]] = []
    cut = False
    for row in files:
        if length <= 0 or (parts and datetime.fromisoformat(row["modification"]) < since):
            break
        path, start = f"{location.log_directory}/{row['name']}", max(row["size"] - length, 0)
        arguments = {"path": path, "start": start, "length": length}
        content = _bytes((await reader.read(statement("log_tail"), arguments, target)).rows[0][0])
        parts.append((path, _whole_lines(content) if start else content))
        length -= len(content)
        cut = cut or start > 0
    return ServerLog(location, tuple(reversed(parts)), "through pg_read_binary_file", cut)


def _bytes(shown: str | None) -> bytes:
    """The bytes that a `bytea` value stands for; none for a file that went away meanwhile."""
    return bytes.fromhex(shown.removeprefix("\\x")) if shown else b""


def _whole_lines(content: bytes) -> bytes:
    return content.partition(b"\n")[2]


def _written(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _elsewhere(target: str) -> ReadFailure:
    try:
        here = host.is_here(targets.find(target))
    except UserError:
        here = False
    if here:
        return ReadFailure(
            "the server writes its log to its standard error, which leads to no file that this user may read",
            f"{_COLLECT}; or run helpdesk as a user who may read it",
        )
    return ReadFailure(
        "the server writes its log to its standard error, which SQL can't read",
        f"{_COLLECT}, and for {reader_role(target)}: {statement('log_tail').grant.format(role=reader_role(target))}",
    )


def _no_time(prefix: LinePrefix) -> ReadFailure:
    return ReadFailure(
        f"the log's lines have no time (log_line_prefix = '{prefix.text}')",
        f"ALTER SYSTEM SET log_line_prefix = '{USEFUL_PREFIX}' and reload",
    )
