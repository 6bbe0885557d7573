"""Deadlocks, the lock table's size, and what sessions wait for most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.catalogue.locks import sessions_by_pid
from agents.database.catalogue.log_events import log_rows
from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.logs.tools import LOG_CLASSES
from agents.database.session_rules import end_session
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, sentence, who

DATABASES = "database_counters"
RESTART = "a change of max_locks_per_transaction takes a restart"


def deadlocks(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change(DATABASES, "database")
    if change is None:
        return
    counted = False
    logged = next((row for row in log_rows(snapshot, "lock.deadlock") if row["last_hour"]), None)
    for row in change.rows:
        count = int(row.delta("deadlocks"))
        if not count:
            continue
        counted = True
        minutes = change.seconds / 60
        often = count >= limits["least_critical"] and count / minutes >= limits["per_minute_critical"]
        yield Match(
            severity="critical" if often else "warning",
            title=f"{plural(count, 'deadlock')} in database {row['database']} within {duration(change.seconds)}",
            summary=f"The server broke {plural(count, 'deadlock')} by cancelling a transaction each, "
            f"{row['deadlocks']} since the counters began. Both statements are in the server log (SQLSTATE 40P01). "
            "The application must take its locks in one order, keep transactions short and retry 40P01; "
            f"deadlock_timeout mends nothing.{_last_in_log(logged)}",
            identity={"database": row["database"]},
            facts={
                "deadlocks": count,
                "seconds": round(change.seconds, 3),
                "total": row["deadlocks"],
                "last_pids": list(logged["pids"]) if logged else [],
            },
            evidence=(DATABASES, LOG_CLASSES) if logged else (DATABASES,),
        )
    if logged and not counted:
        yield _logged_only(logged)


def _last_in_log(row: Row | None) -> str:
    return f" The last one in the log, {duration(row['age_s'])} ago: {row['detail']}" if row else ""


def _logged_only(row: Row) -> Match:
    """Before the interval, or a victim that sits in its aborted transaction holds the counter back."""
    return Match(
        severity="info",
        title=f"{plural(row['last_hour'], 'deadlock')} in the last hour",
        summary="None was counted during this sweep; the log has them."
        f"{_last_in_log(row)} The application must take its locks in one order.",
        identity={"seen": "log"},
        facts={"last_hour": row["last_hour"], "last_at": row["last_at"], "last_pids": list(row["pids"])},
        evidence=(LOG_CLASSES,),
    )


def full_lock_table(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    row = snapshot.row("lock_table")
    if row is None:
        return
    # The table has room for `capacity` objects, and for two holders of each.
    percent = 100 * max(row["objects"], row["locks"] / 2) / max(row["capacity"], 1)
    if percent < limits["used_warning"]:
        return
    session = sessions_by_pid(snapshot).get(row["top_pid"])
    most = 2 * row["top_held"] > row["locks"]
    top = who(session, row["top_pid"]) if row["top_pid"] else "a prepared transaction"
    yield Match(
        severity="critical" if percent >= limits["used_critical"] else "warning",
        title=f"The shared lock table is {percent:.0f} % full",
        summary=f"{row['objects']} objects are locked of {row['capacity']} that the table is sure to hold "
        f"(max_locks_per_transaction = {row['max_locks_per_transaction']}); {sentence(top)} holds "
        f"{row['top_held']}. When it is full every statement that needs one more lock fails with SQLSTATE 53200. "
        f"End what locks so much (many partitions, a dump of many tables); {RESTART}.",
        identity={"setting": "max_locks_per_transaction"},
        facts={
            "objects": row["objects"],
            "locks": row["locks"],
            "capacity": row["capacity"],
            "percent": round(percent, 1),
            "top_pid": row["top_pid"],
            "top_held": row["top_held"],
        },
        evidence=("lock_table", "sessions"),
        remedies=end_session(session, f"Lets go of its {row['top_held']} locks.", snapshot.row("server"))
        if most
        else (),
    )


def busy_wait(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    rows = [row for row in snapshot.rows("wait_profile") if row["taken"] >= limits["least_samples"]]
    for row in rows:
        crowded = row["sessions"] / row["taken"] >= limits["least_sessions"]
        if row["type"] == "CPU" or row["share_percent"] <= limits["share"] or not crowded:
            continue
        yield Match(
            severity="info",
            title=f"{row['share_percent']:.0f} % of the active sessions wait for {row['type']}/{row['event']}",
            summary=f"In {row['seen']} of {row['taken']} samples, {row['sessions'] / row['taken']:.1f} sessions at a "
            f"time. {_meaning(row['type'])}",
            identity={"type": row["type"], "event": row["event"]},
            facts={"share_percent": row["share_percent"], "waiters": list(row["pids"])},
            evidence=("wait_profile",),
        )


def _meaning(kind: str) -> str:
    return {
        "Lock": "They wait for each other: see the blocking trees.",
        "LWLock": "They crowd in shared memory: fewer active sessions, or the setting behind that lock.",
        "IO": "They wait for storage: see the cache hit ratio, latency and the largest readers.",
        "IPC": "They wait for another process: parallel workers, or a synchronous standby.",
        "Client": "They wait for their clients: the network or the application is slow.",
        "BufferPin": "They wait until others have looked at a page.",
        "Timeout": "They sleep because their statement, or a setting, says so.",
    }.get(kind, "See the PostgreSQL documentation of wait events.")


def waits_in_tree(profile: Mapping[str, Any], tree: Mapping[str, Any]) -> bool:
    return profile["type"] == "Lock" and bool({*profile["waiters"]} & {*tree["waiters"]})


CONDITIONS = (
    Condition(
        id="lock.deadlocks",
        title="Deadlocks",
        severity="critical",
        meaning="Transactions waited for each other in a ring and the server cancelled one of them. Seen as the "
        "growth of a counter, which a victim that stays in its aborted transaction holds back.",
        rates=(DATABASES,),
        wants=(LOG_CLASSES,),
        thresholds={
            "per_minute_critical": Threshold(
                1, "count", "pg_stat_database.deadlocks: one a minute is a fault"
            ),
            "least_critical": Threshold(3, "count", "own choice: one in a short interval is no rate yet"),
        },
        find=deadlocks,
        absent="no deadlock was counted in between",
    ),
    Condition(
        id="lock.table_full",
        title="Shared lock table nearly full",
        severity="critical",
        meaning="The lock table has a fixed size: max_locks_per_transaction × (max_connections + "
        "max_prepared_transactions). Statements fail once it is full, whoever filled it.",
        needs=("lock_table",),
        wants=("sessions",),
        thresholds={
            "used_warning": Threshold(80, "percent", "PostgreSQL docs, max_locks_per_transaction"),
            "used_critical": Threshold(95, "percent", "own choice: one statement over partitions from full"),
        },
        find=full_lock_table,
        remedies=("terminate_session", "cancel_session"),
        absent="the lock table has room",
    ),
    Condition(
        id="wait.profile",
        title="Wait-event profile",
        severity="info",
        meaning="What the active sessions wait for, sampled over the interval. One event in most of the samples "
        "says where to look; it is no fault by itself.",
        needs=("wait_profile",),
        thresholds={
            "share": Threshold(
                50, "percent", "pgcenter profile, pg_wait_sampling: one event in half of the samples"
            ),
            "least_samples": Threshold(10, "count", "as above: over at least 10 samples"),
            "least_sessions": Threshold(3, "count", "own choice: fewer sessions at a time are no crowd"),
        },
        find=busy_wait,
        causes=(
            Cause("lock.blocking_tree", waits_in_tree),
            Cause("lock.ddl_queue", waits_in_tree),
        ),
        grants=("GRANT pg_monitor TO {role}",),
    ),
)
