"""Data that can't be trusted: pages that fail their checksum, broken indexes, an order that has changed."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Condition, Limits, Match
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import plural, size
from agents.kernel.records import Remedy

MOST_REMEDIES = 5
MOST_INDEXES = 20


def failed_checksums(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("checksum_failures"):
        database = row["database"] or "the shared catalogs"
        yield Match(
            severity="critical",
            title=f"{plural(row['failures'], 'page')} of {database} failed the checksum",
            summary=f"The last on {row['last_failure']}. The storage returned something else than was written. Stop "
            "writing, copy the data directory, find the block in the server log, and restore it from a standby or "
            "backup. Never begin with zero_damaged_pages.",
            identity={"database": row["database"]},
            facts={"failures": row["failures"], "last_failure": row["last_failure"]},
            evidence=("checksum_failures",),
        )


def corrupt_indexes(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    corrupt = [row for row in snapshot.rows("check_indexes") if row["outcome"] == "corrupt"]
    for row in corrupt[:MOST_INDEXES]:
        yield Match(
            severity="critical",
            title=f"Index {row['index']} is corrupt",
            summary=f"amcheck: {row['message']}. Queries that use it miss rows or return wrong ones ({size(row['bytes'])}, "
            f"table {row['relation']}). Look for the reason too: a changed collation or function, storage, a crash "
            "with fsync off.",
            identity={"index": row["index"]},
            facts={"relation": row["relation"], "sqlstate": row["sqlstate"], "bytes": row["bytes"]},
            evidence=("check_indexes",),
            remedies=(_rebuild(row["index"]),),
        )


def unchecked_indexes(snapshot: Snapshot) -> str:
    left = [row for row in snapshot.rows("check_indexes") if row["outcome"] == "unchecked"]
    if not left:
        return ""
    return f"{plural(len(left), 'index')} unchecked, such as {left[0]['index']}: {left[0]['message']}"


def _rebuild(index: str) -> Remedy:
    return Remedy(
        "reindex_concurrently",
        {"index": index},
        "write",
        "Builds it anew from its table without blocking writes.",
        "nothing to undo: the index stays, built anew",
    )


def changed_order(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("collations"):
        yield _changed(row)


def _changed(row: Row) -> Match:
    kind, name, count = row["kind"], row["name"], row["indexes"]
    quoted = name if kind == "collation" else '"' + name.replace('"', '""') + '"'
    refresh = (
        f"ALTER COLLATION {quoted} REFRESH VERSION"
        if kind == "collation"
        else f"ALTER DATABASE {quoted} REFRESH COLLATION VERSION"
    )
    listed = row["listed"] or []
    return Match(
        severity="warning",
        title=f"{kind.capitalize()} {name}: text is ordered by another version than its indexes were built with",
        summary=f"Recorded {row['recorded']}, the system now has {row['actual'] or 'none'}. "
        f"{plural(count, 'index')} here may miss rows or accept duplicates"
        + (f" ({', '.join(listed[:4])})" if listed else "")
        + f". Rebuild those on text first, then: {refresh}.",
        identity={"kind": kind, "name": name},
        facts={"recorded": row["recorded"], "actual": row["actual"], "indexes": count},
        evidence=("collations",),
        remedies=tuple(_rebuild(index) for index in listed[:MOST_REMEDIES] if not index.startswith("pg_")),
    )


CONDITIONS = (
    Condition(
        id="corruption.checksum",
        title="Data checksum failures",
        severity="critical",
        meaning="A page read from disk isn't what was written (pg_stat_database.checksum_failures).",
        needs=("checksum_failures",),
        find=failed_checksums,
        absent="no page failed its checksum",
    ),
    Condition(
        id="corruption.index",
        title="B-tree corruption (amcheck)",
        severity="critical",
        meaning="An index disagrees with its table or its own order. amcheck reads the whole index and table.",
        needs=("check_indexes",),
        find=corrupt_indexes,
        remedies=("reindex_concurrently",),
        grants=("GRANT EXECUTE ON FUNCTION bt_index_check(regclass, boolean) TO {role}",),
        extension="amcheck",
        on_request=True,
        blind=unchecked_indexes,
    ),
    Condition(
        id="collation.mismatch",
        title="Collation version mismatch (OS/ICU upgrade)",
        severity="warning",
        meaning="The library that orders text was upgraded: indexes built before may be wrong until they are rebuilt. "
        "PostgreSQL 14 doesn't record the version of a database's own collation.",
        needs=("collations",),
        find=changed_order,
        remedies=("reindex_concurrently",),
    ),
)
