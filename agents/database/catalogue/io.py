"""Slow storage, and the small caches behind transactions that run over."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.rates import Change, RowChange
from agents.database.session_rules import end_session, ours
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, pids, plural, sentence, who
from agents.kernel.records import Severity

CACHED_SUBTRANSACTIONS = 64
FIRST_THAT_SHOWS_SESSIONS = 160000


def slow_reads(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("io_times", "scope", counters=("reads", "read_ms"))
    for row in change.rows if change else ():
        reads = row.delta("reads")
        if not row["timed"] or reads < limits["reads"]:
            continue
        per_read = row.delta("read_ms") / reads
        severity: Severity = "critical" if per_read >= 1000 * limits["read_critical"] else "warning"
        if per_read >= 1000 * limits["read_warning"]:
            yield Match(
                severity=severity,
                title=f"Storage takes {per_read:.1f} ms for a read ({row['scope']})",
                summary=f"{plural(int(reads), 'read')} between the two samples took {row.delta('read_ms'):.0f} ms. The "
                "volume is overloaded, throttled or failing, or a neighbour takes its share: look at it on the host.",
                identity={"scope": row["scope"]},
                facts={"ms_per_read": round(per_read, 3), "reads": reads},
                evidence=("io_times",),
            )


def not_timed(snapshot: Snapshot) -> str:
    row = snapshot.row("io_times")
    if row is None or row["timed"]:
        return ""
    return (
        "track_io_timing is off: the server doesn't measure how long reads take (set_setting switches it on)"
    )


def overflowed_sessions(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    sessions = {row["pid"]: row for row in snapshot.rows("sessions")}
    for row in snapshot.rows("subtransactions"):
        session = sessions.get(row["pid"])
        if row["overflowed"] and session is not None and (session["xact_s"] or 0) >= limits["xact_warning"]:
            yield _overflowed(snapshot, row, session)
    yield from _hinted(snapshot, sessions)


def _overflowed(snapshot: Snapshot, row: Row, session: Row) -> Match:
    pid = row["pid"]
    waiters = _waiting_for(snapshot, "subtrans")
    return Match(
        severity="warning",
        title=f"{sentence(who(session, pid))} has more subtransactions than fit the cache",
        summary=f"Its transaction, open for {duration(session['xact_s'])}, has overflowed the {CACHED_SUBTRANSACTIONS} "
        "subtransactions that are kept in shared memory: every other session must look them up in pg_subtrans"
        + (f", and {plural(len(waiters), 'session')} wait for it ({pids(waiters)})" if waiters else "")
        + ". They come from savepoints or EXCEPTION blocks in a loop: avoid those, and end long ones.",
        identity={"pid": pid, "backend_start": session["backend_start"]},
        facts={"subtransactions": row["subtransactions"], "xact_s": session["xact_s"], "waiters": waiters},
        evidence=("subtransactions", "sessions"),
        remedies=end_session(
            session, "Ends the transaction with its subtransactions.", snapshot.row("server")
        ),
    )


def _hinted(snapshot: Snapshot, sessions: dict[int, Row]) -> Iterator[Match]:
    """Before 16 the server doesn't show whose subtransactions they are: waits are the hint."""
    server, waiters = snapshot.row("server"), _waiting_for(snapshot, "subtrans")
    if server is None or server["version_num"] >= FIRST_THAT_SHOWS_SESSIONS or not waiters:
        return
    yield Match(
        severity="warning",
        title=f"{plural(len(waiters), 'session')} wait for the subtransaction cache",
        summary=f"Sessions {pids(waiters)} wait for pg_subtrans: some transaction has more than "
        f"{CACHED_SUBTRANSACTIONS} subtransactions. This version doesn't tell which; {_oldest_writer(sessions)}.",
        identity={"cache": "subtrans"},
        facts={"waiters": waiters},
        evidence=("sessions",),
    )


def _oldest_writer(sessions: dict[int, Row]) -> str:
    writers = [row for row in sessions.values() if row["wrote"] and row["xact_s"] is not None]
    if not writers:
        return "no session has an open transaction that wrote"
    oldest = max(writers, key=lambda row: float(row["xact_s"]))
    return f"the oldest that wrote is {who(oldest, oldest['pid'])}"


def crowded_caches(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("slru", "cache", counters=("hits", "reads"))
    for row in change.rows if change else ():
        rate = change.per_second(row, "reads") if change else 0.0
        if rate >= limits["reads_info"]:
            yield _crowded(snapshot, change, row, rate, limits)


def _crowded(snapshot: Snapshot, change: Change | None, row: RowChange, rate: float, limits: Limits) -> Match:
    cache = row["cache"]
    waiters = _waiting_for(snapshot, "subtrans" if cache.startswith("subtrans") else cache)
    urgent = bool(waiters) and rate >= limits["reads_warning"]
    return Match(
        severity="warning" if urgent else "info",
        title=f"The {cache} cache misses {rate:.0f} times a second",
        summary=f"{row.delta('reads'):.0f} misses and {row.delta('hits'):.0f} hits between the two samples"
        + (f"; {plural(len(waiters), 'session')} wait for it ({pids(waiters)})" if waiters else "")
        + ". Long transactions and subtransactions widen the range of ids that must be looked up; from 17 on a setting "
        f"such as {_buffers_setting(cache)} sizes the cache (restart).",
        identity={"cache": cache},
        facts={"reads_s": round(rate, 1), "waiters": waiters},
        evidence=("slru", "sessions"),
    )


def _buffers_setting(cache: str) -> str:
    return f"{cache}_buffers" if "_" in cache or cache.endswith("transaction") else "subtransaction_buffers"


def _waiting_for(snapshot: Snapshot, cache: str) -> list[int]:
    """Sessions whose wait event names the cache (`SubtransSLRU`, `SubtransBuffer`); spelling differs by version."""
    return [
        row["pid"]
        for row in snapshot.rows("sessions")
        if row["wait"] and not ours(row) and _is_wait_for(row["wait"].lower(), cache.replace("_", ""))
    ]


def _is_wait_for(event: str, cache: str) -> bool:
    return event.startswith(cache) and event.endswith(("slru", "buffer"))


CONDITIONS = (
    Condition(
        id="io.latency",
        title="Storage read latency",
        severity="critical",
        meaning="Reads of data files take longer than healthy storage needs. Needs track_io_timing.",
        rates=("io_times",),
        thresholds={
            "read_warning": Threshold(0.010, "s", "docs pg_stat_io, pgdoctor: 10 ms for a read on SSD"),
            "read_critical": Threshold(0.020, "s", "docs pg_stat_io, pgdoctor: 20 ms for a read on disks"),
            "reads": Threshold(50, "count", "own choice: reads between the samples, to mean anything"),
        },
        find=slow_reads,
        rivals=("checkpoint.too_frequent", "bgwriter.starved"),
        absent="the storage reads quickly",
        blind=not_timed,
    ),
    Condition(
        id="subxact.overflow",
        title="Subtransaction overflow (more than 64 in one transaction)",
        severity="warning",
        meaning="A transaction has more subtransactions than each session's 64 places in shared memory: all others "
        "must look them up, which can bring a busy server to a halt. Before 16 only waits hint at it.",
        needs=("sessions", "subtransactions"),
        wants=("server",),
        thresholds={
            "xact_warning": Threshold(5, "s", "PGPROC_MAX_CACHED_SUBXIDS = 64 for a transaction over 5 s"),
        },
        find=overflowed_sessions,
        absent="no transaction overflows the cache of subtransactions",
        remedies=("cancel_session", "terminate_session"),
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="slru.pressure",
        title="SLRU misses (subtransactions, multixacts, transaction status)",
        severity="warning",
        meaning="A small cache of transaction facts is read from disk again and again, and sessions queue for it.",
        rates=("slru",),
        needs=("sessions",),
        thresholds={
            "reads_info": Threshold(
                100, "count", "own choice: misses per second; a healthy server shows next to none"
            ),
            "reads_warning": Threshold(
                1000, "count", "own choice: misses per second, with sessions waiting for them"
            ),
        },
        find=crowded_caches,
        causes=(Cause("subxact.overflow", lambda own, _: own["cache"].startswith("subtrans")),),
    ),
)
