"""Physical replication: standbys that lag, stand still or are away, and commits that wait for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.rates import Change, RowChange
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, pids, plural, size
from agents.kernel.records import Remedy, Severity

MIB, GIB = 1 << 20, 1 << 30
REASONS = ("snapshots", "locks", "buffer_pins", "deadlocks", "tablespaces", "logical_slots")
_COUNTED = re.compile(r"\s*(?:(first|any)\s+)?(\d+)\s*\((.*)\)\s*", re.IGNORECASE | re.DOTALL)


def lagging(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("walsenders"):
        if not row["logical"] and row["state"] in ("streaming", "catchup"):
            severity = _lag_severity(row["behind_bytes"], row["behind_s"], limits)
            if severity:
                yield _lagging_standby(row, severity)
    yield from _lag_here(snapshot, limits)


def _lag_severity(lag_bytes: float | None, lag_s: float | None, limits: Limits) -> Severity | None:
    count, seconds = lag_bytes or 0, lag_s or 0
    if count >= limits["bytes_critical"] or seconds >= limits["time_critical"]:
        return "critical"
    if count >= limits["bytes_warning"] or seconds >= limits["time_warning"]:
        return "warning"
    return "info" if count >= limits["bytes_info"] else None


def _lagging_standby(row: Row, severity: Severity) -> Match:
    name, behind = row["standby"] or f"pid {row['pid']}", size(row["behind_bytes"])
    return Match(
        severity=severity,
        title=f"Standby {name} ({row['client']}) is {behind} behind",
        summary=f"State {row['state']}, {row['sync_state']}; {size(row['unsent_bytes'])} not sent, "
        f"{size(row['unflushed_bytes'])} not written there, {behind} not replayed"
        + (f", {duration(row['behind_s'])} late" if row["behind_s"] is not None else "")
        + f". {_stage(row)}",
        identity={"standby": name, "client": row["client"]},
        facts={"pid": row["pid"], "behind_bytes": row["behind_bytes"], "behind_s": row["behind_s"]},
        evidence=("walsenders",),
    )


def _stage(row: Row) -> str:
    """Where the WAL is held up, by what is missing where."""
    behind = row["behind_bytes"] or 0
    if (row["unsent_bytes"] or 0) * 2 >= behind:
        return "It is held up here or in the network: the sender can't send fast enough."
    if (row["unflushed_bytes"] or 0) * 2 >= behind:
        return "It is held up in the network or by the standby's disk."
    return "It has arrived: replay there is paused, held up by a query, or slow. Run a triage of the standby."


def _lag_here(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    row = snapshot.row("recovery")
    if row is None:
        return
    # A standby of a quiet primary replays nothing for hours: time counts only where something waits.
    late = row["replayed_until_s"] if row["gap_bytes"] else None
    severity = _lag_severity(row["gap_bytes"], late, limits)
    if severity:
        yield Match(
            severity=severity,
            title=f"This standby has {size(row['gap_bytes'])} of WAL that it hasn't replayed",
            summary=f"Received up to {row['received_lsn']}, replayed up to {row['replayed_lsn']}"
            + (f", {duration(late)} late" if late is not None else "")
            + ". Replay is paused, waits for a query that conflicts with it, or is slow.",
            identity={"standby": "this server"},
            facts={"behind_bytes": row["gap_bytes"], "behind_s": late},
            evidence=("recovery",),
        )


def paused_replay(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    row = snapshot.row("recovery")
    if row is None or not row["paused"]:
        return
    target = row["recovery_target"]
    yield Match(
        severity="info" if target else "warning",
        title="Replay is paused on this standby",
        summary=f"{size(row['gap_bytes'])} of received WAL wait; queries here see the state of {row['replayed_lsn']}. "
        + (
            f"It stands at its recovery target ({target}): resuming would end recovery and promote it."
            if target
            else "Somebody paused it, or a setting such as max_connections is lower than on the primary (the server log says so)."
        ),
        identity={"standby": "this server"},
        facts={"pause_state": row["pause_state"], "gap_bytes": row["gap_bytes"]},
        evidence=("recovery",),
        remedies=() if target else (_resume(),),
    )


def _resume() -> Remedy:
    return Remedy(
        "resume_replay",
        {},
        "write",
        "Replays what has arrived; queries that conflict with it are cancelled after max_standby_streaming_delay.",
        "pause it again with pg_wal_replay_pause(); what was replayed stays",
    )


def missing_standbys(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    streaming = {row["slot_name"] for row in snapshot.rows("walsenders")}
    for slot in snapshot.rows("replication_slots"):
        known = slot["slot_type"] == "physical" and slot["restart_lsn"] and slot["wal_status"] != "lost"
        if not known or slot["active"] or slot["synced"] or slot["slot_name"] in streaming:
            continue
        away_s = slot["inactive_s"]
        if away_s is None or away_s >= limits["away_warning"]:
            yield _missing(slot, urgent=away_s is not None and not _commits_wait(snapshot))


def _missing(slot: Row, *, urgent: bool) -> Match:
    name, away_s = slot["slot_name"], slot["inactive_s"]
    since = f" for {duration(away_s)}" if away_s is not None else ""
    return Match(
        severity="warning" if urgent else "info",
        title=f"No standby is connected to slot {name}{since}",
        summary=f"Slot {name} keeps {size(slot['retained_bytes'])} of WAL for a standby that isn't connected. Check its "
        "host, the network and its log (pg_stat_wal_receiver there)."
        + ("" if away_s is not None else " This version doesn't tell since when."),
        identity={"slot": name},
        facts={"away_s": away_s, "retained_bytes": slot["retained_bytes"]},
        evidence=("replication_slots", "walsenders"),
    )


def _commits_wait(snapshot: Snapshot) -> bool:
    return any(row["wait"] == "SyncRep" for row in snapshot.rows("sessions"))


def hanging_commits(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    setting = _settings(snapshot).get("synchronous_standby_names")
    waiters = [row for row in snapshot.rows("sessions") if row["wait"] == "SyncRep"]
    if setting is None or not waiters:
        return
    required, names = required_standbys(setting["setting"])
    present = [
        row
        for row in snapshot.rows("walsenders")
        if row["sync_state"] in ("sync", "quorum") and row["state"] == "streaming"
    ]
    yield _hanging(setting, waiters, required - len(present), names, limits)


def _hanging(setting: Row, waiters: list[Row], missing: int, names: list[str], limits: Limits) -> Match:
    longest = max(float(row["query_s"] or 0) for row in waiters)
    severity = _wait_severity(longest, len(waiters), limits) if missing > 0 else "info"
    listed = [row["pid"] for row in waiters]
    lacking = (
        f"{plural(missing, 'synchronous standby')} of {setting['setting']} not connected"
        if missing > 0
        else "the synchronous standbys are connected and answer slowly"
    )
    return Match(
        severity=severity,
        title=f"{plural(len(waiters), 'commit')} wait for a synchronous standby"
        + (f" ({', '.join(names[:4])})" if names else ""),
        summary=f"Sessions {pids(listed)} have committed here and wait up to {duration(longest)} for "
        f"synchronous_standby_names: {lacking}. Bring the standby back; cancelling a session only ends its waiting.",
        identity={"setting": "synchronous_standby_names"},
        facts={"value": setting["setting"], "waiters": listed, "wait_s": longest, "missing": max(missing, 0)},
        evidence=("sessions", "walsenders", "settings"),
        remedies=(_go_asynchronous(setting),) if missing > 0 else (),
    )


def _wait_severity(longest: float, count: int, limits: Limits) -> Severity:
    if longest >= limits["wait_critical"] or count >= limits["waiters_critical"]:
        return "critical"
    return "warning" if longest >= limits["wait_warning"] else "info"


def _go_asynchronous(setting: Row) -> Remedy:
    return Remedy(
        "set_setting",
        {"name": "synchronous_standby_names", "value": ""},
        "write",
        "Commits no longer wait for a standby: those that hang return at once. Until it is set again, losing "
        "this server loses what the standbys don't have.",
        f"set it back to {setting['setting']}",
    )


def required_standbys(value: str) -> tuple[int, list[str]]:
    """How many standbys `synchronous_standby_names` waits for, and their names."""
    found = _COUNTED.fullmatch(value)
    count, listed = (int(found[2]), found[3]) if found else (1, value)
    names = [name.strip().strip('"') for name in listed.split(",") if name.strip()]
    return (count if names else 0), names


def conflicts(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("standby_conflicts", "database", counters=REASONS)
    for row in change.rows if change else ():
        fresh = {name: row.delta(name) for name in REASONS if row.delta(name)}
        if sum(fresh.values()) >= limits["cancelled_warning"]:
            yield _conflict(change, row, fresh)
        elif any(row[name] for name in REASONS):
            yield _conflict(None, row, {name: row[name] for name in REASONS if row[name]})


def _conflict(change: Change | None, row: RowChange, counted: Mapping[str, Any]) -> Match:
    reasons = ", ".join(f"{int(number)} by {name.replace('_', ' ')}" for name, number in counted.items())
    when = f"within {duration(change.seconds)}" if change else "since the counters were reset, none right now"
    return Match(
        severity="warning" if change else "info",
        title=f"Replay cancelled statements in {row['database']}",
        summary=f"Cancelled {when}: {reasons}. max_standby_streaming_delay is {row['streaming_delay']}, "
        f"hot_standby_feedback is {row['feedback']}: a longer delay lets queries finish and the standby lag, feedback "
        "keeps dead rows on the primary instead.",
        identity={"database": row["database"]},
        facts={"reasons": dict(counted)},
        evidence=("standby_conflicts",),
        remedies=_longer_delay(row) if change else (),
    )


def _longer_delay(row: RowChange) -> tuple[Remedy, ...]:
    value = "5min"
    if row["streaming_delay"] in (value, "-1"):
        return ()
    return (
        Remedy(
            "set_setting",
            {"name": "max_standby_streaming_delay", "value": value},
            "write",
            f"Lets a query on this standby hold up replay for {value} before it is cancelled. No restart.",
            f"set it back to {row['streaming_delay']}",
        ),
    )


def _settings(snapshot: Snapshot) -> dict[str, Row]:
    return {row["name"]: row for row in snapshot.rows("settings")}


CONDITIONS = (
    Condition(
        id="repl.sync_wait",
        title="Commits hang: synchronous standby missing",
        severity="critical",
        meaning="Commits wait for a synchronous standby that isn't there. They are already safe on this server; "
        "their clients wait until the standby is back or the requirement is lifted.",
        needs=("sessions", "walsenders", "settings"),
        thresholds={
            "wait_warning": Threshold(
                5, "s", "docs 27.2.8: waiting over 5 s with too few synchronous standbys"
            ),
            "wait_critical": Threshold(60, "s", "incident default for waits"),
            "waiters_critical": Threshold(3, "count", "incident default for waits"),
        },
        find=hanging_commits,
        rivals=("lock.blocking_tree",),
        remedies=("set_setting",),
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="repl.replay_paused",
        title="Standby replay paused",
        severity="warning",
        meaning="The standby receives WAL and doesn't replay it: its data grow old and pg_wal grows.",
        needs=("recovery",),
        find=paused_replay,
        remedies=("resume_replay",),
    ),
    Condition(
        id="repl.lag",
        title="Physical replication lag (bytes / seconds)",
        severity="critical",
        meaning="A standby is behind: reads there are stale, and failing over to it loses or delays data.",
        needs=("walsenders", "recovery"),
        thresholds={
            "bytes_info": Threshold(16 * MIB, "bytes", "check_postgres replicate_lag example"),
            "bytes_warning": Threshold(100 * MIB, "bytes", "pganalyze replication/high_lag 100/1024 MB"),
            "bytes_critical": Threshold(GIB, "bytes", "pganalyze replication/high_lag 100/1024 MB"),
            "time_warning": Threshold(60, "s", "incident default; published: 10 min"),
            "time_critical": Threshold(600, "s", "check_postgres replicate_lag example: 10 min"),
        },
        find=lagging,
        absent="no standby is far behind",
        causes=(
            Cause("repl.replay_paused", lambda own, _: own["standby"] == "this server"),
            Cause("repl.conflicts", lambda own, _: own["standby"] == "this server"),
        ),
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="repl.standby_missing",
        title="Standby disconnected (slot inactive, no walsender)",
        severity="warning",
        meaning="A physical slot waits for a standby that isn't connected (pganalyze follower_missing).",
        needs=("replication_slots", "walsenders", "sessions"),
        thresholds={
            "away_warning": Threshold(60, "s", "published: an expected standby absent for 60 s"),
        },
        find=missing_standbys,
        causes=(Cause("wal.slot_retention", lambda own, slot: own["slot"] == slot["slot"]),),
    ),
    Condition(
        id="repl.conflicts",
        title="Standby queries cancelled by recovery conflicts",
        severity="warning",
        meaning="Replay on this standby cancels the queries that stand in its way (docs 27.4.2).",
        rates=("standby_conflicts",),
        thresholds={"cancelled_warning": Threshold(1, "count", "docs 27.4.2: any between the two samples")},
        find=conflicts,
        remedies=("set_setting",),
    ),
)
