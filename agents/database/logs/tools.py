"""The read tools over a server's log: `server_log` shows entries, `log_classes` counts them by what they tell."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.database.logs.classes import classify
from agents.database.logs.record import SEVERITIES, LogRecord
from agents.database.logs.source import ServerLog, read_log, read_log_of_lost_server
from agents.database.logs.summary import COLUMNS, RANK, shown, summarise
from agents.database.reading import Reader
from agents.kernel.canonical import utc_now, utc_text
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool

LOG_CLASSES = "log_classes"
SERVER_LOG = "server_log"
MIB = 1 << 20
MOST_BYTES = 4 * MIB
USUAL_BYTES = MIB
"""What a sweep reads: some thousand entries, which takes milliseconds."""
DAY = 24 * 60
MOST_ROWS = 200
ENTRY_COLUMNS = (
    *("time", "pid", "severity", "sqlstate", "class", "message", "detail", "hint", "context", "query"),
    *("application", "user", "database"),
)  # fmt: skip

Rows = tuple[tuple[str, ...], list[tuple[Any, ...]], bool]
"""Columns, rows, and whether rows were left out."""


def log_tools(reader: Reader) -> dict[str, Tool]:
    """Both tools by name. Their runs raise ReadFailed where the log can't be read, saying what would open it."""

    def make(name: str, summary: str, schema: Mapping[str, Any], rows: Callable[..., Rows]) -> Tool:
        async def run(arguments: Mapping[str, Any], target: str) -> Evidence:
            return await _read(reader, name, arguments, target, rows)

        return Tool(name, "read", summary, schema, run=run)

    return {
        LOG_CLASSES: make(
            LOG_CLASSES,
            "What the server's log tells, counted by class and object: SQLSTATE, processes, first and last time",
            _schema({"minutes": _number(DAY, 7 * DAY, "time to look back, in minutes")}),
            _classes,
        ),
        SERVER_LOG: make(
            SERVER_LOG,
            "The last entries of the server's log, from a file on this host or through SQL",
            _schema(
                {
                    "minutes": _number(60, 7 * DAY, "time to look back, in minutes"),
                    "severity": {"type": "string", "enum": list(SEVERITIES), "description": "least severity, default LOG"},
                    "pid": {"type": "integer", "description": "entries of this process only"},
                    "class": {"type": "string", "description": "entries of this class only, for example lock.deadlock"},
                }
            ),
            _entries,
        ),
    }  # fmt: skip


def _schema(own: Mapping[str, Any]) -> dict[str, Any]:
    common = {
        "bytes": _number(USUAL_BYTES, MOST_BYTES, "how much of the log's end to read"),
        "lost": {"type": "boolean", "description": "the server doesn't answer: read its file on this host"},
    }
    return {
        "type": "object",
        "properties": {**own, **common},
        "required": [],
        "additionalProperties": False,
    }


def _number(usual: int, most: int, what: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "description": f"{what}, default {usual}"}


async def _read(
    reader: Reader, name: str, arguments: Mapping[str, Any], target: str, rows: Callable[..., Rows]
) -> Evidence:
    captured_at, began, now = utc_now(), time.perf_counter(), datetime.now(UTC)
    since = now - timedelta(minutes=arguments.get("minutes", DAY if name == LOG_CLASSES else 60))
    length = arguments.get("bytes", USUAL_BYTES)
    if arguments.get("lost"):
        log = await asyncio.to_thread(read_log_of_lost_server, target, length, since)
    else:
        log = await read_log(reader, target, length, since)
    columns, found, truncated = await asyncio.to_thread(rows, log, arguments, since, now)
    return Evidence.capture(
        tool=name,
        statement=_told(log, since),
        target=target,
        captured_at=captured_at,
        duration_ms=round((time.perf_counter() - began) * 1000, 3),
        columns=columns,
        rows=tuple(found[:MOST_ROWS]),
        truncated=truncated or len(found) > MOST_ROWS,
    )


def _told(log: ServerLog, since: datetime) -> str:
    files = ", ".join(f"the last {len(content)} bytes of {path}" for path, content in log.parts)
    return f"read {log.way}: {files} ({log.location.format}); entries since {utc_text(since)}"


def _classes(log: ServerLog, _: Mapping[str, Any], since: datetime, now: datetime) -> Rows:
    return COLUMNS, summarise(log.records(), since, now), log.cut


def _entries(log: ServerLog, arguments: Mapping[str, Any], since: datetime, _: datetime) -> Rows:
    kept: deque[tuple[Any, ...]] = deque(maxlen=MOST_ROWS + 1)
    for record in log.records():
        if record.time is not None and record.time < since:
            continue
        row = _entry(record, arguments)
        if row is not None:
            kept.append(row)
    return ENTRY_COLUMNS, list(reversed(kept)), log.cut


def _entry(record: LogRecord, arguments: Mapping[str, Any]) -> tuple[Any, ...] | None:
    least = RANK[arguments.get("severity", "LOG")]
    if RANK.get(record.severity, least) < least or arguments.get("pid", record.pid) != record.pid:
        return None
    classified = classify(record)
    kind = classified.kind.name if classified else ""
    if arguments.get("class", kind) != kind:
        return None
    texts = (record.message, record.detail, record.hint, record.context, record.query, record.application)
    message, detail, hint, context, query, application = map(shown, texts)
    moment = utc_text(record.time) if record.time else None
    state = classified.sqlstate if classified else record.sqlstate
    return (
        *(moment, record.pid, record.severity, state, kind, message, detail, hint, context, query),
        *(application, record.user, record.database),
    )
