"""Plain-text logs: one entry is a line with a severity, its continuation lines, and its DETAIL, HINT, …"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.database.logs import labels
from agents.database.logs.moment import Clock, from_epoch
from agents.database.logs.prefix import LinePrefix
from agents.database.logs.record import LogRecord

_VERBOSE = re.compile(r"((?=[A-Z]{0,4}\d)[0-9A-Z]{5}): ")
"""What `log_error_verbosity = verbose` puts before the message."""


def parse_stderr(text: str, prefix: LinePrefix, clock: Clock) -> Iterator[LogRecord]:
    """Records of `text` in its order; lines that belong to no entry (its first, cut one; other programs') are left out."""
    lines = text.split("\n")
    pattern = prefix.line
    if not any(pattern.match(line) for line in lines):
        pattern = prefix.foreign
    record: LogRecord | None = None
    part = "message"
    for line in lines:
        if line.startswith("\t"):  # the server indents what follows a newline in a message
            if record is not None:
                _append(record, part, line[1:])
            continue
        found = pattern.match(line)
        if found is None:
            continue
        label = found["label"]
        if record is not None and label in labels.PART_OF:
            part = labels.PART_OF[label]
            _append(record, part, found["text"])
            continue
        if record is not None:
            yield record
        record, part = _record(found, clock), "message"
    if record is not None:
        yield record


def _append(record: LogRecord, part: str, text: str) -> None:
    if part in ("internal", "location"):
        return
    before = getattr(record, part)
    setattr(record, part, f"{before}\n{text}" if before else text)


def _record(found: re.Match[str], clock: Clock) -> LogRecord:
    fields = found.groupdict()
    moment, epoch = fields.get("time"), fields.get("epoch")
    verbose = None if fields.get("sqlstate") else _VERBOSE.match(found["text"])
    return LogRecord(
        severity=labels.severity(found["label"]),
        message=found["text"][verbose.end() :] if verbose else found["text"],
        time=clock(moment) if moment else from_epoch(epoch) if epoch else None,
        pid=_pid(fields.get("pid"), fields.get("session")),
        sqlstate=fields.get("sqlstate") or (verbose[1] if verbose else ""),
        application=_known(fields.get("application")),
        user=_known(fields.get("user")),
        database=_known(fields.get("database")),
        backend_type=fields.get("backend_type") or "",
    )


def _pid(pid: str | None, session: str | None) -> int | None:
    if pid:
        return int(pid)
    return int(session.rpartition(".")[2], 16) if session else None


def _known(text: str | None) -> str:
    return "" if text is None or text == "[unknown]" else text
