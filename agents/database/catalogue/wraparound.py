"""Transaction ids that run out: databases, the tables that drive their age, and multixacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.catalogue.horizon import named, unseen
from agents.database.catalogue.horizon_holders import KINDS
from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, size
from agents.kernel.records import Remedy, Severity

OFFERED = 3
"""Tables that a finding offers to freeze, the oldest first."""
CATALOGUES = "pg_catalog."


def ageing_databases(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("wraparound"):
        share = float(row["xid_percent"])
        if share < limits["used_warning"] and row["xids_left"] > limits["left_warning"]:
            continue
        critical = share >= limits["used_critical"] or row["xids_left"] <= limits["left_critical"]
        yield _ageing(snapshot, row, "xid_age", "critical" if critical else "warning")


def ageing_multixacts(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("wraparound"):
        share = float(row["mxid_percent"])
        if share >= limits["used_warning"]:
            yield _ageing(
                snapshot, row, "mxid_age", "critical" if share >= limits["used_critical"] else "warning"
            )


def _ageing(snapshot: Snapshot, row: Row, column: str, severity: Severity) -> Match:
    multixact = column == "mxid_age"
    kind, share = (
        ("multixact ids", row["mxid_percent"]) if multixact else ("transaction ids", row["xid_percent"])
    )
    holder = None if multixact else holder_in_the_way(snapshot, row["xid_age"])
    left = "" if multixact else f"{max(row['xids_left'], 0):,} are left before the server refuses to write. "
    return Match(
        severity=severity,
        title=f"Database {row['database']} has used {share} % of its {kind}",
        summary=f"Its oldest {kind[:-1]} is {row[column]:,} old. {left}"
        f"{holder_in_words(snapshot, holder)} VACUUM (FREEZE) of the oldest tables moves it on, online; single-user mode is "
        "not needed." + ("" if row["own"] else f" Connect to database {row['database']} to do it."),
        identity={"database": row["database"]},
        facts={column: row[column], "percent": float(share), "left": row["xids_left"], "own": row["own"]},
        evidence=("wraparound", "freeze_ages", *(("horizon",) if snapshot.has("horizon") else ())),
        remedies=() if holder or unseen(snapshot) or not row["own"] else tuple(_freezes(snapshot, column)),
    )


def holder_in_the_way(snapshot: Snapshot, age: int) -> Row | None:
    """Who holds the horizon so far back that freezing would not halve this age; None where it is free."""
    rows = (row for row in snapshot.rows("horizon") if 2 * (row["horizon_age"] or 0) >= age)
    return next(rows, None)


def holder_in_words(snapshot: Snapshot, holder: Row | None) -> str:
    if holder is None:
        why = unseen(snapshot)
        return f"Who holds the horizon is not known: {why}." if why else "The horizon is free."
    lasting = f" for {duration(holder['held_s'])}" if holder["held_s"] is not None else ""
    return f"First end {holder['kind']} {named(holder)}, which holds the horizon{lasting}: until then freezing moves nothing."


def _freezes(snapshot: Snapshot, column: str) -> Iterator[Remedy]:
    rows = sorted(snapshot.rows("freeze_ages"), key=lambda row: -row[column])
    names = dict.fromkeys(row["toast_of"] or row["relation"] for row in rows)
    for name in list(names)[:OFFERED]:
        yield freeze(name)


def freeze(relation: str) -> Remedy:
    return Remedy(
        "freeze_table",
        {"relation": relation},
        "write",
        "Freezes its rows now and moves its age to nearly 0; readers and writers go on.",
        "nothing to undo: VACUUM changes no data",
    )


def ageing_tables(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("freeze_ages"):
        share = max(float(row["xid_percent_forced"]), float(row["mxid_percent_forced"]))
        if share >= limits["forced_warning"]:
            yield _ageing_table(
                snapshot, row, share, "critical" if share >= limits["forced_critical"] else "warning"
            )


def _ageing_table(snapshot: Snapshot, row: Row, share: float, severity: Severity) -> Match:
    name, holder = row["toast_of"] or row["relation"], holder_in_the_way(snapshot, row["xid_age"])
    busy = " It is being vacuumed right now." if row["being_vacuumed"] else ""
    return Match(
        severity=severity,
        title=f"{row['relation']} is {share:.0f} % of the way to a forced vacuum",
        summary=f"{row['relation']} ({size(row['bytes'])}) has a transaction id that is {row['xid_age']:,} old and a "
        f"multixact id that is {row['mxid_age']:,} old.{busy} {holder_in_words(snapshot, holder)}",
        identity={"relation": row["relation"]},
        facts={"xid_age": row["xid_age"], "mxid_age": row["mxid_age"], "percent": share},
        evidence=("freeze_ages", *(("horizon",) if snapshot.has("horizon") else ())),
        remedies=() if holder or unseen(snapshot) or row["being_vacuumed"] else (freeze(name),),
    )


def holds_the_age(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """The holder is so old that freezing would not halve the age."""
    return bool(2 * (other["xid_age"] or 0) >= mine.get("xid_age", float("inf")))


def drives(table: Mapping[str, Any], database: Mapping[str, Any]) -> bool:
    """The table is as old as its database."""
    column = "mxid_age" if "mxid_age" in database else "xid_age"
    return bool(database["own"] and table[column] >= 0.9 * database[column])


WRAPAROUND = {
    "used_warning": Threshold(50, "percent", "pganalyze vacuum/txid_wraparound, warning"),
    "used_critical": Threshold(80, "percent", "pganalyze vacuum/txid_wraparound, critical"),
}
HOLDERS = tuple(Cause(kind, holds_the_age) for kind in KINDS)
CONDITIONS = (
    Condition(
        id="vacuum.xid_wraparound",
        title="Transaction ID wraparound approaching",
        severity="critical",
        meaning="Transaction ids are 32 bits wide. Shortly before the oldest unfrozen one would come round again "
        "the server refuses every write, until a VACUUM has frozen old rows.",
        needs=("wraparound",),
        wants=("freeze_ages", "horizon"),
        thresholds={
            **WRAPAROUND,
            "left_warning": Threshold(
                100_000_000, "count", "own choice: more than twice the server's own warning"
            ),
            "left_critical": Threshold(
                40_000_000, "count", "PostgreSQL docs 25.1.5: the server warns from here on"
            ),
        },
        find=ageing_databases,
        causes=HOLDERS,
        remedies=("freeze_table",),
        rivals=("vacuum.workers_saturated",),
        absent="transaction ids are far from wrapping around",
    ),
    Condition(
        id="vacuum.mxid_wraparound",
        title="MultiXact ID age",
        severity="critical",
        meaning="Row locks shared by several transactions use up multixact ids, which wrap around like transaction "
        "ids do. Foreign keys on a hot parent row are the usual source.",
        needs=("wraparound",),
        wants=("freeze_ages", "horizon"),
        thresholds={
            "used_warning": Threshold(50, "percent", "pganalyze vacuum/mxid_wraparound, warning"),
            "used_critical": Threshold(80, "percent", "pganalyze vacuum/mxid_wraparound, critical"),
        },
        find=ageing_multixacts,
        remedies=("freeze_table",),
        absent="multixact ids are far from wrapping around",
    ),
    Condition(
        id="vacuum.table_freeze_age",
        title="Tables driving the freeze age",
        severity="critical",
        meaning="A table nears the age at which autovacuum must freeze it, wanted or not: a full scan at a bad time, "
        "and the first step towards wraparound where it can't.",
        needs=("freeze_ages",),
        wants=("horizon",),
        thresholds={
            "forced_warning": Threshold(90, "percent", "check_postgres autovac_freeze, warning"),
            "forced_critical": Threshold(95, "percent", "check_postgres autovac_freeze, critical"),
        },
        find=ageing_tables,
        causes=(
            Cause("vacuum.xid_wraparound", drives),
            Cause("vacuum.mxid_wraparound", drives),
            *HOLDERS,
        ),
        remedies=("freeze_table",),
        absent="no table is near a forced vacuum",
    ),
)
