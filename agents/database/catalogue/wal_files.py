"""pg_wal on disk: how large it is, what waits to be archived, and slots whose WAL is gone."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, size
from agents.kernel.records import Remedy, Severity


def archive_backlog(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    row = snapshot.row("wal_files")
    if row is None or row["archive_mode"] == "off" or not row["ready"]:
        return
    if row["in_recovery"] and row["archive_mode"] != "always":
        return
    severity = _backlog_severity(row, limits)
    if severity:
        yield Match(
            severity=severity,
            title=f"{plural(row['ready'], 'WAL file')} wait to be archived",
            summary=f"The first is {row['first_ready'].removesuffix('.ready')}; the oldest waits for "
            f"{duration(row['oldest_ready_s'])}. Until they are archived they stay in pg_wal and a backup can't be "
            "recovered beyond them. The archive's target is slow or fails; never remove files from pg_wal.",
            identity={"directory": "pg_wal/archive_status"},
            facts={"ready": row["ready"], "oldest_s": row["oldest_ready_s"], "first": row["first_ready"]},
            evidence=("wal_files",),
        )


def _backlog_severity(row: Row, limits: Limits) -> Severity | None:
    if row["ready"] >= limits["files_critical"]:
        return "critical"
    late = row["oldest_ready_s"] >= limits["age_warning"]
    return "warning" if late or row["ready"] >= limits["files_warning"] else None


def large_wal(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    row = snapshot.row("wal_files")
    if row is None:
        return
    expected = limits["factor"] * row["max_wal_bytes"] + row["keep_bytes"]
    if row["bytes"] > expected:
        yield Match(
            severity="warning",
            title=f"pg_wal holds {size(row['bytes'])}, more than max_wal_size explains",
            summary=f"{plural(row['files'], 'file')}; max_wal_size is {size(row['max_wal_bytes'])} and wal_keep_size "
            f"{size(row['keep_bytes'])}. Something keeps WAL: a replication slot, a failing archiver, a base backup "
            "or a burst of writes. Mend that; never remove files from pg_wal.",
            identity={"directory": "pg_wal"},
            facts={"bytes": row["bytes"], "files": row["files"], "max_wal_bytes": row["max_wal_bytes"]},
            evidence=("wal_files",),
        )


def lost_slots(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for slot in snapshot.rows("replication_slots"):
        if slot["wal_status"] == "lost":
            yield _lost(slot)


def _lost(slot: Row) -> Match:
    name = slot["slot_name"]
    drop = Remedy(
        "drop_inactive_slot",
        {"slot_name": name},
        "destructive",
        "Removes what is left of the slot. Its consumer can't go on from it in any case.",
        "not reversible: a slot of the same name can be made again, the WAL it kept is gone already",
    )
    return Match(
        severity="critical",
        title=f"{slot['slot_type'].capitalize()} slot {name} is lost: the WAL its consumer needs was removed",
        summary=f"Slot {name} was invalidated because it kept more than max_slot_wal_keep_size, or for another reason "
        "that the server log names. Its standby or subscriber has to be rebuilt; then drop the slot.",
        identity={"slot": name},
        facts={
            "slot_type": slot["slot_type"],
            "wal_status": slot["wal_status"],
            "inactive_s": slot["inactive_s"],
        },
        evidence=("replication_slots",),
        remedies=() if slot["active"] or slot["synced"] else (drop,),
    )


CONDITIONS = (
    Condition(
        id="wal.archive_backlog",
        title="Archive backlog (.ready files)",
        severity="critical",
        meaning="WAL files wait to be archived: the archive can't keep up or fails, pg_wal grows.",
        needs=("wal_files",),
        thresholds={
            "files_warning": Threshold(10, "count", "check_postgres archive_ready 10/15"),
            "files_critical": Threshold(15, "count", "check_postgres archive_ready 10/15"),
            "age_warning": Threshold(300, "s", "published: a segment older than 5 minutes is late"),
        },
        find=archive_backlog,
        causes=(Cause("wal.archive_failing", lambda *_: True),),
    ),
    Condition(
        id="wal.dir_size",
        title="pg_wal larger than expected",
        severity="warning",
        meaning="pg_wal holds more than max_wal_size and wal_keep_size explain: something keeps WAL from being "
        "removed.",
        needs=("wal_files",),
        thresholds={
            "factor": Threshold(
                2, "ratio", "check_postgres wal_files; docs 30.5: max_wal_size is a soft limit"
            ),
        },
        find=large_wal,
        causes=(
            Cause("wal.slot_retention", lambda own, slot: slot["retained_bytes"] * 4 >= own["bytes"]),
            Cause("wal.archive_failing", lambda *_: True),
            Cause("wal.archive_backlog", lambda *_: True),
        ),
    ),
    Condition(
        id="wal.slot_lost",
        title="Replication slot lost (WAL removed)",
        severity="critical",
        meaning="The server gave up a slot and removed the WAL that its consumer still needed: the standby or "
        "subscriber has to be rebuilt (pg_replication_slots.wal_status).",
        needs=("replication_slots",),
        find=lost_slots,
        absent="no slot has lost its WAL",
        remedies=("drop_inactive_slot",),
    ),
)
