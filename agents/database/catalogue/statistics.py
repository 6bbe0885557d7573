"""What the planner believes of a table, and how the table is read and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.rates import Change
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, size
from agents.kernel.records import Remedy

LARGEST = 20
OFF = ("autovacuum", "track_counts")


def stale_statistics(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    rows = [row for row in snapshot.rows("tables_to_analyze") if _is_stale(row, limits)]
    found = (_stale(snapshot, row, limits) for row in rows)
    yield from [match for match in found if match is not None][:LARGEST]


def _is_stale(row: Row, limits: Limits) -> bool:
    filled = row["live_rows"] >= limits["rows"] or row["planner_rows"] >= limits["rows"]
    return bool(filled or (row["never_analyzed"] and row["bytes"] >= limits["bytes"]))


def _stale(snapshot: Snapshot, row: Row, limits: Limits) -> Match | None:
    """Warning where the table is large and nobody will analyze it by himself; None where autovacuum is about to."""
    relation, large, left_alone = (
        row["relation"],
        row["bytes"] >= limits["bytes"],
        _left_alone(snapshot, row, limits),
    )
    if not large and not left_alone:
        return None
    when = (
        "was never analyzed"
        if row["never_analyzed"]
        else f"was last analyzed {duration(row['since_analyze_s'])} ago"
    )
    soon = "" if left_alone else " Autovacuum should analyze it within autovacuum_naptime."
    remedy = Remedy(
        "analyze_table",
        {"relation": relation},
        "write",
        "Reads a sample of the table and renews its statistics; reads and writes go on.",
        "not reversible: the statistics from before are gone; no row changes",
    )
    return Match(
        severity="warning" if large and left_alone else "info",
        title=f"Planner statistics of {relation} are {'missing' if row['never_analyzed'] else 'stale'}",
        summary=f"{relation} ({size(row['bytes'])}) {when}; {row['modified_rows']} rows changed since, an automatic ANALYZE "
        f"starts at {row['trigger_rows']}. The planner counts on {max(row['planner_rows'], 0)} rows.{soon}",
        identity={"relation": relation},
        facts={
            key: row[key]
            for key in ("bytes", "modified_rows", "trigger_rows", "never_analyzed", "since_analyze_s")
        },
        evidence=("tables_to_analyze",),
        remedies=(remedy,),
    )


def _left_alone(snapshot: Snapshot, row: Row, limits: Limits) -> bool:
    """Autovacuum is off for it, or hasn't come for so many naptimes."""
    settings = {one["name"]: one["setting"] for one in snapshot.rows("settings")}
    if row["autovacuum_disabled"] or any(settings.get(name) == "off" for name in OFF):
        return True
    patience, server = (
        limits["naptimes"] * float(settings.get("autovacuum_naptime", 60)),
        snapshot.row("server"),
    )
    waited = row["since_analyze_s"] is not None and row["since_analyze_s"] > patience
    up = server is not None and server["uptime_s"] > patience
    return bool(up and waited and row["modified_rows"] >= limits["over_trigger"] * row["trigger_rows"])


def large_seqscans(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    scanned = [row for row in snapshot.rows("table_counters") if _scanned_in_full(row, limits)]
    change = snapshot.change("table_counters", "relation", counters=("seq_scans", "seq_rows"))
    for row in scanned[:LARGEST]:
        yield _scanned(row, _now(change, row["relation"]), limits)


def _scanned_in_full(row: Row, limits: Limits) -> bool:
    scans = row["seq_scans"]
    often = scans >= limits["scans"] and scans >= limits["ratio"] * row["index_scans"]
    whole = scans and row["seq_rows"] / scans >= limits["share"] / 100 * row["rows"]
    return bool(often and whole and row["rows"] >= limits["rows"])


def _now(change: Change | None, relation: str) -> tuple[float, float]:
    """Scans and rows per second between the samples."""
    rows = change.rows if change else ()
    for row in rows:
        if change and row["relation"] == relation:
            return change.per_second(row, "seq_scans"), change.per_second(row, "seq_rows")
    return 0.0, 0.0


def _scanned(row: Row, now: tuple[float, float], limits: Limits) -> Match:
    scans, rows = now
    going_on = (
        f" Right now {scans:.1f} such scans read {rows:.0f} rows a second." if scans else " None right now."
    )
    relation = row["relation"]
    return Match(
        severity="warning" if rows >= limits["rows_per_second"] else "info",
        title=f"{relation} is read in full again and again",
        summary=f"{row['seq_scans']} sequential scans of {relation} ({row['rows']} rows, {size(row['bytes'])}) against "
        f"{row['index_scans']} index scans, {row['seq_rows'] // row['seq_scans']} rows each.{going_on} Look at the plan of "
        "the statement that does it (top_statements, plan_of_statement): an index on its condition may be missing.",
        identity={"relation": relation},
        facts={
            **{key: row[key] for key in ("rows", "bytes", "seq_scans", "index_scans", "seq_rows")},
            "seq_scans_per_s": round(scans, 2),
            "seq_rows_per_s": round(rows),
        },
        evidence=("table_counters",),
    )


def low_hot(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    busy = [row for row in snapshot.rows("table_counters") if row["updates"] >= limits["updates"]]
    cold = [row for row in busy if row["hot_updates"] * 100 < limits["hot_percent"] * row["updates"]]
    for row in sorted(cold, key=lambda one: -one["updates"])[:LARGEST]:
        yield _cold(row)


def _cold(row: Row) -> Match:
    relation, hot = row["relation"], round(100 * row["hot_updates"] / row["updates"], 1)
    return Match(
        severity="info",
        title=f"Only {hot} % of the updates of {relation} are HOT",
        summary=f"{row['updates']} updates of {relation}, {row['hot_updates']} of them without touching an index: each other "
        "one writes to every index and leaves dead entries there. An index on a column that changes often, or pages "
        "without room (fillfactor 80 to 90 leaves some), is the reason.",
        identity={"relation": relation},
        facts={"updates": row["updates"], "hot_updates": row["hot_updates"], "hot_percent": hot},
        evidence=("table_counters",),
    )


def same_table(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return "setting" in other or mine["relation"] == other.get("relation")


CONDITIONS = (
    Condition(
        id="stats.stale",
        title="Stale or missing planner statistics",
        severity="warning",
        meaning="The planner works with figures from before the data changed, or with none, and picks plans that are "
        "wrong by orders of magnitude. After pg_upgrade to 17 or older all statistics are gone.",
        needs=("tables_to_analyze",),
        wants=("settings", "server"),
        thresholds={
            "rows": Threshold(1000, "rows", "own choice: below that any plan is fast"),
            "bytes": Threshold(
                10 << 20,
                "bytes",
                "measured under pgbench: smaller hot tables pass the trigger between two naptimes",
            ),
            "naptimes": Threshold(2, "count", "measured under pgbench: two autovacuum_naptime"),
            "over_trigger": Threshold(
                2, "ratio", "own choice: twice what starts an automatic ANALYZE, and nobody came"
            ),
        },
        find=stale_statistics,
        absent="planner statistics are fresh",
        causes=(Cause("vacuum.disabled_table", same_table),),
        remedies=("analyze_table",),
    ),
    Condition(
        id="table.seqscan_large",
        title="Sequential scans on a large table",
        severity="warning",
        meaning="Statements read a whole large table where an index would give them a few rows. Scans in the past are "
        "an info; a warning says that it goes on right now.",
        rates=("table_counters",),
        thresholds={
            "rows": Threshold(10_000, "rows", "fresha/pgdoctor table-seq-scans: from 10 000 rows"),
            "ratio": Threshold(10, "ratio", "fresha/pgdoctor table-seq-scans: sequential to index scans"),
            "scans": Threshold(50, "count", "own choice: a dump and a few reports don't make a habit"),
            "share": Threshold(50, "percent", "own choice: a LIMIT that stops early is no full scan"),
            "rows_per_second": Threshold(
                10_000, "rows", "own choice: the smallest table that counts, once a second"
            ),
        },
        find=large_seqscans,
        rivals=("stats.stale",),
        absent="no large table is read in full over and over",
    ),
    Condition(
        id="table.low_hot",
        title="Low HOT-update ratio",
        severity="info",
        meaning="Most updates of a busy table write to all its indexes, which makes them grow and slow.",
        rates=("table_counters",),
        thresholds={
            "updates": Threshold(1_000_000, "count", "fresha/pgdoctor table-activity"),
            "hot_percent": Threshold(50, "percent", "fresha/pgdoctor table-activity"),
        },
        find=low_hot,
    ),
)
