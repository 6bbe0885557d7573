"""Autovacuum that has no hand free."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Condition, Limits, Match, Threshold
from agents.database.snapshot import Snapshot
from agents.database.wording import duration, plural


def saturated(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    workers = snapshot.rows("autovacuum_workers")
    if not workers or len(workers) < workers[0]["max_workers"]:
        return
    shortest = min(row["running_s"] for row in workers)
    if shortest < limits["running"]:
        return
    tables = [f"{row['relation'] or row['database']} for {duration(row['running_s'])}" for row in workers]
    dozing = sum(1 for row in workers if (row["wait"] or "").lower() == "vacuumdelay")
    yield Match(
        severity="warning",
        title=f"All {plural(len(workers), 'autovacuum worker')} are busy for {duration(shortest)} and more",
        summary=f"They work on {'; '.join(tables[:5])}. {dozing} of them sleep on purpose (cost delay). Tables that "
        "need a vacuum meanwhile wait: raise autovacuum_vacuum_cost_limit or lower autovacuum_vacuum_cost_delay "
        "(reload); more autovacuum_max_workers alone share the same budget.",
        identity={"setting": "autovacuum_max_workers"},
        facts={
            "workers": [row["pid"] for row in workers],
            "relations": [row["relation"] for row in workers if row["relation"]],
            "shortest_s": shortest,
            "dozing": dozing,
        },
        evidence=("autovacuum_workers",),
    )


CONDITIONS = (
    Condition(
        id="vacuum.workers_saturated",
        title="All autovacuum workers busy",
        severity="warning",
        meaning="Every autovacuum worker is at work for a long time. Other tables wait for one, and grow.",
        needs=("autovacuum_workers",),
        thresholds={
            "running": Threshold(
                60,
                "s",
                "own choice: a whole default autovacuum_naptime without a free worker, in place of samples",
            )
        },
        find=saturated,
        absent="autovacuum has workers to spare",
        grants=("GRANT pg_monitor TO {role}",),
    ),
)
