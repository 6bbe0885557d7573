"""Statements of which the planner expects far more or fewer rows than they return."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import plural
from agents.kernel.records import Remedy
from inventory.masking import inert_line, mask

SHOWN = 120
"""Characters of a statement in a title."""
ESTIMATES = "row_estimates"
DENIED = "permission denied"


def bad_estimates(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows(ESTIMATES):
        many = max(row["rows_per_call"], row["planned_rows"] or 0) >= limits["rows"]
        if row["ratio"] is not None and row["ratio"] >= limits["ratio"] and many:
            yield _bad(row)


def _bad(row: Row) -> Match:
    tables = ", ".join(row["relations"])
    more = "fewer" if row["planned_rows"] < row["rows_per_call"] else "more"
    return Match(
        severity="warning",
        title=f"The planner expects {row['ratio']:.0f} times {more} rows than come: {inert_line(mask(row['query']))[:SHOWN]}",
        summary=f"{row['planned_rows']} rows planned ({row['node']} on {tables}), {row['rows_per_call']} returned on average by "
        f"{plural(row['calls'], 'call')}; {row['condition'] or 'no condition'}. Stale statistics, or columns that depend on "
        "each other: ANALYZE, then CREATE STATISTICS (dependencies, mcv) on the columns that are compared together, and "
        "ANALYZE again.",
        identity={"query_id": row["query_id"], "user": row["user"]},
        facts={
            key: row[key]
            for key in ("relations", "planned_rows", "rows_per_call", "ratio", "condition", "query")
        },
        evidence=(ESTIMATES,),
        remedies=tuple(map(_analyze, row["relations"])) if len(row["relations"]) == 1 else (),
    )


def _analyze(relation: str) -> Remedy:
    why = "Renews its statistics, also those of CREATE STATISTICS; reads and writes go on."
    return Remedy(
        "analyze_table",
        {"relation": relation},
        "write",
        why,
        "not reversible: the statistics from before are gone; no row changes",
    )


def denied_plans(snapshot: Snapshot) -> str:
    """How many statements this login may not plan."""
    denied = [row for row in snapshot.rows(ESTIMATES) if row["error"] and DENIED in row["error"]]
    return f"{plural(len(denied), 'statement')} read tables that this login may not read" if denied else ""


CONDITIONS = (
    Condition(
        id="plan.bad_estimate",
        title="Row mis-estimate (correlated columns)",
        severity="warning",
        meaning="The planner picks joins and scans by how many rows it expects; where that is wrong by a factor of ten, "
        "the plan is made for other data. Found by planning the top statements without running them.",
        needs=(ESTIMATES,),
        thresholds={
            "ratio": Threshold(
                10, "ratio", "PostgreSQL documentation 14.2; practice: from a factor of ten plans go wrong"
            ),
            "rows": Threshold(100, "rows", "own choice: between few rows and fewer any plan is fast"),
        },
        find=bad_estimates,
        causes=(Cause("stats.stale", lambda mine, other: other["relation"] in mine["relations"]),),
        remedies=("analyze_table",),
        grants=("GRANT pg_read_all_data TO {role}",),
        extension="pg_stat_statements",
        on_request=True,
        blind=denied_plans,
    ),
)
