"""Indexes that cost and don't help."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Condition, Limits, Match
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import size
from agents.kernel.records import Remedy

LARGEST = 20
LEFTOVERS = ("_ccnew", "_ccold")


def leftover(index: str) -> bool:
    """True for what a failed REINDEX CONCURRENTLY leaves beside the index it was to replace."""
    return index.removesuffix('"').rstrip("0123456789").endswith(LEFTOVERS)


def invalid_indexes(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    unbuilt = [row for row in snapshot.rows("invalid_indexes") if not row["being_built"]]
    for row in unbuilt[:LARGEST]:
        yield _invalid(row)


def _invalid(row: Row) -> Match:
    name, relation = row["index"], row["relation"]
    upkeep = "every write still maintains it" if row["ready"] else "writes don't maintain it yet"
    maybe = " Somebody holds a lock on the table that a build takes: it may be under construction."
    return Match(
        severity="info" if row["table_locked"] else "warning",
        title=f"Index {name} on {relation} is invalid",
        summary=f"No query uses {name} ({size(row['bytes'])}), {upkeep}: a CREATE INDEX or REINDEX CONCURRENTLY "
        f"failed.{maybe if row['table_locked'] else ''}"
        + (" A unique index fails again while there are duplicates." if row["unique"] else ""),
        identity={"index": name},
        facts={"relation": relation, "bytes": row["bytes"], "definition": row["definition"]},
        evidence=("invalid_indexes",),
        remedies=() if row["table_locked"] else _mend(row),
    )


def _mend(row: Row) -> tuple[Remedy, ...]:
    arguments = {"index": row["index"]}
    drop = Remedy(
        "drop_index_concurrently",
        arguments,
        "destructive",
        "Removes it without blocking writes; no query used it.",
        "create it again from its definition, which is kept",
    )
    rebuild = Remedy(
        "reindex_concurrently",
        arguments,
        "write",
        "Builds it anew without blocking writes; needs its size again on disk while it runs.",
        "nothing to undo: the index stays, built anew",
    )
    if row["on_toast"] or row["backs_constraint"]:
        return (rebuild,) if row["backs_constraint"] else ()
    return (drop,) if leftover(row["index"]) else (rebuild, drop)


CONDITIONS = (
    Condition(
        id="index.invalid",
        title="Invalid index (failed CONCURRENTLY)",
        severity="warning",
        meaning="A concurrent build failed and left an index that costs writes and serves no query "
        "(pganalyze schema/index_invalid).",
        needs=("invalid_indexes",),
        find=invalid_indexes,
        remedies=("reindex_concurrently", "drop_index_concurrently"),
        grants=("GRANT pg_monitor TO {role}",),
    ),
)
