"""Faults that the server's log alone tells: crashes, full disks, cancelled autovacuums, a configuration that won't start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.logs.tools import LOG_CLASSES
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural
from agents.kernel.records import Remedy, Severity

LOG_GRANTS = (
    "GRANT pg_monitor TO {role}",
    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) TO {role}",
)
_RECENT = "figures of our own: an hour is what an on-call looks back"
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def log_rows(snapshot: Snapshot, name: str) -> list[Row]:
    """Rows of the log's summary for one class of entries."""
    return [row for row in snapshot.rows(LOG_CLASSES) if row["class"] == name]


def autovacuum_cancelled(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    vacuumed = {row["name"]: float(row["age_s"]) for row in snapshot.rows("recent_vacuums")}
    for row in log_rows(snapshot, "vacuum.cancelled"):
        done_since = vacuumed.get(row["object"], row["age_s"] + 1) < row["age_s"]
        if row["object"] and row["last_hour"] >= limits["cancels_per_hour"] and not done_since:
            yield _cancelled(row, snapshot)


def _cancelled(row: Row, snapshot: Snapshot) -> Match:
    database, schema, relation = row["object"].split(".", 2)
    server = snapshot.row("server")
    mine = server is not None and server["database"] == database
    plain = all(map(_PLAIN.fullmatch, (schema, relation)))
    return Match(
        severity="warning",
        title=f"Autovacuum of {row['object']} is cancelled again and again",
        summary=f"{plural(row['last_hour'], 'cancel')} in the last hour, the last one {duration(row['age_s'])} ago: "
        "somebody locks the table while autovacuum works on it, and autovacuum gives way. A VACUUM by hand doesn't: "
        "run one in a quiet window, and find who takes the locks (DDL, LOCK TABLE, TRUNCATE).",
        identity={"relation": row["object"]},
        facts={
            "last_hour": row["last_hour"],
            "total": row["total"],
            "last_at": row["last_at"],
            "pids": row["pids"],
        },
        evidence=(LOG_CLASSES,),
        remedies=(_vacuum(f"{schema}.{relation}"),) if mine and plain else (),
    )


def _vacuum(relation: str) -> Remedy:
    why = "Vacuums and analyzes the table; unlike autovacuum it isn't cancelled by whoever wants a lock, they wait."
    return Remedy("vacuum_table", {"relation": relation}, "write", why, "not needed: VACUUM changes no data")


def disk_full(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    areas: dict[str, list[Row]] = {}
    for row in log_rows(snapshot, "server.disk_full"):
        if row["age_s"] <= limits["recent"]:
            areas.setdefault(area_of(row["object"]), []).append(row)
    for area, rows in areas.items():
        yield _full(area, rows, limits)


def area_of(path: str) -> str:
    """The part of the data directory that a file is in: `pg_wal`, `base`, `base/pgsql_tmp`, a tablespace."""
    found = re.search(r"(pg_wal|base/pgsql_tmp|base|global|pg_tblspc/\d+|pg_xact|pg_log|log)(?=/|$)", path)
    return found[1] if found else path.rpartition("/")[0] or "unknown"


def _full(area: str, rows: list[Row], limits: Limits) -> Match:
    last = min(rows, key=lambda row: float(row["age_s"]))
    now = last["age_s"] <= limits["now"] or last["severity"] == "PANIC"
    count = sum(row["last_hour"] for row in rows)
    place = "an unnamed file" if area == "unknown" else area
    return Match(
        severity="critical" if now else "warning",
        title=f"No space left on device: {place}",
        summary=f"{plural(count, 'write')} failed in the last hour, the last one {duration(last['age_s'])} ago: "
        f"{last['message']}. {_room(area)}",
        identity={"area": area},
        facts={
            "file": last["object"],
            "count": count,
            "last_at": last["last_at"],
            "sqlstate": last["sqlstate"],
        },
        evidence=(LOG_CLASSES,),
    )


def _room(area: str) -> str:
    if area == "pg_wal":
        return (
            "Make room outside pg_wal (extend the volume, remove old logs), then start the server and mend what keeps "
            "the WAL. Never delete files in pg_wal."
        )
    if area == "base/pgsql_tmp":
        return "Cancel the statement that spills; its temporary files go with it. temp_file_limit bounds the next one."
    return "Extend the volume, or remove what is not the server's; never delete files in the data directory by hand."


def crashed(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    processes = log_rows(snapshot, "server.process_crashed")
    for row in processes:
        yield _crash(row, limits, f"{row['object']} crashed", row["pids"][:1])
    if not processes:
        for row in log_rows(snapshot, "server.crash_recovery"):
            yield _crash(row, limits, "The server was not shut down properly", [])


def _crash(row: Row, limits: Limits, what: str, pids: list[int]) -> Match:
    severity: Severity = "info"
    if row["age_s"] <= limits["now"] or row["last_hour"] >= limits["repeated"]:
        severity = "critical"
    elif row["age_s"] <= limits["recent"]:
        severity = "warning"
    pid = f" (pid {row['pids'][-1]})" if pids else ""
    return Match(
        severity=severity,
        title=f"{what[:1].upper()}{what[1:]}{pid} {duration(row['age_s'])} ago",
        summary=f"{row['message']}. {row['detail']} ".replace(". .", ".").rstrip()
        + f" {plural(row['last_hour'], 'time')} in the last hour. All sessions were ended, and the server recovered "
        "from its WAL. Signal 9 is the kernel's OOM killer or somebody's kill: see the kernel's log; lower work_mem "
        "or connections, vm.overcommit_memory = 2. Signal 6, 7 or 11 is a bug, an extension or bad memory.",
        identity={"process": row["object"]},
        facts={"pids": row["pids"], "last_at": row["last_at"], "last_hour": row["last_hour"]},
        evidence=(LOG_CLASSES,),
    )


def prevents_start(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    started = min((row["age_s"] for row in log_rows(snapshot, "server.started")), default=None)
    errors = [row for row in log_rows(snapshot, "server.config_error") if row["severity"] == "FATAL"]
    since = [row for row in errors if started is None or row["age_s"] < started]
    if since:
        yield _wont_start(min(since, key=lambda row: float(row["age_s"])), snapshot, started)


def _wont_start(row: Row, snapshot: Snapshot, started: float | None) -> Match:
    lines = [
        one for one in log_rows(snapshot, "server.config_line") if started is None or one["age_s"] < started
    ]
    last = [one for one in lines if one["age_s"] <= row["age_s"] + 5]
    words = "; ".join(one["message"] for one in reversed(last)) or row["message"]
    places = [one["object"] for one in last if one["object"]]
    return Match(
        severity="critical",
        title=f"The server can't start: {places[0] if places else row['object'] or 'its configuration'} is wrong",
        summary=f"{words}. {row['message']} ({duration(row['age_s'])} ago). Revert that line, check with "
        "postgres -C shared_buffers -D <data directory>, then start.",
        identity={"file": row["object"]},
        facts={"lines": places, "last_at": row["last_at"], "sqlstate": row["sqlstate"]},
        evidence=(LOG_CLASSES,),
    )


def wal_is_full(full: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    """True where it is the WAL that ran out of space."""
    return full.get("area") == "pg_wal"


CONDITIONS = (
    Condition(
        id="server.crashed",
        title="Server crashed",
        severity="critical",
        meaning="A server process was killed or died, so every session was ended and the server recovered; or the "
        "server itself was not shut down properly. Read from the log.",
        needs=(LOG_CLASSES,),
        find=crashed,
        absent="no server process crashed in the last hour",
        thresholds={
            "now": Threshold(
                300, "s", "critical while the incident is likely still going on; figure of our own"
            ),
            "recent": Threshold(3600, "s", _RECENT),
            "repeated": Threshold(3, "count", "crashes in an hour that make it a loop; figure of our own"),
        },
        grants=LOG_GRANTS,
    ),
    Condition(
        id="disk.full",
        title="Disk full (ENOSPC)",
        severity="critical",
        meaning="A write failed because the device has no space left (SQLSTATE 53100). Where that is pg_wal, the "
        "server stops and can't start again until there is room. Read from the log.",
        needs=(LOG_CLASSES,),
        find=disk_full,
        absent="no write failed for lack of space in the last hour",
        thresholds={
            "now": Threshold(600, "s", "critical while writes fail; figure of our own"),
            "recent": Threshold(3600, "s", _RECENT),
        },
        causes=(Cause("wal.slot_retention", wal_is_full), Cause("wal.archive_failing", wal_is_full)),
        grants=LOG_GRANTS,
    ),
    Condition(
        id="config.prevents_start",
        title="Configuration prevents the start",
        severity="critical",
        meaning="The server is down, and its log says that a configuration file has errors. Read from the log on "
        "this host.",
        needs=(LOG_CLASSES,),
        find=prevents_start,
    ),
    Condition(
        id="vacuum.cancelled",
        title="Autovacuum repeatedly cancelled",
        severity="warning",
        meaning="Autovacuum gives way to whoever wants a lock on the table; where that happens again and again, the "
        "table is never vacuumed. Read from the log.",
        needs=(LOG_CLASSES,),
        wants=("recent_vacuums",),
        find=autovacuum_cancelled,
        absent="autovacuum isn't cancelled by lock requests",
        thresholds={"cancels_per_hour": Threshold(3, "count", "pganalyze log insight A60")},
        remedies=("vacuum_table",),
        grants=LOG_GRANTS,
    ),
)
