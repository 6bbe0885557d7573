"""Logs that `csvlog` and `jsonlog` write."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from agents.database.logs.labels import severity
from agents.database.logs.moment import TIME, Clock
from agents.database.logs.record import LogRecord

CSV_COLUMNS = (
    *("log_time", "user_name", "database_name", "process_id", "connection_from", "session_id"),
    *("session_line_num", "command_tag", "session_start_time", "virtual_transaction_id", "transaction_id"),
    *("error_severity", "sql_state_code", "message", "detail", "hint", "internal_query", "internal_query_pos"),
    *("context", "query", "query_pos", "location", "application_name", "backend_type", "leader_pid", "query_id"),
)  # fmt: skip
"""In the order of the file; a newer server may add more at the end."""
SQLSTATE_AT = CSV_COLUMNS.index("sql_state_code")
MOST_LINES = 5000
"""Longest entry of a CSV log that is taken for one."""
_CSV_START = re.compile(TIME + ",")
_SQLSTATE = re.compile("[0-9A-Z]{5}")


def parse_csv(text: str, clock: Clock) -> Iterator[LogRecord]:
    """Records of a CSV log in their order; what isn't a whole row is left out."""
    lines = text.split("\n")
    place = 0
    while place < len(lines):
        end, values = _csv_row(lines, place)
        if values:
            yield _csv_record(dict(zip(CSV_COLUMNS, values, strict=False)), clock)
        # A cut entry may hold a line that looks like a row's start: go on right after it.
        place = end if values else place + 1


def _csv_row(lines: list[str], start: int) -> tuple[int, list[str]]:
    """Where the row that starts at a line ends, and its values; none where no row starts there."""
    if not _CSV_START.match(lines[start]):
        return start, []
    quotes = 0
    for end in range(start, min(start + MOST_LINES, len(lines))):
        quotes += lines[end].count('"')
        if quotes % 2 == 0:
            return end + 1, _csv_values("\n".join(lines[start : end + 1]))
    return start, []


def _csv_values(row: str) -> list[str]:
    try:
        values = next(csv.reader(io.StringIO(row, newline="")))
    except (csv.Error, StopIteration):
        return []
    whole = len(values) > CSV_COLUMNS.index("query") and _SQLSTATE.fullmatch(values[SQLSTATE_AT])
    return values if whole else []


def _csv_record(entry: dict[str, str], clock: Clock) -> LogRecord:
    return LogRecord(
        severity=severity(entry["error_severity"]),
        message=entry["message"],
        time=clock(entry["log_time"]),
        pid=int(entry["process_id"]) if entry["process_id"].isdecimal() else None,
        sqlstate=entry["sql_state_code"],
        detail=entry["detail"],
        hint=entry["hint"],
        context=entry["context"],
        query=entry["query"],
        application=entry.get("application_name", ""),
        user=entry["user_name"],
        database=entry["database_name"],
        backend_type=entry.get("backend_type", ""),
    )


def parse_json(text: str, clock: Clock) -> Iterator[LogRecord]:
    """Records of a JSON log in their order; lines that are no whole object are left out."""
    for line in text.split("\n"):
        if not line.startswith("{"):
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield _json_record(entry, clock)


def _json_record(entry: dict[str, Any], clock: Clock) -> LogRecord:
    def text(key: str) -> str:
        return str(entry.get(key, ""))

    pid = entry.get("pid")
    return LogRecord(
        severity=severity(text("error_severity")),
        message=text("message"),
        time=clock(text("timestamp")),
        pid=pid if isinstance(pid, int) else None,
        sqlstate=text("state_code"),
        detail=text("detail"),
        hint=text("hint"),
        context=text("context"),
        query=text("statement"),
        application=text("application_name"),
        user=text("user"),
        database=text("dbname"),
        backend_type=text("backend_type"),
    )
