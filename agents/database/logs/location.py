"""Where a server writes its log and how its lines look, as the server itself says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any, Self

from agents.database.reading import Reader, ReadFailed
from agents.database.snapshot import ReadFailure
from agents.database.statement import Statement, parse_statement
from agents.database.wording import granted

FORMATS: Mapping[str, str] = {"jsonlog": ".json", "csvlog": ".csv", "stderr": ".log"}
"""`log_destination` → how its files end, the one that says most first. Plain text may end in anything else, too."""


@dataclass(frozen=True, slots=True)
class LogLocation:
    """The settings that matter for finding and reading a log."""

    data_directory: str
    log_directory: str
    """Absolute."""
    format: str
    """One of FORMATS; empty where the server only writes to syslog or the event log."""
    collector: bool
    """False where the log is whatever the server's standard error leads to."""
    prefix: str
    timezone: str
    port: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{name: data[name] for name in cls.__dataclass_fields__})


@cache
def statement(name: str) -> Statement:
    """One of the statements that this package alone sends."""
    file = resources.files("agents.database.logs").joinpath("sql", f"{name}.sql")
    return parse_statement(name, file.read_text("utf-8"))


async def ask_location(reader: Reader, target: str) -> tuple[LogLocation, int]:
    """The location, and the pid of the server process that told it. Raises ReadFailed where the role may not see it."""
    rows = await reader.read(statement("log_location"), {}, target)
    settings = {row["name"]: row["setting"] for row in rows.dicts()}
    if "data_directory" not in settings or "log_directory" not in settings:
        role = reader_role(target)
        raise ReadFailed(
            ReadFailure("this role can't see where the log is", granted("GRANT pg_monitor TO {role}", role))
        )
    return read_location(settings), int(settings["pid"])


def reader_role(target: str) -> str:
    """The role that reads this target."""
    from agents.kernel import targets

    return str(targets.describe(target).get("user") or "this_role")


def read_location(settings: Mapping[str, str]) -> LogLocation:
    """The location that these settings describe."""
    data_directory, log_directory = settings["data_directory"], settings["log_directory"]
    absolute = log_directory if log_directory.startswith("/") else f"{data_directory}/{log_directory}"
    collector = settings.get("logging_collector") == "on"
    return LogLocation(
        data_directory=data_directory,
        log_directory=absolute,
        format=_format(settings.get("log_destination", "stderr"), collector=collector),
        collector=collector,
        prefix=settings.get("log_line_prefix", ""),
        timezone=settings.get("log_timezone", "UTC"),
        port=int(settings.get("port") or 5432),
    )


def _format(destinations: str, *, collector: bool) -> str:
    given = {name.strip().lower() for name in destinations.split(",")}
    if (
        not collector
    ):  # without the collector CSV and JSON can't be written; everything goes to standard error
        return "stderr" if given - {"syslog", "eventlog"} else ""
    return next((name for name in FORMATS if name in given), "")
