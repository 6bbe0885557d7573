"""The read tool that looks at the server's volumes and memory, where the server runs on this host."""

from __future__ import annotations

import ipaddress
import os
import time
from asyncio import to_thread
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agents.database.reading import Reader, ReadFailed
from agents.database.snapshot import ReadFailure, Row
from agents.database.statement import all_statements
from agents.kernel import targets
from agents.kernel.canonical import utc_now
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool

HOST = "host"
SUMMARY = (
    "Size and free space of the server's volumes and the host's memory, where the server runs on this host"
)
COLUMNS = ("kind", "path", "total_bytes", "available_bytes", "used_percent")
NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
NOT_HERE = "the server doesn't run on this host, which is needed to see its volumes and memory"
RUN_THERE = "run helpdesk on the database's host, or watch its volumes and memory there"
STARTED_WITHIN_S = 5
"""The server writes postmaster.pid a moment before the time that it reports as its start."""
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def host_tool(reader: Reader) -> Tool:
    """`host`: a row for the memory and one for each directory; fails where the server is elsewhere."""

    async def run(_: Mapping[str, Any], target: str) -> Evidence:
        locations = await reader.read(all_statements()["data_locations"], {}, target)
        captured_at, began = utc_now(), time.perf_counter()
        rows = await to_thread(_look, locations.dicts(), _kind_of_host(target))
        return Evidence.capture(
            tool=HOST,
            statement=f"statvfs of the directories named by: {locations.statement}",
            target=target,
            captured_at=captured_at,
            duration_ms=round((time.perf_counter() - began) * 1000, 3),
            columns=COLUMNS,
            rows=rows,
        )

    return Tool(HOST, "read", SUMMARY, NO_ARGUMENTS, run=run)


def _kind_of_host(target: str) -> str:
    """`socket`, `loopback` or `elsewhere`, as the target's address says."""
    places = targets.find(target).endpoints()
    if all(place.is_socket for place in places):
        return "socket"
    near = all(place.is_socket or _is_loopback(place.hostaddr or place.host) for place in places)
    return "loopback" if near else "elsewhere"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _look(locations: Sequence[Row], kind: str) -> tuple[tuple[Any, ...], ...]:
    """Raises ReadFailed where nothing proves that these directories are the server's own."""
    if not locations or not _is_here(locations[0], kind):
        raise ReadFailed(ReadFailure(NOT_HERE, RUN_THERE))
    return (_memory(), *_volumes(locations))


def _is_here(data: Row, kind: str) -> bool:
    """A forwarded port looks like a local server: over TCP only its own postmaster.pid is proof."""
    if kind == "elsewhere":
        return False
    try:
        lines = (Path(data["path"]) / "postmaster.pid").read_text("utf-8", "replace").splitlines()
        return abs(int(lines[2]) - int(data["started"])) <= STARTED_WITHIN_S
    except PermissionError:
        return kind == "socket"
    except (OSError, ValueError, IndexError):
        return False


def _memory() -> tuple[Any, ...]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        total = min(total, int(CGROUP_LIMIT.read_text()))
    return ("memory", "", total, None, None)


def _volumes(locations: Sequence[Row]) -> Iterator[tuple[Any, ...]]:
    for row in locations:
        with suppress(OSError):
            found = os.statvfs(row["path"])
            used = found.f_blocks - found.f_bfree
            share = 100 * used / (used + found.f_bavail) if used + found.f_bavail else 0.0
            total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
            yield (row["kind"], row["path"], total, free, round(share, 2))
