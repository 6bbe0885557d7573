"""Advisory locks that an idle session sits on."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.catalogue.locks import WAIT_THRESHOLDS, lock_tree, sessions_by_pid, wait_severity
from agents.database.condition import Condition, Limits, Match
from agents.database.session_rules import end_session, ours, why_not_offered
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, pids, plural, sentence, who

IDLE = ("idle", "idle in transaction", "idle in transaction (aborted)")


def stuck_advisory_locks(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("advisory_locks"):
        session = sessions_by_pid(snapshot).get(row["holder"])
        if session is None or session["state"] not in IDLE or ours(session):
            continue
        yield _stuck(snapshot, row, session, limits)


def _stuck(snapshot: Snapshot, row: Row, session: Row, limits: Limits) -> Match:
    tree = lock_tree(snapshot)
    behind = tuple(dict.fromkeys((*row["waiters"], *tree.waiters(row["holder"]))))
    server = snapshot.row("server")
    refused = why_not_offered(session, server)
    why = "Ends the session and lets go of its advisory locks; cancelling has no effect on an idle session."
    return Match(
        severity=wait_severity(row["longest_wait_s"], len(behind), row["state_s"] or 0.0, limits),
        title=f"{plural(len(behind), 'session')} wait for an advisory lock of idle {who(session, row['holder'])}",
        summary=f"{sentence(who(session, row['holder']))} is {session['state']} for {duration(session['state_s'])} "
        f"and holds the advisory lock {row['key']}; {plural(len(behind), 'session')} ({pids(behind)}) wait, the "
        f"longest for {duration(row['longest_wait_s'])}. A session-level advisory lock outlives its transaction: "
        "look for a missing unlock, or a pooler that hands the session on."
        + (f" It isn't offered for ending: {refused}." if refused else ""),
        identity={"pid": row["holder"], "backend_start": session["backend_start"], "key": row["key"]},
        facts={
            "waiters": list(behind),
            "direct_waiters": list(row["waiters"]),
            "state": session["state"],
            "idle_s": session["state_s"],
            "database": row["database"],
            "user": session["user"],
            "application": session["application"],
        },
        evidence=("advisory_locks", "sessions"),
        remedies=end_session(session, why, server),
    )


CONDITIONS = (
    Condition(
        id="lock.advisory_stuck",
        title="Advisory lock held by an idle session blocks others",
        severity="critical",
        meaning="A session took an advisory lock, finished its work and kept the lock, which a rollback doesn't "
        "release at session level. Everybody who wants the same key waits until the session ends.",
        needs=("advisory_locks", "sessions"),
        wants=("waiting_locks",),
        thresholds=WAIT_THRESHOLDS,
        find=stuck_advisory_locks,
        remedies=("terminate_session",),
        rivals=("lock.blocked_by_prepared", "lock.ddl_queue"),
        absent="nobody waits for an advisory lock of an idle session",
        grants=("GRANT pg_monitor TO {role}",),
    ),
)
