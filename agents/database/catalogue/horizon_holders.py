"""Who keeps VACUUM from removing dead rows: sessions, slots and standbys (prepared transactions have their own)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.catalogue.horizon import unseen
from agents.database.catalogue.locks import sessions_by_pid
from agents.database.catalogue.tables import needing_vacuum
from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.session_rules import end_session, ours, why_not_offered
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, sentence, who
from agents.kernel.records import Remedy, Severity

FREEZE_MAX_AGE = 200_000_000
"""Default of autovacuum_freeze_max_age."""
HORIZON_THRESHOLDS = {
    "age_share": Threshold(
        10, "percent", "practice (four kinds of holders): a tenth of autovacuum_freeze_max_age"
    ),
    "held_long": Threshold(86400, "s", "pganalyze vacuum/xmin_horizon, 24 h"),
    "held": Threshold(
        60, "s", "own choice: the default autovacuum_naptime; counts where a table needs VACUUM right now"
    ),
}


def holding_sessions(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("horizon"):
        session = sessions_by_pid(snapshot).get(row["pid"])
        if row["kind"] != "session" or row["fed_back"] or (session is not None and ours(session)):
            continue
        severity, kept = _judged(snapshot, row, limits)
        if severity:
            yield _session_match(snapshot, row, session, severity, kept)


def holding_standbys(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    physical = {
        slot["slot_name"] for slot in snapshot.rows("replication_slots") if slot["slot_type"] == "physical"
    }
    for row in snapshot.rows("horizon"):
        severity, kept = _judged(snapshot, row, limits)
        if not severity:
            continue
        session = sessions_by_pid(snapshot).get(row["pid"])
        if row["kind"] == "session" and row["fed_back"] and not (session is not None and ours(session)):
            yield _session_match(snapshot, row, session, severity, kept)
        elif row["kind"] == "standby" or (row["state"] == "active" and row["name"] in physical):
            yield _standby_match(row, severity, kept)


def holding_slots(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    rows = {row["name"]: row for row in snapshot.rows("horizon") if row["kind"] == "slot"}
    for slot in snapshot.rows("replication_slots"):
        if slot["horizon_age"] is None or (slot["active"] and slot["slot_type"] == "physical"):
            continue
        pins_rows = slot["slot_name"] in rows
        row = rows.get(slot["slot_name"], {"horizon_age": slot["horizon_age"], "held_s": None})
        severity, kept = _judged(snapshot, row, limits, slot["inactive_s"] or 0)
        if severity:
            yield _slot_match(slot, severity, kept if pins_rows else "", pins_rows=pins_rows)


def _judged(snapshot: Snapshot, row: Row, limits: Limits, unused_s: float = 0) -> tuple[Severity | None, str]:
    """How bad this holder is, and the table in need of VACUUM whose dead rows it keeps."""
    age, held_s = row["horizon_age"] or 0, row["held_s"]
    kept = _kept_table(snapshot, row) if (age if held_s is None else held_s >= limits["held"]) else ""
    share = 100 * age / freeze_max_age(snapshot)
    if share >= 100:
        return "critical", kept
    if share >= limits["age_share"] or max(held_s or 0, unused_s) >= limits["held_long"] or kept:
        return "warning", kept
    return None, ""


def freeze_max_age(snapshot: Snapshot) -> int:
    row = snapshot.row("wraparound")
    return int(row["freeze_max_age"]) if row else FREEZE_MAX_AGE


def _kept_table(snapshot: Snapshot, row: Row) -> str:
    """The worst table in need of VACUUM, where nobody holds an older horizon than this one."""
    oldest = max((one["horizon_age"] or 0 for one in snapshot.rows("horizon")), default=0)
    if (row["horizon_age"] or 0) < oldest:
        return ""
    return next((str(table["relation"]) for table in needing_vacuum(snapshot)), "")


def _consequence(row: Row, kept: str) -> str:
    table = f", among them those of {kept}" if kept else ""
    return f"VACUUM can't remove rows that died in the last {plural(row['horizon_age'] or 0, 'transaction')}{table}."


def _session_match(snapshot: Snapshot, row: Row, session: Row | None, severity: Severity, kept: str) -> Match:
    pid, server = row["pid"], snapshot.row("server")
    name = who(session, pid)
    lasting = duration(row["held_s"])
    refused = why_not_offered(session, server) if session is not None else ""
    on_standby = (
        " It runs on this standby and hot_standby_feedback reports it to the primary."
        if row["fed_back"]
        else ""
    )
    return Match(
        severity=severity,
        title=f"{sentence(name)} holds back VACUUM for {lasting}",
        summary=f"Its transaction is open for {lasting} ({row['state']}). {_consequence(row, kept)}{on_standby}"
        + (f" It isn't offered for ending: {refused}." if refused else ""),
        identity={"pid": pid, "backend_start": session["backend_start"] if session else None},
        facts={
            "user": session["user"] if session else None,
            "database": session["database"] if session else None,
            "application": row["name"],
            "held_s": row["held_s"],
            "xid_age": row["horizon_age"],
            "relation": kept or None,
        },
        evidence=("horizon", "sessions", *(("tables_to_vacuum",) if kept else ())),
        remedies=end_session(
            session, "Frees the horizon: the next VACUUM can remove what died since.", server
        ),
    )


def _standby_match(row: Row, severity: Severity, kept: str) -> Match:
    return Match(
        severity=severity,
        title=f"A query on standby {row['name']} holds back VACUUM here",
        summary=f"{_consequence(row, kept)} The standby reports the oldest snapshot of its queries "
        "(hot_standby_feedback). Triage the standby and cancel its longest query there; or switch "
        "hot_standby_feedback off on it and let max_standby_streaming_delay decide.",
        identity={"standby": row["name"]},
        facts={"walsender_pid": row["pid"], "xid_age": row["horizon_age"], "relation": kept or None},
        evidence=("horizon", *(("tables_to_vacuum",) if kept else ())),
    )


def _slot_match(slot: Row, severity: Severity, kept: str, *, pins_rows: bool) -> Match:
    name, active = slot["slot_name"], slot["active"]
    use = "active" if active else "inactive"
    what = "dead rows of every table" if pins_rows else "dead rows of the system catalogues only"
    inactive = f", inactive for {duration(slot['inactive_s'])}" if slot["inactive_s"] else ""
    return Match(
        severity=severity,
        title=f"{use.capitalize()} slot {name} holds back VACUUM",
        summary=f"{slot['slot_type'].capitalize()} slot {name}{inactive} keeps {what}. {_consequence(slot, kept)} "
        + ("Its consumer lags: look there." if active else "Start its consumer again, or drop the slot."),
        identity={"slot": name},
        facts={"active": active, "xid_age": slot["horizon_age"], "relation": kept or None},
        evidence=("replication_slots", "horizon", *(("tables_to_vacuum",) if kept else ())),
        remedies=() if active or slot["temporary"] or slot["synced"] else (_drop(name),),
    )


def _drop(name: str) -> Remedy:
    return Remedy(
        "drop_inactive_slot",
        {"slot_name": name},
        "destructive",
        "Frees the horizon and the WAL that it keeps. Whoever used the slot must be rebuilt from scratch.",
        "not reversible: a slot of the same name can be made again, what it kept can't",
    )


def same_pid(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(mine["pid"] == other["pid"])


NEEDS = ("horizon",)
WANTS = ("sessions", "tables_to_vacuum", "wraparound")
GRANTS = ("GRANT pg_monitor TO {role}",)
KINDS = ("vacuum.xmin_backend", "vacuum.xmin_prepared", "vacuum.xmin_slot", "vacuum.xmin_standby")


def other_kinds(own: str) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if kind != own)


CONDITIONS = (
    Condition(
        id="vacuum.xmin_backend",
        title="VACUUM blocked: old snapshot or transaction of a session",
        severity="critical",
        meaning="A session's open transaction or long statement could still see rows that died since it began, so "
        "VACUUM keeps them, in every table of the database.",
        needs=NEEDS,
        wants=WANTS,
        thresholds=HORIZON_THRESHOLDS,
        find=holding_sessions,
        causes=(
            Cause("lock.blocking_tree", same_pid),
            Cause("session.idle_in_transaction", same_pid),
            Cause("session.long_query", same_pid),
        ),
        remedies=("terminate_session", "cancel_session"),
        rivals=other_kinds("vacuum.xmin_backend"),
        absent="no session holds the horizon for long",
        grants=GRANTS,
        blind=unseen,
    ),
    Condition(
        id="vacuum.xmin_slot",
        title="VACUUM blocked: replication slot",
        severity="critical",
        meaning="A slot remembers the oldest transaction that its consumer still needs. While the consumer stays "
        "away, dead rows stay: of all tables for a physical slot, of the catalogues for a logical one.",
        needs=("replication_slots", "horizon"),
        wants=("tables_to_vacuum", "wraparound"),
        thresholds=HORIZON_THRESHOLDS,
        find=holding_slots,
        causes=(Cause("wal.slot_retention", lambda mine, other: mine["slot"] == other["slot"]),),
        remedies=("drop_inactive_slot",),
        rivals=other_kinds("vacuum.xmin_slot"),
        absent="no replication slot holds the horizon",
        grants=GRANTS,
    ),
    Condition(
        id="vacuum.xmin_standby",
        title="VACUUM blocked: query on a standby (hot_standby_feedback)",
        severity="critical",
        meaning="A standby with hot_standby_feedback asks its primary to keep the rows that its queries may still "
        "read. A long query there grows the tables here.",
        needs=NEEDS,
        wants=(*WANTS, "replication_slots"),
        thresholds=HORIZON_THRESHOLDS,
        find=holding_standbys,
        remedies=("cancel_session", "terminate_session"),
        rivals=other_kinds("vacuum.xmin_standby"),
        absent="no standby holds the horizon",
        grants=GRANTS,
    ),
)
