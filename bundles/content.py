"""What goes into a bundle, as plain data: the caller builds it from the log, nothing here reads a log."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PURGED = "purged"
"""Kind of an event whose content was purged in the log: id, time and place are left."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event of the log with its place and the hashes that bind it."""

    seq: int
    """Place in the whole log, from 1."""
    n: int
    """Place in its session, from 1."""
    event: Mapping[str, Any]
    """The whole event as JSON, exactly as it was hashed."""
    hash: str
    before_in_session: str
    """Hash of the event before it in the session; empty for the first one."""
    before_in_log: str
    """Hash of the event before it in the log; empty for the first one."""


@dataclass(frozen=True, slots=True)
class Collector:
    """One thing that was asked of a server, and how that went."""

    name: str
    started: str
    """ISO 8601, UTC."""
    ended: str
    duration_ms: float
    rows: int
    truncated: bool = False
    """True where a row limit cut the result."""
    error: str = ""
    """One line, or empty where it worked."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The clocks that the times in the bundle come from."""

    host_utc: str
    """ISO 8601, UTC, on the machine that made the bundle."""
    server_now: str = ""
    """The server's own time at that moment; empty where no server answered."""
    skew_ms: float | None = None
    """Server minus host, in milliseconds."""


@dataclass(frozen=True, slots=True)
class BundleContent:
    """All that a bundle is made of. The same content gives the same bytes."""

    session: str
    created_at: str
    """ISO 8601, UTC; also the time stamp of every file inside."""
    target: Mapping[str, Any]
    """`name`, `host`, `port`, `database`, `user`, `environment` …; no secret."""
    servers: Mapping[str, str]
    """Target name → server version."""
    tool_version: str
    clock: Clock
    events: tuple[LogEntry, ...] = ()
    """Events of the session, in order."""
    evidence: tuple[Mapping[str, Any], ...] = ()
    """Each with `id`, `tool`, `statement`, `target`, `captured_at`, `duration_ms`, `columns`, `rows`, `truncated`."""
    findings: tuple[Mapping[str, Any], ...] = ()
    approvals: tuple[Mapping[str, Any], ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict)
    transcript: str = ""
    """The conversation as Markdown."""
    summary: str = ""
    """REPORT.md: what a reader sees first."""
    collectors: tuple[Collector, ...] = ()
    python: str = field(default_factory=platform.python_version)
    platform: str = field(default_factory=platform.platform)
