"""Room on the server's volumes, and what takes it: databases, temporary files and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.session_rules import end_session
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, sentence, size, who
from agents.kernel.records import Severity

GIB = 1 << 30
LISTED = 5


def full_volumes(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    volumes: dict[tuple[int, float], list[Row]] = {}
    for row in snapshot.rows("host"):
        if row["kind"] != "memory":
            # Directories on one volume show the same size and room.
            volumes.setdefault((row["total_bytes"], row["used_percent"]), []).append(row)
    for rows in volumes.values():
        severity = _volume_severity(rows[0], limits)
        if severity:
            yield _volume(snapshot, rows, severity)
    if not snapshot.has("host"):
        yield from _sizes_only(snapshot, limits)


def _volume_severity(row: Row, limits: Limits) -> Severity | None:
    if row["used_percent"] >= limits["used_critical"]:
        return "critical"
    if row["used_percent"] >= limits["used_warning"]:
        return "warning"
    return "info" if row["available_bytes"] <= limits["free_info"] else None


def _volume(snapshot: Snapshot, rows: list[Row], severity: Severity) -> Match:
    kinds = ", ".join(row["kind"] for row in rows)
    free = size(rows[0]["available_bytes"])
    return Match(
        severity=severity,
        title=f"The volume of {kinds} is {rows[0]['used_percent']:.0f} % full, {free} left",
        summary=f"{rows[0]['path']}: {free} of {size(rows[0]['total_bytes'])} left. {_largest(snapshot)} Find out whether "
        "pg_wal, temporary files or tables grow, and mend that; never remove files from the data directory.",
        identity={"path": rows[0]["path"]},
        facts={
            "holds": [row["kind"] for row in rows],
            "used_percent": rows[0]["used_percent"],
            "available_bytes": rows[0]["available_bytes"],
        },
        evidence=("host", "database_sizes"),
    )


def _largest(snapshot: Snapshot) -> str:
    listed = [f"{row['database']} {size(row['bytes'])}" for row in snapshot.rows("database_sizes")[:LISTED]]
    return f"Largest databases: {', '.join(listed)}." if listed else ""


def _sizes_only(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    rows = snapshot.rows("database_sizes")
    total = sum(row["bytes"] for row in rows)
    if rows and total >= limits["size_info"]:
        yield Match(
            severity="info",
            title=f"The databases take {size(total)}",
            summary=f"{_largest(snapshot)} How much room is left can't be seen from here.",
            identity={"path": ""},
            facts={"bytes": total},
            evidence=("database_sizes",),
        )


def _is_large(volume: Mapping[str, Any], taken: float) -> bool:
    """True where giving back what is taken would more than double the room that is left."""
    return bool(taken >= volume["available_bytes"])


def room_unknown(snapshot: Snapshot) -> str:
    failure = snapshot.failures.get("host")
    return f"room on the volumes: {failure.reason}" if failure else ""


def large_temp_files(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    sessions = {row["pid"]: row for row in snapshot.rows("sessions")}
    for row in snapshot.rows("temp_files"):
        if row["bytes"] >= limits["bytes_warning"]:
            yield _temp_files(snapshot, row, sessions.get(row["pid"]))


def _temp_files(snapshot: Snapshot, row: Row, session: Row | None) -> Match:
    pid, taken = row["pid"], size(row["bytes"])
    owner = sentence(who(session, pid)) if pid is not None else "An unknown process"
    limit = "unlimited" if row["file_limit"] == "-1" else row["file_limit"]
    left = "" if session is not None or pid is None else " That process is gone: a restart removes its files."
    return Match(
        severity="warning",
        title=f"{owner} has {taken} of temporary files on disk",
        summary=f"{plural(row['files'], 'file')}, {taken}: a sort, hash or materialisation that doesn't fit work_mem. "
        f"temp_file_limit is {limit}.{left}",
        identity={"pid": pid, "backend_start": session["backend_start"] if session else None},
        facts={"bytes": row["bytes"], "files": row["files"]},
        evidence=("temp_files", "sessions"),
        remedies=end_session(session, "Ends the statement; its files go at once.", snapshot.row("server")),
    )


def old_temp_tables(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    sessions = {row["pid"]: row for row in snapshot.rows("sessions")}
    for row in snapshot.rows("temp_tables"):
        orphaned = row["owner_known"] and row["pid"] is None
        urgent = row["xid_age"] >= limits["horizon_warning"] / 100 * row["freeze_max_age"]
        old = (row["owner_s"] or 0) >= limits["owner_info"]
        if urgent or orphaned or old:
            yield _temp_table(snapshot, row, sessions.get(row["pid"]), orphaned=orphaned, urgent=urgent)


def _temp_table(snapshot: Snapshot, row: Row, session: Row | None, *, orphaned: bool, urgent: bool) -> Match:
    relation = row["relation"]
    if orphaned:
        owner, advice = "nobody: its session is gone", f"DROP TABLE {relation} as a superuser removes it"
    elif row["pid"] is not None:
        owner = f"{who(session, row['pid'])}, connected for {duration(row['owner_s'])}"
        advice = "the session can VACUUM or drop it; ending the session drops it"
    else:
        owner, advice = "a session that this version doesn't name", "find the longest-lived sessions"
    why = "Ends the session, which drops its temporary tables."
    return Match(
        severity="warning" if urgent else "info",
        title=f"Temporary table {relation} {'is left over' if orphaned else 'is old'}",
        summary=f"Autovacuum doesn't vacuum temporary tables: this one holds the freeze horizon at an age of "
        f"{row['xid_age']} transactions (autovacuum_freeze_max_age {row['freeze_max_age']}). It belongs to {owner}; {advice}.",
        identity={"relation": relation},
        facts={"xid_age": row["xid_age"], "pid": row["pid"], "bytes": row["bytes"]},
        evidence=("temp_tables", "sessions"),
        remedies=end_session(session, why, snapshot.row("server")) if urgent else (),
    )


CONDITIONS = (
    Condition(
        id="disk.tablespace",
        title="Volumes and the largest databases (disk growth)",
        severity="critical",
        meaning="A volume of the server fills up: when it is full the server stops. Its room is seen only where "
        "helpdesk runs on the same host; otherwise only the sizes of the databases.",
        needs=("database_sizes",),
        wants=("host",),
        thresholds={
            "used_warning": Threshold(
                90, "percent", "pganalyze system/storage_space 90/98; check_postgres 90/95"
            ),
            "used_critical": Threshold(98, "percent", "pganalyze system/storage_space 90/98"),
            "free_info": Threshold(5 * GIB, "bytes", "own choice; pganalyze's 50 GB fits large volumes only"),
            "size_info": Threshold(0, "bytes", "own choice: sizes are shown where the room can't be seen"),
        },
        find=full_volumes,
        rivals=("wal.slot_retention", "wal.archive_failing"),
        absent="the volumes have room",
        causes=(
            Cause(
                "wal.dir_size",
                lambda own, wal: "wal" in own.get("holds", ()) and _is_large(own, wal["bytes"]),
            ),
            Cause("temp.limit", lambda own, temp: "holds" in own and _is_large(own, temp["bytes"])),
        ),
        blind=room_unknown,
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="temp.limit",
        title="Large temporary files in use",
        severity="warning",
        meaning="A statement spills so much to disk that the volume may fill up.",
        needs=("temp_files", "sessions"),
        thresholds={
            "bytes_warning": Threshold(10 * GIB, "bytes", "published: more than 10 GB in pg_ls_tmpdir"),
        },
        find=large_temp_files,
        remedies=("cancel_session", "terminate_session"),
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="unlogged_orphan_temp",
        title="Orphaned temporary tables hold the freeze horizon",
        severity="warning",
        meaning="Nobody vacuums temporary tables: one of a long-lived or vanished session keeps transaction ids from "
        "being frozen (docs 25.1.5).",
        needs=("temp_tables", "sessions"),
        thresholds={
            "owner_info": Threshold(86400, "s", "published: a session older than one day"),
            "horizon_warning": Threshold(50, "percent", "own choice: of autovacuum_freeze_max_age"),
        },
        find=old_temp_tables,
        remedies=("terminate_session", "cancel_session"),
        grants=("GRANT pg_monitor TO {role}",),
    ),
)
