"""What runs: releases that are old, extensions left behind, and a server that has just started."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources

from agents.database.condition import Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration

DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Release:
    """What is known of one major version."""

    end_of_life: date
    newest: int | None
    """Newest minor release when the table was made; None where it isn't recorded."""


@cache
def releases() -> tuple[date, dict[int, Release]]:
    """The day of the table that comes with this package, and each major version in it."""
    text = resources.files("agents.database").joinpath("data/versions.toml").read_text("utf-8")
    table = tomllib.loads(text)
    majors = {int(n): Release(one["end_of_life"], one.get("newest")) for n, one in table["majors"].items()}
    return table["as_of"], majors


def outdated(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    server = snapshot.row("server")
    as_of, majors = releases()
    if server is None:
        return
    major, minor = divmod(server["version_num"], 10000)
    release, today = majors.get(major), datetime.now(UTC).date()
    if release is None:
        return
    left_s = (release.end_of_life - today).days * DAY_S
    if left_s <= limits["support_info"]:
        yield _end_of_life(server, major, release, left_s)
    elif release.newest is not None and minor < release.newest:
        yield _behind(server, major, release.newest, as_of, today)


def _end_of_life(server: Row, major: int, release: Release, left_s: float) -> Match:
    ended = left_s < 0
    return Match(
        severity="info",
        title=f"PostgreSQL {major} {'gets no more fixes' if ended else 'will soon get no more fixes'}",
        summary=f"Support of PostgreSQL {major} {'ended' if ended else 'ends'} on {release.end_of_life} "
        "(postgresql.org versioning policy). Plan the upgrade to a newer major version.",
        identity={"major": major},
        facts={"version": server["version"], "end_of_life": release.end_of_life.isoformat()},
        evidence=("server",),
    )


def _behind(server: Row, major: int, newest: int, as_of: date, today: date) -> Match:
    age = duration(max((today - as_of).days, 0) * DAY_S)
    return Match(
        severity="info",
        title=f"PostgreSQL {server['version']} is behind: at least {major}.{newest} is out",
        summary=f"{major}.{newest} was the newest release on {as_of}; that list is {age} old, there may be newer ones. "
        "A minor upgrade is new binaries and a restart.",
        identity={"major": major},
        facts={"version": server["version"], "newest_known": f"{major}.{newest}", "as_of": as_of.isoformat()},
        evidence=("server",),
    )


def unknown_release(snapshot: Snapshot) -> str:
    server, (as_of, majors) = snapshot.row("server"), releases()
    if server is None or server["version_num"] // 10000 in majors:
        return ""
    return f"PostgreSQL {server['version_num'] // 10000} isn't in the list of releases of {as_of}"


def drifted(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("extensions_behind"):
        name, available = row["extension"], row["available"]
        quoted = '"' + name.replace('"', '""') + '"'
        yield Match(
            severity="info",
            title=f"Extension {name} is installed in version {row['installed']}, its files are {available}",
            summary=f"Read its release notes, then: ALTER EXTENSION {quoted} UPDATE. Version {row['installed']} is what "
            "an undo would have to bring back, which most extensions can't.",
            identity={"extension": name},
            facts={"installed": row["installed"], "available": available},
            evidence=("extensions_behind",),
        )


def restarted(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    row = snapshot.row("uptime")
    if row is None:
        return
    processes_s = row["processes_up_s"]
    crashed = processes_s is not None and row["up_s"] - processes_s >= limits["processes_later"]
    if crashed and processes_s < limits["up_info"]:
        yield _restarted(
            row,
            "warning",
            f"The server's processes were started anew {duration(processes_s)} ago",
            "It runs since {started}, its background processes only since {processes_started}: a process died and all "
            "sessions were thrown out, or it had to recover first. The server log says which (signal 9: out of memory).",
        )
    elif row["up_s"] < limits["up_info"]:
        yield _restarted(
            row,
            "info",
            f"The server started {duration(row['up_s'])} ago",
            "Started {started}. Caches are cold and statistics of activity may be empty; after a crash the log says "
            "that it was not properly shut down.",
        )


def _restarted(row: Row, severity: str, title: str, text: str) -> Match:
    return Match(
        severity="warning" if severity == "warning" else "info",
        title=title,
        summary=text.format(**row),
        identity={"processes": "background" if severity == "warning" else "all"},
        facts={"up_s": row["up_s"], "processes_up_s": row["processes_up_s"]},
        evidence=("uptime",),
    )


CONDITIONS = (
    Condition(
        id="server.recent_restart",
        title="Recent restart / crash recovery",
        severity="warning",
        meaning="The server started a moment ago, or started its processes anew because one of them died.",
        needs=("uptime",),
        thresholds={
            "up_info": Threshold(600, "s", "published: up for less than 10 minutes"),
            "processes_later": Threshold(
                10, "s", "own choice: in a clean start the background processes follow at once"
            ),
        },
        find=restarted,
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="version.outdated",
        title="Minor version behind / major end of life",
        severity="info",
        meaning="The server lacks fixes that were released, or gets none any more. The list of releases comes with "
        "this package and says how old it is.",
        needs=("server",),
        thresholds={
            "support_info": Threshold(180 * DAY_S, "s", "own choice: half a year before support ends"),
        },
        find=outdated,
        blind=unknown_release,
    ),
    Condition(
        id="extension.drift",
        title="Extension version drift",
        severity="info",
        meaning="An extension's objects are older than its files on the server: ALTER EXTENSION … UPDATE was forgotten.",
        needs=("extensions_behind",),
        find=drifted,
    ),
)
