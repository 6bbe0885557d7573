"""What a log says in sum: for each class of entries and each object how often, when last, and the last one's words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agents.database.logs.classes import Classified, classify
from agents.database.logs.record import SEVERITIES, LogRecord
from agents.kernel.canonical import utc_text
from inventory.masking import mask

COLUMNS = (
    *("class", "title", "code", "severity", "sqlstate", "object", "total", "last_hour", "first_at", "last_at"),
    *("age_s", "pids", "database", "user", "application", "message", "detail", "context", "query"),
)  # fmt: skip
HOUR = timedelta(hours=1)
MOST_PIDS = 20
MOST_CHARACTERS = 2000
RANK = {name: place for place, name in enumerate(SEVERITIES)}


@dataclass(slots=True)
class _Group:
    """Entries of one class about one object."""

    last: Classified
    first_at: datetime
    last_at: datetime
    severity: str
    total: int = 0
    last_hour: int = 0
    pids: dict[int, None] = field(default_factory=dict)


def summarise(records: Iterable[LogRecord], since: datetime, now: datetime) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS for the entries from `since` on, the class that came last first."""
    groups: dict[tuple[str, str], _Group] = {}
    for record in records:
        if record.time is None or record.time < since:
            continue
        classified = classify(record)
        if classified is not None:
            _add(groups, classified, record.time, now)
    ordered = sorted(groups.values(), key=lambda group: group.last_at, reverse=True)
    return [_row(group, now) for group in ordered]


def _add(groups: dict[tuple[str, str], _Group], item: Classified, at: datetime, now: datetime) -> None:
    severity = item.record.severity
    key = (item.kind.name, item.object if item.kind.sqlstates or item.object else "")
    if item.kind.name == "other.error":
        key = (item.kind.name, item.sqlstate)
    group = groups.setdefault(key, _Group(item, at, at, severity))
    group.last, group.last_at = item, at
    group.total += 1
    group.last_hour += at >= now - HOUR
    if RANK.get(severity, 0) > RANK.get(group.severity, 0):
        group.severity = severity
    for pid in item.pids:
        if len(group.pids) < MOST_PIDS:
            group.pids[pid] = None


def _row(group: _Group, now: datetime) -> tuple[Any, ...]:
    item, record = group.last, group.last.record
    return (
        item.kind.name,
        item.kind.title,
        item.kind.code,
        group.severity,
        item.sqlstate,
        shown(item.object),
        group.total,
        group.last_hour,
        utc_text(group.first_at),
        utc_text(group.last_at),
        round(max((now - group.last_at).total_seconds(), 0.0), 3),
        list(group.pids),
        record.database,
        record.user,
        shown(record.application),
        shown(record.message),
        shown(record.detail),
        shown(record.context),
        shown(record.query),
    )


def shown(text: str) -> str:
    """Text from a log as it may be kept: without secrets, and of a bounded length."""
    cut = text[:MOST_CHARACTERS]
    return mask(cut) if cut else cut
