"""Work that nobody commits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.database.catalogue.locks import hidden_sessions, worst_first
from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.session_rules import end_session, idle_in_transaction, ours, why_not_offered
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, sentence, who

WRITES = ("RowExclusiveLock ", "ShareRowExclusiveLock ", "ExclusiveLock ", "AccessExclusiveLock ")


def uncommitted_writes(snapshot: Snapshot, limits: Limits) -> Iterable[Match]:
    return worst_first(_uncommitted_writes(snapshot, limits))


def _uncommitted_writes(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    held = {row["pid"]: row for row in snapshot.rows("locks_held")}
    for session in snapshot.rows("sessions"):
        if not idle_in_transaction(session) or not session["wrote"] or ours(session):
            continue
        if session["state_s"] >= limits["idle_warning"]:
            yield _uncommitted(snapshot, session, _written(held.get(session["pid"])), limits)


def _written(held: Row | None) -> list[str]:
    """Tables that the locks say may have been written to."""
    locks = held["locks"] or () if held else ()
    return sorted({lock.split(" ", 1)[1] for lock in locks if lock.startswith(WRITES)})


def _uncommitted(snapshot: Snapshot, session: Row, written: list[str], limits: Limits) -> Match:
    pid, server = session["pid"], snapshot.row("server")
    tables = f" to {', '.join(written)}" if written else ""
    refused = why_not_offered(session, server)
    return Match(
        severity="critical" if session["state_s"] >= limits["idle_critical"] else "warning",
        title=f"{sentence(who(session, pid))} has written{tables} and doesn't commit",
        summary=f"It is {session['state']} for {duration(session['state_s'])}; its transaction is open for "
        f"{duration(session['xact_s'])} and keeps {plural(session['horizon_age'] or 0, 'transaction')} from being "
        "cleaned up after. Ending it throws this work away: look first whose it is."
        + (f" It isn't offered for ending: {refused}." if refused else ""),
        identity={"pid": pid, "backend_start": session["backend_start"]},
        facts={
            "user": session["user"],
            "database": session["database"],
            "application": session["application"],
            "written": written,
            "idle_s": session["state_s"],
            "xact_s": session["xact_s"],
            "xid_age": session["horizon_age"],
        },
        evidence=("sessions", "locks_held"),
        remedies=end_session(session, f"Rolls back what it wrote{tables}; that work is lost.", server),
    )


def same_session(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(mine["pid"] == other["pid"])


CONDITIONS = (
    Condition(
        id="session.uncommitted_write",
        title="Idle in transaction with uncommitted writes",
        severity="critical",
        meaning="A session has written and sits in its transaction: it holds row locks, keeps VACUUM from cleaning "
        "up, and ending it loses the work.",
        needs=("sessions",),
        wants=("locks_held",),
        thresholds={
            "idle_warning": Threshold(
                60, "s", "incident default; published: pganalyze 1800 s, pgFirstAid 300 s"
            ),
            "idle_critical": Threshold(3600, "s", "pganalyze connections/idle_transaction, critical"),
        },
        find=uncommitted_writes,
        causes=(
            Cause("lock.blocking_tree", same_session),
            Cause("session.idle_in_transaction", same_session),
        ),
        remedies=("terminate_session",),
        grants=("GRANT pg_monitor TO {role}",),
        blind=hidden_sessions,
    ),
)
