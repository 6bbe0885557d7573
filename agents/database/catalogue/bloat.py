"""Tables and indexes that are far larger than what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.catalogue.horizon import holder_facts, horizon_words, is_free
from agents.database.catalogue.vacuum import held_by_session, held_by_slot, held_by_standby
from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import plural, size
from agents.kernel.records import Remedy

GIB = 1 << 30
LARGEST = 20
SHRINK = (
    "Plain VACUUM makes the space reusable but does not give it back; pg_repack does, or VACUUM FULL off-hours "
    "(AccessExclusiveLock: nobody reads or writes meanwhile)."
)


def bloated_tables(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    rows = [row for row in snapshot.rows("bloat_estimates") if row["wasted_bytes"] is not None]
    wasteful = [
        row
        for row in rows
        if row["wasted_percent"] >= limits["wasted_percent"] and row["wasted_bytes"] >= limits["wasted_bytes"]
    ]
    for row in wasteful[:LARGEST]:
        yield _bloated(snapshot, row, limits)


def _bloated(snapshot: Snapshot, row: Row, limits: Limits) -> Match:
    relation = row["relation"]
    return Match(
        severity="critical" if row["wasted_bytes"] >= limits["critical_bytes"] else "warning",
        title=f"{relation} is bloated: about {size(row['wasted_bytes'])} of {size(row['bytes'])} wasted",
        summary=f"{row['rows']} rows of about {row['row_bytes']} bytes need {size(row['needed_bytes'])}; the table "
        f"has {size(row['bytes'])} ({row['wasted_percent']} % wasted by an estimate from pg_stats, {row['dead_rows']} "
        f"dead rows). {horizon_words(snapshot)} {SHRINK} To measure it: helpdesk triage --only bloat.table_exact.",
        identity={"relation": relation},
        facts={
            **{name: row[name] for name in ("bytes", "wasted_bytes", "wasted_percent", "dead_rows")},
            **holder_facts(snapshot),
        },
        evidence=("bloat_estimates", "horizon"),
        remedies=_vacuum(snapshot, row),
    )


def _vacuum(snapshot: Snapshot, row: Row) -> tuple[Remedy, ...]:
    """VACUUM, where there are dead rows that it can remove."""
    if not row["dead_rows"] or not is_free(snapshot):
        return ()
    why = (
        f"{horizon_words(snapshot)} Removes {plural(row['dead_rows'], 'dead row')}; the file keeps its size."
    )
    undo = "nothing to undo: VACUUM changes no data"
    return (Remedy("vacuum_table", {"relation": row["relation"]}, "write", why, undo),)


def hidden_statistics(snapshot: Snapshot) -> str:
    """Which of the large tables pg_stats shows nothing of, for lack of a privilege."""
    hidden = [row["relation"] for row in snapshot.rows("bloat_estimates") if row["hidden"]]
    if not hidden:
        return ""
    more = f" and {len(hidden) - 3} more" if len(hidden) > 3 else ""
    return f"pg_stats hides the columns of {', '.join(hidden[:3])}{more} from this login"


def measured_bloat(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("table_bloat_exact"):
        wasted = float(row["free_percent"] + row["dead_percent"])
        if wasted >= limits["wasted_percent"] and row["wasted_bytes"] >= limits["wasted_bytes"]:
            yield _measured(snapshot, row, wasted)


def _measured(snapshot: Snapshot, row: Row, wasted: float) -> Match:
    return Match(
        severity="warning",
        title=f"{row['relation']} is {wasted:.0f} % free or dead space",
        summary=f"pgstattuple_approx found {size(row['wasted_bytes'])} of {size(row['bytes'])} free "
        f"({row['free_percent']} %) or dead ({row['dead_percent']} %). {horizon_words(snapshot)} {SHRINK}",
        identity={"relation": row["relation"]},
        facts={
            **{name: row[name] for name in ("bytes", "wasted_bytes", "free_percent", "dead_percent")},
            **holder_facts(snapshot),
        },
        evidence=("table_bloat_exact", "horizon"),
    )


def sparse_indexes(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("index_density"):
        density = row["leaf_density"]
        if density is not None and density < limits["leaf_density"] and row["bytes"] >= limits["bytes"]:
            yield _sparse(snapshot, row)


def _sparse(snapshot: Snapshot, row: Row) -> Match:
    name = row["index"]
    why = (
        f"{horizon_words(snapshot)} Builds the index anew without blocking writes; needs up to {size(row['bytes'])} "
        "more disk while it runs."
    )
    undo = "nothing to undo: the index stays, built anew"
    remedy = Remedy("reindex_concurrently", {"index": name}, "write", why, undo)
    return Match(
        severity="warning",
        title=f"Index {name} on {row['relation']} is bloated: leaf pages {row['leaf_density']} % full",
        summary=f"{name} has {size(row['bytes'])}; its leaf pages are {row['leaf_density']} % full (a fresh index: 90 %), "
        f"{row['empty_pages']} pages are empty and {row['deleted_pages']} deleted. {horizon_words(snapshot)}",
        identity={"index": name},
        facts={
            **{column: row[column] for column in ("relation", "bytes", "leaf_density", "deleted_pages")},
            **holder_facts(snapshot),
        },
        evidence=("index_density", "horizon"),
        remedies=(remedy,) if is_free(snapshot) else (),
    )


def same_relation(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return "setting" in other or mine["relation"] == other.get("relation")


HOLDERS = (
    Cause("vacuum.xmin_backend", held_by_session),
    Cause("session.idle_in_transaction", held_by_session),
    Cause("session.long_query", held_by_session),
    Cause("vacuum.xmin_prepared", lambda mine, other: mine["held_by_gid"] == other["gid"]),
    Cause("vacuum.xmin_slot", held_by_slot),
    Cause("wal.slot_retention", held_by_slot),
    Cause("vacuum.xmin_standby", held_by_standby),
)
CAUSES = (
    Cause("vacuum.disabled_table", same_relation),
    Cause("vacuum.starvation", same_relation),
    *HOLDERS,
)
PERCENT = Threshold(20, "percent", "pgFirstAid: more than 20 % of a table wasted")
LEAST = Threshold(
    100 << 20, "bytes", "pgFirstAid, and measured under pgbench: less than 100 MB wasted is noise"
)

CONDITIONS = (
    Condition(
        id="bloat.table",
        title="Table bloat (cheap estimate from pg_stats)",
        severity="critical",
        meaning="The table's file is far larger than its rows need: every scan reads the empty space too, and the "
        "cache holds it. Most often autovacuum was off, too slow, or kept from removing dead rows.",
        needs=("bloat_estimates",),
        wants=("horizon",),
        thresholds={
            "wasted_percent": PERCENT,
            "wasted_bytes": LEAST,
            "critical_bytes": Threshold(5 * GIB, "bytes", "check_postgres bloat: 5 GB wasted is critical"),
        },
        find=bloated_tables,
        absent="no large table is bloated",
        causes=CAUSES,
        remedies=("vacuum_table",),
        grants=("GRANT pg_read_all_data TO {role}",),
        blind=hidden_statistics,
    ),
    Condition(
        id="bloat.table_exact",
        title="Table bloat (pgstattuple_approx)",
        severity="warning",
        meaning="Free and dead space of the 20 largest tables, measured page by page where the visibility map "
        "doesn't tell: it reads much, so it runs only when asked for.",
        needs=("table_bloat_exact",),
        wants=("horizon",),
        thresholds={
            "wasted_percent": Threshold(50, "percent", "pgstattuple documentation: half free or dead"),
            "wasted_bytes": LEAST,
        },
        find=measured_bloat,
        causes=CAUSES,
        grants=("GRANT pg_stat_scan_tables TO {role}",),
        extension="pgstattuple",
        on_request=True,
    ),
    Condition(
        id="bloat.index",
        title="Index bloat (B-tree leaf density)",
        severity="warning",
        meaning="The leaf pages of a B-tree are half empty after deletes or updates of its columns: scans read twice "
        "as many pages. Measured by reading the 20 largest indexes, so it runs only when asked for.",
        needs=("index_density",),
        wants=("horizon",),
        thresholds={
            "leaf_density": Threshold(50, "percent", "fresha/pgdoctor: more than 50 % bloat"),
            "bytes": Threshold(100 << 20, "bytes", "postgres-mcp index_bloat: from 100 MB"),
        },
        find=sparse_indexes,
        causes=HOLDERS,
        remedies=("reindex_concurrently",),
        grants=("GRANT pg_stat_scan_tables TO {role}",),
        extension="pgstattuple",
        on_request=True,
    ),
)
