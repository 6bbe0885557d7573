"""WAL that can't be removed: forgotten slots and a failing archiver."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, size
from agents.kernel.records import Remedy, Severity

MIB, GIB = 1 << 20, 1 << 30
ARCHIVING = ("on", "always")


def retaining_slots(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for slot in snapshot.rows("replication_slots"):
        # A slot synchronised from the primary is inactive on a standby by design.
        if slot["synced"] or slot["retained_bytes"] is None or slot["wal_status"] == "lost":
            continue
        severity = _slot_severity(slot, limits)
        if severity:
            yield _retaining(slot, severity)


def _slot_severity(slot: Row, limits: Limits) -> Severity | None:
    kind = "active" if slot["active"] else "inactive"
    retained, limit = slot["retained_bytes"], slot["keep_limit_bytes"]
    share = 100 * retained / limit if limit else 0.0
    if slot["wal_status"] == "unreserved" or share >= limits["limit_critical"]:
        return "critical"
    if retained >= limits[f"{kind}_critical"]:
        return "critical"
    if retained >= limits[f"{kind}_warning"] or share >= limits["limit_warning"]:
        return "warning"
    return "info" if not slot["active"] and retained >= limits["inactive_info"] else None


def _retaining(slot: Row, severity: Severity) -> Match:
    name, kept = slot["slot_name"], size(slot["retained_bytes"])
    use = "Inactive" if not slot["active"] else "Active"
    since = f" for {duration(slot['inactive_s'])}" if slot["inactive_s"] is not None else ""
    guard = (
        f"max_slot_wal_keep_size stops it at {size(slot['keep_limit_bytes'])}"
        if slot["keep_limit_bytes"]
        else "max_slot_wal_keep_size is unlimited, so it grows until the disk is full"
    )
    return Match(
        severity=severity,
        title=f"{use} {slot['slot_type']} slot {name} keeps {kept} of WAL",
        summary=f"Slot {name} is {use.lower()}{since} and keeps {kept} of WAL ({slot['wal_status']}); {guard}. "
        + (
            "Its consumer lags: look there."
            if slot["active"]
            else "Start its consumer again; drop the slot only if nobody will come back for it."
        ),
        identity={"slot": name},
        facts={
            "slot_type": slot["slot_type"],
            "active": slot["active"],
            "retained_bytes": slot["retained_bytes"],
            "wal_status": slot["wal_status"],
        },
        evidence=("replication_slots",),
        remedies=() if slot["active"] or slot["temporary"] else (_drop(slot),),
    )


def _drop(slot: Row) -> Remedy:
    return Remedy(
        "drop_inactive_slot",
        {"slot_name": slot["slot_name"]},
        "destructive",
        "Lets the WAL go at the next checkpoint. Whoever used the slot must be rebuilt from scratch.",
        "not reversible: a slot of the same name can be made again, the WAL it kept can't",
    )


def failing_archiver(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    row = snapshot.row("archiver")
    if row is None or row["archive_mode"] not in ARCHIVING:
        return
    if row["in_recovery"] and row["archive_mode"] != "always":
        return
    if not row["archive_command"] and not row["archive_library"]:
        yield _archiver_match("warning", "WAL archiving is on but no archive_command is set", row, "")
    elif row["failing"]:
        yield _archiver_match(
            _archiver_severity(row, limits),
            f"WAL archiving fails at {row['last_failed_wal']}",
            row,
            f"{plural(row['failed_count'], 'failed attempt')} since the counters were reset, the last on "
            f"{row['last_failed_wal']}. ",
        )


def _archiver_severity(row: Row, limits: Limits) -> Severity:
    if row["failed_count"] < limits["attempts"]:
        return "info"
    return "critical" if row["since_success_s"] >= limits["failing_critical"] else "warning"


def _archiver_match(severity: Severity, title: str, row: Row, failures: str) -> Match:
    how = row["archive_library"] or row["archive_command"]
    last = row["last_archived_wal"] or "none"
    return Match(
        severity=severity,
        title=title,
        summary=f"{failures}Last archived: {last}, {duration(row['since_success_s'])} without a success. "
        "WAL stays in pg_wal until it is archived, and point-in-time recovery ends at the last archived file. "
        + (f"Run by hand as the server's user to see its error: {how}. " if how else "Set archive_command. ")
        + "Never remove files from pg_wal.",
        identity={"setting": "archive_library" if row["archive_library"] else "archive_command"},
        facts={
            "last_failed_wal": row["last_failed_wal"],
            "failed_count": row["failed_count"],
            "since_success_s": row["since_success_s"],
        },
        evidence=("archiver",),
    )


CONDITIONS = (
    Condition(
        id="wal.slot_retention",
        title="Inactive replication slot retains WAL",
        severity="critical",
        meaning="A slot promises WAL to a consumer. If the consumer stays away, WAL piles up until the disk is "
        "full or the slot is invalidated.",
        needs=("replication_slots",),
        thresholds={
            "inactive_info": Threshold(16 * MIB, "bytes", "own choice: one WAL segment of the default size"),
            "inactive_warning": Threshold(
                64 * MIB, "bytes", "incident default: four WAL segments that nobody fetches; published: 1 GiB"
            ),
            "inactive_critical": Threshold(GIB, "bytes", "fresha/pgdoctor replication-slots, first step"),
            "active_warning": Threshold(GIB, "bytes", "fresha/pgdoctor replication-slots, first step"),
            "active_critical": Threshold(5 * GIB, "bytes", "fresha/pgdoctor replication-slots, second step"),
            "limit_warning": Threshold(50, "percent", "own choice: half of max_slot_wal_keep_size"),
            "limit_critical": Threshold(90, "percent", "pgFirstAid: 90 % of max_slot_wal_keep_size"),
        },
        find=retaining_slots,
        absent="no replication slot keeps much WAL",
        remedies=("drop_inactive_slot",),
    ),
    Condition(
        id="wal.archive_failing",
        title="WAL archiving failing",
        severity="critical",
        meaning="The archiver's last attempt failed. WAL piles up and backups lose their point-in-time "
        "recovery until its target works again.",
        needs=("archiver",),
        thresholds={
            "attempts": Threshold(2, "count", "pg_stat_archiver: a single failure is tried again after 1 s"),
            "failing_critical": Threshold(900, "s", "own choice: 15 minutes of WAL without a copy elsewhere"),
        },
        find=failing_archiver,
        absent="the archiver's last attempt succeeded, or archiving is off",
    ),
)
