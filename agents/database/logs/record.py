"""One entry of a server log, whatever its format was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SEVERITIES = ("DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC")
"""From the least serious to the end of the server."""


@dataclass(slots=True)
class LogRecord:
    """What one entry says. Texts are as the server wrote them, undecodable bytes as `\\xff`."""

    severity: str
    """One of SEVERITIES, whatever the server's language; as written where the language isn't known."""
    message: str
    time: datetime | None = None
    """Aware; None where the prefix has no time."""
    pid: int | None = None
    sqlstate: str = ""
    """Empty where the log doesn't hold it."""
    detail: str = ""
    hint: str = ""
    context: str = ""
    query: str = ""
    """The statement it is about."""
    application: str = ""
    user: str = ""
    database: str = ""
    backend_type: str = ""
