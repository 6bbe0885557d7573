"""How the database works as a whole: cache, parallel workers, rollbacks."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.rates import RowChange
from agents.database.snapshot import Snapshot
from agents.database.wording import duration, plural, size
from agents.kernel.records import Severity

PAGE = 8192


def low_hit(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("cache_counters", "scope", counters=("hits", "reads"))
    for row in change.rows if change else ():
        blocks = row.delta("hits") + row.delta("reads")
        percent = 100 * row.delta("hits") / blocks if blocks else 100.0
        if change and blocks >= limits["blocks"] and percent < limits["warning_percent"]:
            yield _low_hit(snapshot, row, percent, change.seconds, limits)


def _low_hit(snapshot: Snapshot, row: RowChange, percent: float, seconds: float, limits: Limits) -> Match:
    server = snapshot.row("server")
    cold = server is not None and server["uptime_s"] < limits["warm_up"]
    severity: Severity = "critical" if percent < limits["critical_percent"] else "warning"
    warming = (
        f" The server started {duration(server['uptime_s'])} ago: its cache may still be cold."
        if server and cold
        else ""
    )
    read = row.delta("reads") * PAGE / seconds
    return Match(
        severity="info" if cold else severity,
        title=f"Only {percent:.1f} % of the blocks came from the cache",
        summary=f"In {seconds:.1f} s {row['scope']} found {row.delta('hits'):.0f} blocks in shared buffers and read "
        f"{row.delta('reads'):.0f} ({size(read)} a second).{warming} First find the statement that reads so much "
        "(top_statements, table.seqscan_large); more shared_buffers (restart) help only where what is worked on is larger.",
        identity={"scope": row["scope"]},
        facts={
            "hit_percent": round(percent, 1),
            "hits": round(row.delta("hits")),
            "reads": round(row.delta("reads")),
        },
        evidence=("cache_counters",),
    )


def parallel_exhausted(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    counted = _launched_too_few(snapshot, limits)
    if counted is not None:
        yield counted
        return
    change = snapshot.change("parallel_workers", "max_parallel_workers")
    for row in change.rows if change else ():
        most = row["max_parallel_workers"]
        if most and row["running"] >= most:
            yield _all_busy(row, lasting=row.before["running"] >= most)


def _launched_too_few(snapshot: Snapshot, limits: Limits) -> Match | None:
    """PostgreSQL 18 counts what was planned and what was launched."""
    change = snapshot.change(
        "database_counters", "database", counters=("parallel_to_launch", "parallel_launched")
    )
    rows = change.rows if change else ()
    wanted = sum(row.delta("parallel_to_launch") for row in rows)
    got = sum(row.delta("parallel_launched") for row in rows)
    if wanted < limits["workers"] or 100 * got >= limits["launched_percent"] * wanted:
        return None
    return Match(
        severity="warning",
        title=f"Only {got:.0f} of {wanted:.0f} planned parallel workers were launched",
        summary="The plans count on workers that are not there, so the statements take longer than planned. Raise "
        "max_parallel_workers (reload) within max_worker_processes (restart), or lower max_parallel_workers_per_gather.",
        identity={"setting": "max_parallel_workers"},
        facts={"planned": round(wanted), "launched": round(got)},
        evidence=("database_counters", "parallel_workers"),
    )


def _all_busy(row: RowChange, *, lasting: bool) -> Match:
    most = row["max_parallel_workers"]
    return Match(
        severity="warning" if lasting else "info",
        title=f"All {plural(most, 'parallel worker')} are busy",
        summary=f"{row['running']} of {most} (max_parallel_workers) work for {plural(row['leaders'], 'statement')}; others run "
        "without the workers that they were planned with. Raise max_parallel_workers (reload) within "
        f"max_worker_processes = {row['max_worker_processes']} (restart), or lower max_parallel_workers_per_gather = "
        f"{row['max_per_gather']}.",
        identity={"setting": "max_parallel_workers"},
        facts={"running": row["running"], "limit": most, "leaders": row["leaders"]},
        evidence=("parallel_workers",),
    )


def rolling_back(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("database_counters", "database", counters=("commits", "rollbacks"))
    for row in change.rows if change else ():
        total = row.delta("commits") + row.delta("rollbacks")
        percent = 100 * row.delta("rollbacks") / total if total else 0.0
        if change and row["own"] and total >= limits["transactions"] and percent > limits["percent"]:
            yield _rolling_back(row, percent, total, change.seconds)


def _rolling_back(row: RowChange, percent: float, total: float, seconds: float) -> Match:
    return Match(
        severity="warning",
        title=f"{percent:.0f} % of the transactions in {row['database']} are rolled back",
        summary=f"{row.delta('rollbacks'):.0f} of {total:.0f} transactions in {seconds:.1f} s ended in a rollback: errors of the "
        "application, deadlocks, serialization failures or timeouts. The log tells which, by SQLSTATE.",
        identity={"database": row["database"]},
        facts={
            "percent": round(percent, 1),
            "rollbacks": round(row.delta("rollbacks")),
            "transactions": round(total),
        },
        evidence=("database_counters",),
    )


CONDITIONS = (
    Condition(
        id="cache.low_hit",
        title="Low buffer-cache hit ratio (delta)",
        severity="critical",
        meaning="Many blocks had to be read instead of being found in shared buffers. The ring buffers of large scans are "
        "left out where the server tells them apart (16 and later).",
        rates=("cache_counters",),
        wants=("server",),
        thresholds={
            "warning_percent": Threshold(95, "percent", "fresha/pgdoctor cache-efficiency, postgres-mcp"),
            "critical_percent": Threshold(90, "percent", "fresha/pgdoctor cache-efficiency"),
            "blocks": Threshold(10_000, "count", "condition guard: fewer blocks in an interval say nothing"),
            "warm_up": Threshold(600, "s", "own choice: a cache is cold for its first ten minutes"),
        },
        find=low_hit,
        causes=(Cause("table.seqscan_large", lambda _, other: other["seq_scans_per_s"] > 0),),
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="parallel.exhausted",
        title="Parallel workers exhausted (planned > launched)",
        severity="warning",
        meaning="Statements were planned with more parallel workers than there are, and run with fewer. Counted since 18; "
        "before, a full house in both samples tells.",
        rates=("parallel_workers", "database_counters"),
        thresholds={
            "launched_percent": Threshold(
                90, "percent", "PostgreSQL 18 pg_stat_database: launched to planned"
            ),
            "workers": Threshold(10, "count", "own choice: fewer in an interval are chance"),
        },
        find=parallel_exhausted,
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="xact.rollback_ratio",
        title="High rollback ratio",
        severity="warning",
        meaning="Much of the work is thrown away: the application runs into errors, or two of its parts into each other.",
        rates=("database_counters",),
        thresholds={
            "percent": Threshold(5, "percent", "check_postgres commitratio"),
            "transactions": Threshold(
                100, "count", "own choice: a few rollbacks in a quiet moment say nothing"
            ),
        },
        find=rolling_back,
        rivals=("lock.deadlocks",),
    ),
)
