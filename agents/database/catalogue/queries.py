"""Statements that take the time, vary, got slower, or spill, as pg_stat_statements counts them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agents.database.condition import Condition, Limits, Match, Threshold
from agents.database.rates import Change, RowChange
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, size
from inventory.masking import inert_line, mask

LARGEST = 10
SHOWN = 120
"""Characters of a statement in a summary."""
STATEMENTS = "statement_counters"
KEYS = ("query_id", "user", "toplevel")
COUNTERS = ("calls", "total_ms", "blks_hit", "blks_read", "temp_bytes")
EXTENSION = "pg_stat_statements"
MONITOR = "GRANT pg_monitor TO {role}"
PERCENT = 100


def _seen(snapshot: Snapshot) -> list[Row]:
    return [row for row in snapshot.rows(STATEMENTS) if not row["hidden"] and row["calls"]]


def _identity(row: Row) -> dict[str, Any]:
    return {"query_id": row["query_id"], "user": row["user"]}


def _text(row: Row) -> str:
    return inert_line(mask(str(row["query"])))[:SHOWN]


def _ms(milliseconds: float) -> str:
    return duration(milliseconds / 1000) if milliseconds >= 1000 else f"{milliseconds:.1f} ms"


def hidden_statements(snapshot: Snapshot) -> str:
    """How many statements this login may not see."""
    hidden = sum(1 for row in snapshot.rows(STATEMENTS) if row["hidden"])
    return f"{plural(hidden, 'statement')} of other users hidden from this login" if hidden else ""


def top_statements(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change(STATEMENTS, *KEYS, counters=COUNTERS)
    for row in _seen(snapshot):
        slow = row["mean_ms"] >= limits["mean"] * 1000 and row["calls"] >= limits["calls"]
        if slow and (row["share_percent"] or 0) >= limits["share"]:
            yield _top(row, change)


def _top(row: Row, change: Change | None) -> Match:
    pages = (row["blks_hit"] + row["blks_read"]) / row["calls"]
    return Match(
        severity="info",
        title=f"One statement takes {row['share_percent']} % of all time: {_text(row)}",
        summary=f"{plural(row['calls'], 'call')} of {row['user']}, {_ms(row['mean_ms'])} on average (at most "
        f"{_ms(row['max_ms'])}), {pages:.0f} pages and {row['rows'] / row['calls']:.1f} rows a call, since "
        f"{row['stats_reset']}.{_lately(row, change)} See its plan: plan_of_statement.",
        identity=_identity(row),
        facts={key: row[key] for key in ("calls", "total_ms", "mean_ms", "share_percent", "query")},
        evidence=(STATEMENTS,),
    )


def _lately(row: Row, change: Change | None) -> str:
    for now in change.rows if change else ():
        if change and all(now[key] == row[key] for key in KEYS):
            return f" In the last {change.seconds:.1f} s: {now.delta('calls'):.0f} calls, {_ms(now.delta('total_ms'))}."
    return ""


def jittery_statements(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    rows = [row for row in _seen(snapshot) if row["calls"] >= limits["calls"] and row["mean_ms"] > 0]
    for row in rows:
        heavy = row["mean_ms"] >= limits["mean"] * 1000 or (row["share_percent"] or 0) >= limits["share"]
        if heavy and row["stddev_ms"] > limits["variation"] * row["mean_ms"]:
            yield _jittery(row)


def _jittery(row: Row) -> Match:
    variation = row["stddev_ms"] / row["mean_ms"]
    return Match(
        severity="info",
        title=f"The run time of one statement varies {variation:.1f} times its mean: {_text(row)}",
        summary=f"{plural(row['calls'], 'call')}: {_ms(row['min_ms'])} to {_ms(row['max_ms'])}, {_ms(row['mean_ms'])} on "
        f"average, standard deviation {_ms(row['stddev_ms'])}. Waits for locks, a cold cache, or parameters for which one "
        "plan doesn't fit all: compare the plans of fast and slow values.",
        identity=_identity(row),
        facts={
            key: row[key] for key in ("calls", "mean_ms", "stddev_ms", "max_ms", "share_percent", "query")
        },
        evidence=(STATEMENTS,),
    )


def flipped_plans(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change(STATEMENTS, *KEYS, counters=COUNTERS)
    for row in change.rows if change else ():
        if not row["hidden"] and _flipped(row, limits):
            yield _flip(row, limits)


def _flipped(row: RowChange, limits: Limits) -> bool:
    before, calls = row.before["calls"], row.delta("calls")
    if before < limits["baseline_calls"] or calls < limits["calls"]:
        return False
    mean = row.delta("total_ms") / calls
    slower = mean > limits["times"] * row.before["total_ms"] / before
    pages, baseline = (row.delta("blks_hit") + row.delta("blks_read")) / calls, _pages(row.before)
    return bool(slower and mean >= limits["mean"] * 1000 and pages > limits["times"] * max(baseline, 1))


def _pages(row: Row) -> float:
    """Pages that a call touched, on average."""
    return float((row["blks_hit"] + row["blks_read"]) / row["calls"])


def _flip(row: RowChange, limits: Limits) -> Match:
    calls = row.delta("calls")
    mean, baseline = row.delta("total_ms") / calls, row.before["total_ms"] / row.before["calls"]
    pages, usual = (row.delta("blks_hit") + row.delta("blks_read")) / calls, _pages(row.before)
    return Match(
        severity="warning",
        title=f"One statement got {mean / max(baseline, 0.001):.0f} times slower: {_text(row)}",
        summary=f"Just now {calls:.0f} calls took {_ms(mean)} and {pages:.0f} pages each, where {row.before['calls']} calls "
        f"before took {_ms(baseline)} and {usual:.0f} pages: another plan. An index is gone or not used any more, or "
        "statistics are stale: look at its plan (plan_of_statement).",
        identity=_identity(row),
        facts={
            "mean_ms": round(mean, 2),
            "baseline_ms": round(baseline, 2),
            "pages": round(pages),
            "baseline_pages": round(usual),
            "query": row["query"],
        },
        evidence=(STATEMENTS,),
    )


def spilling(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("database_counters", "database", counters=("temp_bytes",))
    for row in change.rows if change else ():
        hourly = change.per_second(row, "temp_bytes") * 3600 if change else 0
        if row["own"] and hourly >= limits["hourly_bytes"] and row.delta("temp_bytes") >= limits["bytes"]:
            yield _spilling_now(snapshot, row, hourly)
    for one in _seen(snapshot):
        if one["temp_bytes"] / one["calls"] >= limits["call_bytes"]:
            yield _spiller(one)


def _spilling_now(snapshot: Snapshot, row: RowChange, hourly: float) -> Match:
    spillers = sorted(_seen(snapshot), key=lambda one: -one["temp_bytes"])[:1]
    most = f" Most so far: {_text(spillers[0])}." if spillers and spillers[0]["temp_bytes"] else ""
    return Match(
        severity="warning",
        title=f"Statements in {row['database']} spill to temporary files: {size(hourly)} an hour",
        summary=f"{size(row.delta('temp_bytes'))} of temporary files were written just now: sorts and hashes don't fit into "
        f"work_mem.{most} Raise work_mem for that role or transaction only (each node of each session may use it), or "
        "give the sort an index.",
        identity={"database": row["database"]},
        facts={
            "bytes_per_hour": round(hourly),
            "temp_bytes": row["temp_bytes"],
            "temp_files": row["temp_files"],
        },
        evidence=("database_counters", *((STATEMENTS,) if most else ())),
    )


def _spiller(row: Row) -> Match:
    each = row["temp_bytes"] / row["calls"]
    return Match(
        severity="info",
        title=f"One statement spills {size(each)} to temporary files in each call: {_text(row)}",
        summary=f"{plural(row['calls'], 'call')} of {row['user']} wrote {size(row['temp_bytes'])} of temporary files: its "
        "sorts and hashes don't fit into work_mem. Set work_mem for its transaction or role only, or give the sort an index.",
        identity=_identity(row),
        facts={key: row[key] for key in ("calls", "temp_bytes", "mean_ms", "query")},
        evidence=(STATEMENTS,),
    )


def unavailable(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    row = snapshot.row("statement_statistics")
    if row is None:
        return
    if row["installed_version"] and row["preloaded"] is not False:
        yield from _evicting(snapshot, row, limits)
        return
    todo = []
    if row["available_version"] is None:
        todo.append("install the server's contrib package")
    if not row["preloaded"]:
        todo.append(f"add {EXTENSION} to shared_preload_libraries and restart")
    if not row["installed_version"]:
        todo.append(f"CREATE EXTENSION {EXTENSION} in this database")
    yield Match(
        severity="info",
        title=f"{EXTENSION} is not available: no statement is counted",
        summary=f"Which statements take the time can't be told without it. To have it: {', then '.join(todo)}.",
        identity={"extension": EXTENSION},
        facts={key: row[key] for key in ("available_version", "installed_version", "preloaded")},
        evidence=("statement_statistics",),
    )


def _evicting(snapshot: Snapshot, row: Row, limits: Limits) -> Iterator[Match]:
    counted = snapshot.row("statement_evictions")
    if counted is None or not counted["counted_s"]:
        return
    hourly = 3600 * counted["evictions"] / float(counted["counted_s"])
    if counted["evictions"] and hourly >= limits["evictions_per_hour"]:
        yield Match(
            severity="info",
            title=f"{EXTENSION} is too small: it threw out statements {plural(counted['evictions'], 'time')}",
            summary=f"More different statements run than its {row['max_statements']} entries hold, so rare ones are "
            f"forgotten. Raise {EXTENSION}.max (restart), or look for texts that differ in a literal only.",
            identity={"extension": EXTENSION},
            facts={"evictions": counted["evictions"], "max_statements": row["max_statements"]},
            evidence=("statement_evictions", "statement_statistics"),
        )


CALLS = Threshold(50, "count", "pganalyze queries/slowness: at least 50 calls")

CONDITIONS = (
    Condition(
        id="query.plan_flip",
        title="Plan flip / regression: same queryid, mean of the last interval ≫ baseline",
        severity="warning",
        meaning="A statement that was fast for long takes several times as long and touches several times as many pages "
        "just now: the planner chose another plan for it.",
        rates=(STATEMENTS,),
        thresholds={
            "times": Threshold(
                3, "ratio", "pg_profile, pganalyze: mean and pages of a call against those before"
            ),
            "baseline_calls": CALLS,
            "calls": Threshold(3, "count", "own choice: one slow call is chance"),
            "mean": Threshold(0.001, "s", "own choice: below a millisecond timing is noise"),
        },
        find=flipped_plans,
        rivals=("stats.stale", "index.invalid"),
        absent="no statement changed its plan",
        grants=(MONITOR,),
        extension=EXTENSION,
        blind=hidden_statements,
    ),
    Condition(
        id="query.temp_spill",
        title="Temp-file spills (work_mem)",
        severity="warning",
        meaning="Sorts and hashes that don't fit into work_mem write temporary files: slow, and they fill the disk.",
        rates=("database_counters",),
        wants=(STATEMENTS,),
        thresholds={
            "hourly_bytes": Threshold(1 << 30, "bytes", "pgBadger, pgFirstAid: 1 GB an hour"),
            "bytes": Threshold(100 << 20, "bytes", "own choice: less in one interval is a single report"),
            "call_bytes": Threshold(100 << 20, "bytes", "pgFirstAid: 100 MB in one call"),
        },
        find=spilling,
        absent="no statement spills to temporary files",
        grants=(MONITOR,),
    ),
    Condition(
        id="query.top_total",
        title="Top statements by total / mean time",
        severity="info",
        meaning="One statement takes a large part of all the time that statements take, and a call of it is slow: what "
        "is gained there is gained for all.",
        rates=(STATEMENTS,),
        thresholds={
            "mean": Threshold(0.05, "s", "pganalyze queries/slowness: 50 ms"),
            "calls": CALLS,
            "share": Threshold(25, "percent", "own choice: a quarter of all statement time"),
        },
        find=top_statements,
        grants=(MONITOR,),
        extension=EXTENSION,
        blind=hidden_statements,
    ),
    Condition(
        id="query.jitter",
        title="High run-time variance of one statement (parameter skew)",
        severity="info",
        meaning="The same statement is fast or slow by chance or by its parameters.",
        rates=(STATEMENTS,),
        thresholds={
            "variation": Threshold(
                2, "ratio", "pgFirstAid high runtime variance: standard deviation to mean"
            ),
            "calls": CALLS,
            "mean": Threshold(
                0.01, "s", "measured under pgbench: faster statements vary on any healthy server"
            ),
            "share": Threshold(5, "percent", "measured under pgbench: or it takes 5 % of all time"),
        },
        find=jittery_statements,
        grants=(MONITOR,),
        extension=EXTENSION,
        blind=hidden_statements,
    ),
    Condition(
        id="pgss.unavailable",
        title="pg_stat_statements missing or evicting",
        severity="info",
        meaning="Without pg_stat_statements nobody can tell which statements take the time; too small, it forgets.",
        needs=("statement_statistics",),
        wants=("statement_evictions",),
        thresholds={
            "evictions_per_hour": Threshold(
                1, "count", "pg_stat_statements documentation: dealloc should rarely grow"
            )
        },
        find=unavailable,
        grants=(MONITOR,),
    ),
)
