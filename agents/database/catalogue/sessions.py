"""Sessions that last too long, and connection slots that run out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.database.catalogue.locks import hidden_sessions, lock_tree, missing_stall, worst_first
from agents.database.catalogue.server import refusal
from agents.database.catalogue.tables import needing_vacuum
from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.session_rules import end_session, idle_in_transaction, ours, why_not_offered
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, sentence, who
from agents.kernel.records import Remedy, Severity
from inventory.masking import inert_line

SEE_SESSIONS = ("GRANT pg_monitor TO {role}",)


def idle_transactions(snapshot: Snapshot, limits: Limits) -> Iterable[Match]:
    return worst_first(_idle_transactions(snapshot, limits))


def _idle_transactions(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    tree = lock_tree(snapshot)
    held = {row["pid"]: row for row in snapshot.rows("locks_held")}
    for session in snapshot.rows("sessions"):
        if not idle_in_transaction(session) or ours(session):
            continue
        idle_s = session["state_s"]
        blocks = tree.waiters(session["pid"]) if idle_s >= limits["stalled"] else ()
        keeps = _kept_table(snapshot, session, limits)
        if idle_s >= limits["idle_warning"] or blocks or keeps:
            yield _idle_transaction(snapshot, session, held.get(session["pid"]), blocks, keeps, limits)


def blocks_since_just_now(snapshot: Snapshot, limits: Limits) -> float:
    tree = lock_tree(snapshot)
    idle = (row for row in snapshot.rows("sessions") if idle_in_transaction(row))
    return missing_stall((row for row in idle if tree.direct(row["pid"])), limits)


def _idle_transaction(
    snapshot: Snapshot, session: Row, held: Row | None, blocks: tuple[int, ...], keeps: str, limits: Limits
) -> Match:
    pid, wrote = session["pid"], session["wrote"]
    severity: Severity = "critical" if session["state_s"] >= limits["idle_critical"] else "warning"
    consequences = [f"{plural(len(blocks), 'session')} wait for it"] if blocks else []
    consequences += [f"VACUUM can't remove dead rows of {keeps}"] if keeps else []
    holds = f", holds {', '.join(held['locks'])}" if held and held["locks"] else ""
    refused = why_not_offered(session, snapshot.row("server"))
    return Match(
        severity=severity,
        title=f"{sentence(who(session, pid))} is idle in transaction for {duration(session['state_s'])}",
        summary=f"Its transaction is open for {duration(session['xact_s'])}, "
        f"{'has written' if wrote else 'has written nothing'}{holds}."
        + (f" {'; '.join(consequences)}." if consequences else "")
        + (f" It isn't offered for ending: {refused}." if refused else ""),
        identity={"pid": pid, "backend_start": session["backend_start"]},
        facts={
            "user": session["user"],
            "database": session["database"],
            "application": session["application"],
            "idle_s": session["state_s"],
            "xact_s": session["xact_s"],
            "wrote": wrote,
            "waiters": list(blocks),
        },
        evidence=("sessions", "locks_held", *(("horizon", "tables_to_vacuum") if keeps else ())),
        remedies=end_session(session, _why_terminate(session), snapshot.row("server")),
    )


def _why_terminate(session: Row) -> str:
    lost = "what it wrote and hasn't committed is lost" if session["wrote"] else "it has written nothing"
    return f"Ends the session and its transaction; {lost}. Cancelling has no effect on an idle session."


def _kept_table(snapshot: Snapshot, session: Row, limits: Limits) -> str:
    """The table in need of VACUUM whose dead rows only this session's transaction keeps; empty if none."""
    oldest = snapshot.row("horizon")
    if oldest is None or oldest["kind"] != "session" or oldest["pid"] != session["pid"]:
        return ""
    if session["state_s"] < limits["horizon_idle"]:
        return ""
    return next((str(row["relation"]) for row in needing_vacuum(snapshot)), "")


def long_queries(snapshot: Snapshot, limits: Limits) -> Iterable[Match]:
    return worst_first(_long_queries(snapshot, limits))


def _long_queries(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for session in snapshot.rows("sessions"):
        if session["state"] != "active" or session["type"] != "client backend" or ours(session):
            continue
        if session["query_s"] is None or session["query_s"] < limits["run_warning"]:
            continue
        waits = f", waits for {session['wait_type']}/{session['wait']}" if session["wait_type"] else ""
        yield Match(
            severity="critical" if session["query_s"] >= limits["run_critical"] else "warning",
            title=f"{sentence(who(session, session['pid']))} runs a statement for {duration(session['query_s'])}",
            summary=f"Running for {duration(session['query_s'])}{waits}: {_excerpt(session['query'])}",
            identity={"pid": session["pid"], "backend_start": session["backend_start"]},
            facts={
                "user": session["user"],
                "database": session["database"],
                "application": session["application"],
                "run_s": session["query_s"],
                "wait": session["wait"],
                "query_id": session["query_id"],
            },
            evidence=("sessions",),
            remedies=end_session(
                session, "Stops the statement; its transaction is rolled back.", snapshot.row("server")
            ),
        )


def _excerpt(query: str, limit: int = 160) -> str:
    line = inert_line(query)
    return line if len(line) <= limit else line[:limit] + "…"


def connection_slots(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    row = snapshot.row("connections")
    if row is None:
        return
    usable = max(row["max_connections"] - row["reserved"], 1)
    percent = 100 * row["used"] / usable
    if percent < limits["used_warning"]:
        return
    group, members = _largest_group(snapshot)
    waiting = {wait["pid"] for wait in snapshot.rows("waiting_locks")}
    yield Match(
        severity="critical" if percent >= limits["used_critical"] else "warning",
        title=f"{row['used']} of {usable} usable connection slots are taken ({percent:.0f} %)",
        summary=f"max_connections is {row['max_connections']}, {row['reserved']} of them reserved. "
        f"{row['idle']} idle, {row['idle_in_transaction']} idle in transaction, {row['active']} active. "
        f"Most are {group}: {len(members)}. A pooler or a leak in that application is the place to look; "
        "raising max_connections needs a restart.",
        identity={"setting": "max_connections"},
        facts={
            "used": row["used"],
            "usable": usable,
            "percent": round(percent, 1),
            "lock_waiters": len(waiting),
            "without_lock_waiters_percent": round(100 * (row["used"] - len(waiting)) / usable, 1),
            "relieved_below_percent": limits["used_warning"],
            "largest_group": group,
        },
        evidence=("connections", "sessions"),
        remedies=_end_oldest_idle(members, snapshot.row("server")),
    )


def _largest_group(snapshot: Snapshot) -> tuple[str, list[Row]]:
    """The application and user with most client sessions, in words, and those sessions."""
    clients = [row for row in snapshot.rows("sessions") if row["type"] == "client backend" and not ours(row)]
    if not clients:
        return "hidden from this login", []
    (application, user), _ = Counter((row["application"], row["user"]) for row in clients).most_common(1)[0]
    members = [row for row in clients if (row["application"], row["user"]) == (application, user)]
    return f"sessions of {application or 'an unnamed application'} as user {user}", members


def _end_oldest_idle(members: list[Row], server: Row | None) -> tuple[Remedy, ...]:
    idle = [row for row in members if row["state"] == "idle"]
    oldest = max(idle, key=lambda row: row["state_s"], default=None)
    why = "Frees one slot: the session of the largest group that is idle for longest."
    return end_session(oldest, why, server)


def refused_for_slots(row: Row) -> Match:
    return refusal("conn.exhaustion", row, "No connection slot is free for this login")


def waits_behind(mine: Mapping[str, Any], tree: Mapping[str, Any]) -> bool:
    return mine["pid"] == tree["pid"] or mine["pid"] in tree["waiters"]


def waits_in_queue(mine: Mapping[str, Any], queue: Mapping[str, Any]) -> bool:
    return mine["pid"] in queue["waiters"]


def filled_by_waiters(slots: Mapping[str, Any], tree: Mapping[str, Any]) -> bool:
    """Without those who wait for locks there would be no shortage."""
    relieved = slots.get("without_lock_waiters_percent", 100.0) < slots.get("relieved_below_percent", 0.0)
    return bool(relieved and 2 * len(tree["waiters"]) > slots["lock_waiters"])


CONDITIONS = (
    Condition(
        id="session.idle_in_transaction",
        title="Idle in transaction",
        severity="critical",
        meaning="A client opened a transaction and went quiet. It keeps its locks and may keep VACUUM from "
        "removing dead rows. pg_cancel_backend has no effect on it.",
        needs=("sessions",),
        wants=("waiting_locks", "locks_held", "horizon", "tables_to_vacuum"),
        thresholds={
            "idle_warning": Threshold(
                60, "s", "incident default; published: pganalyze 1800 s, pgFirstAid 300 s"
            ),
            "idle_critical": Threshold(3600, "s", "pganalyze connections/idle_transaction, critical"),
            "stalled": Threshold(
                0.5, "s", "own measurement: under pgbench no session that blocks others idles this long"
            ),
            "horizon_idle": Threshold(
                5, "s", "own choice: long enough that it isn't the pause between two statements"
            ),
        },
        find=idle_transactions,
        look_again=blocks_since_just_now,
        causes=(
            Cause("lock.blocking_tree", lambda mine, tree: mine["pid"] == tree["pid"]),
            Cause("lock.advisory_stuck", lambda mine, stuck: mine["pid"] == stuck["pid"]),
        ),
        absent="no session idles in a transaction for long",
        remedies=("terminate_session",),
        grants=SEE_SESSIONS,
        blind=hidden_sessions,
    ),
    Condition(
        id="session.long_query",
        title="Long-running query",
        severity="critical",
        meaning="A client's statement runs for longer than statements here should. It may wait, or work on "
        "too much; cancelling it is enough.",
        needs=("sessions",),
        thresholds={
            "run_warning": Threshold(300, "s", "pgFirstAid 5 min; check_postgres query_time critical 5 min"),
            "run_critical": Threshold(3600, "s", "pganalyze connections/active_query, critical"),
        },
        find=long_queries,
        causes=(
            Cause("lock.blocking_tree", waits_behind),
            Cause("lock.blocked_by_prepared", waits_in_queue),
            Cause("lock.ddl_queue", waits_behind),
            Cause("lock.advisory_stuck", waits_in_queue),
        ),
        absent="no statement runs for long",
        remedies=("cancel_session",),
        grants=SEE_SESSIONS,
        blind=hidden_sessions,
    ),
    Condition(
        id="conn.exhaustion",
        title="Connection slots exhausted",
        severity="critical",
        meaning="New clients are refused once max_connections, less the reserved slots, are taken.",
        needs=("connections",),
        wants=("sessions", "waiting_locks"),
        thresholds={
            "used_warning": Threshold(85, "percent", "fresha/pgdoctor connection-health, critical at 85 %"),
            "used_critical": Threshold(95, "percent", "check_postgres backends, critical"),
        },
        find=connection_slots,
        refused=refused_for_slots,
        causes=(
            Cause("lock.blocking_tree", filled_by_waiters),
            Cause("lock.ddl_queue", filled_by_waiters),
            Cause("lock.blocked_by_prepared", filled_by_waiters),
            Cause("lock.advisory_stuck", filled_by_waiters),
        ),
        rivals=("conn.churn", "conn.role_db_limit", "session.idle_in_transaction"),
        absent="connection slots are free",
        remedies=("terminate_session",),
        grants=SEE_SESSIONS,
    ),
)
