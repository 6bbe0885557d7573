"""Indexes that nobody needs, and foreign keys that need one."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, size
from agents.kernel.records import Remedy

LARGEST = 20
DAY = 86400


def unused_indexes(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    unused = [row for row in snapshot.rows("unused_indexes") if _is_unused(row, limits)]
    for row in unused[:LARGEST]:
        yield _unused(row, limits)


def _is_unused(row: Row, limits: Limits) -> bool:
    rested = row["scans"] == 0 or (row["since_scan_s"] or 0) >= limits["observed"]
    return bool(rested and row["bytes"] >= limits["bytes"])


def _unused(row: Row, limits: Limits) -> Match:
    name, observed = row["index"], row["observed_s"]
    proven = observed >= limits["observed"]
    counted = f"since its statistics began {duration(observed)} ago" if row["scans"] == 0 else (
        f"for {duration(row['since_scan_s'])}"
    )  # fmt: skip
    wait = (
        ""
        if proven
        else f" Too short to tell: {duration(limits['observed'])} must pass before it can be dropped."
    )
    standby = (
        " This server has standbys, whose scans are not counted here: look there too."
        if row["has_standbys"]
        else ""
    )
    return Match(
        severity="info",
        title=f"Index {name} on {row['relation']} was not used {counted}",
        summary=f"No scan used {name} ({size(row['bytes'])}) {counted}; every write still maintains it. It backs no "
        f"constraint.{wait}{standby}",
        identity={"index": name},
        facts={key: row[key] for key in ("relation", "bytes", "scans", "observed_s", "definition")},
        evidence=("unused_indexes",),
        remedies=(_drop(name, "No query used it."),) if proven else (),
    )


def _drop(name: str, why: str) -> Remedy:
    return Remedy(
        "drop_index_concurrently",
        {"index": name},
        "destructive",
        f"Drops the index without blocking writes. {why}",
        "create it again from its definition, which is kept",
    )


def duplicate_indexes(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    rows = snapshot.rows("duplicate_indexes")
    found = [row for row in rows if row["kind"] == "duplicate" or row["bytes"] >= limits["prefix_bytes"]]
    for row in found[:LARGEST]:
        yield _duplicate(row)


def _duplicate(row: Row) -> Match:
    name, covering = row["index"], row["covered_by"]
    same = "has the same columns as" if row["kind"] == "duplicate" else "has the first columns of"
    return Match(
        severity="info",
        title=f"Index {name} is superfluous beside {covering}",
        summary=f"{name} ({size(row['bytes'])}) {same} {covering}, in the same order: every query that uses it can use the "
        "other one, and every write maintains both.",
        identity={"index": name},
        facts={key: row[key] for key in ("covered_by", "relation", "kind", "bytes", "definition")},
        evidence=("duplicate_indexes",),
        remedies=(_drop(name, f"{covering} does its work."),),
    )


def unindexed_foreign_keys(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    large = [row for row in snapshot.rows("unindexed_foreign_keys") if row["bytes"] >= limits["bytes"]]
    for row in large[:LARGEST]:
        yield _unindexed(row)


def _unindexed(row: Row) -> Match:
    relation, columns = row["relation"], row["columns"]
    deletes, updates = row["parent_deletes"], row["parent_updates"]
    busy = f"{plural(deletes, 'delete')} and {plural(updates, 'update')} on {row['parent']} since its statistics began"
    each = "each delete, and each update of the key, reads the whole table and holds its locks for as long"
    by_hand = (
        " It is partitioned: make the index on each partition, then attach them."
        if row["partitioned"]
        else ""
    )
    return Match(
        severity="warning" if deletes else "info",
        title=f"Foreign key {row['constraint_name']} of {relation} has no index",
        summary=f"No index of {relation} ({size(row['bytes'])}) begins with {', '.join(columns)}; {busy}: {each}.{by_hand}",
        identity={"relation": relation, "constraint": row["constraint_name"]},
        facts={key: row[key] for key in ("parent", "columns", "bytes", "parent_deletes", "parent_updates")},
        evidence=("unindexed_foreign_keys",),
        remedies=() if row["partitioned"] else (_create(relation, columns),),
    )


def _create(relation: str, columns: list[str]) -> Remedy:
    return Remedy(
        "create_index_concurrently",
        {"relation": relation, "columns": columns},
        "write",
        "Builds the index without blocking writes; the approval shows the exact statement.",
        "drop the index",
    )


CONDITIONS = (
    Condition(
        id="index.missing_fk",
        title="Foreign key without index on the referencing side",
        severity="warning",
        meaning="A delete in the parent table must look for children, and without an index it reads the whole child "
        "table each time, with the parent row locked.",
        needs=("unindexed_foreign_keys",),
        thresholds={
            "bytes": Threshold(10 << 20, "bytes", "postgres_dba i3: smaller tables are read in no time")
        },
        find=unindexed_foreign_keys,
        remedies=("create_index_concurrently",),
    ),
    Condition(
        id="index.duplicate",
        title="Duplicate / redundant-prefix index",
        severity="info",
        meaning="Two indexes do the work of one: every write pays for both, and both take room in the cache.",
        needs=("duplicate_indexes",),
        thresholds={
            "prefix_bytes": Threshold(
                100 << 20, "bytes", "fresha/pgdoctor: a smaller prefix index may be worth its size"
            )
        },
        find=duplicate_indexes,
        remedies=("drop_index_concurrently",),
    ),
    Condition(
        id="index.unused",
        title="Unused index",
        severity="info",
        meaning="No query used the index for as long as the server counts, and it backs no constraint; writes pay "
        "for it. Scans on standbys are not counted on the primary.",
        needs=("unused_indexes",),
        thresholds={
            "observed": Threshold(
                35 * DAY, "s", "pganalyze schema/index_unused: 35 days, a month's end included"
            ),
            "bytes": Threshold(10 << 20, "bytes", "fresha/pgdoctor and pgFirstAid: from 10 MB"),
        },
        find=unused_indexes,
        remedies=("drop_index_concurrently",),
    ),
)
