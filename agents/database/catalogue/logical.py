"""Logical replication: subscriptions that fail, tables that can't be replicated, decoding that spills."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Condition, Limits, Match, Threshold
from agents.database.rates import RowChange
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import plural, size
from agents.kernel.records import Remedy, Severity

MIB, GIB = 1 << 20, 1 << 30
MOST_TABLES = 20
SKIP_SINCE = "from 15 on, ALTER SUBSCRIPTION … SKIP (lsn = …) leaves out the transaction that the log names"


def failing_subscriptions(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("subscriptions", "database", "subscription")
    for row in change.rows if change else ():
        fresh = row.delta("apply_errors") + row.delta("sync_errors")
        past = (row["apply_errors"] or 0) + (row["sync_errors"] or 0)
        away = row["worker"] is None and row.before["worker"] is None
        if not row["enabled"]:
            stopped = row["disable_on_error"] and past > 0
            yield _subscription(row, "critical" if stopped else "info", "is disabled" + _by_error(stopped))
        elif fresh >= limits["errors_critical"] or (away and past):
            yield _subscription(row, "critical", "fails again and again")
        elif away:
            yield _subscription(row, "warning", "has no worker")
        elif past:
            yield _subscription(row, "info", "has failed before, and runs now")


def _by_error(stopped: bool) -> str:
    return " after an error (disable_on_error)" if stopped else ""


def _subscription(row: RowChange, severity: Severity, state: str) -> Match:
    name = row["subscription"]
    counted = (
        f"{plural(row['apply_errors'] or 0, 'apply error')} and {plural(row['sync_errors'] or 0, 'copy error')} counted. "
        if row["apply_errors"] is not None
        else ""
    )
    return Match(
        severity=severity,
        title=f"Subscription {name} in {row['database']} {state}",
        summary=f"{counted}The reason is in this server's log: often a row that is here already (unique violation), a "
        "missing table or column, or a publisher that can't be reached. Meanwhile the publisher's slot keeps WAL. "
        f"Remove the conflicting row here; {SKIP_SINCE}.",
        identity={"subscription": name, "database": row["database"]},
        facts={
            "enabled": row["enabled"],
            "worker": row["worker"],
            "apply_errors": row["apply_errors"],
            "sync_errors": row["sync_errors"],
        },
        evidence=("subscriptions",),
    )


def without_identity(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    tables: dict[str, list[Row]] = {}
    for row in snapshot.rows("unidentified_tables"):
        tables.setdefault(row["relation"], []).append(row)
    for relation, rows in list(tables.items())[:MOST_TABLES]:
        yield _unidentified(relation, rows)


def _unidentified(relation: str, rows: list[Row]) -> Match:
    publications = sorted({row["publication"] for row in rows})
    lost = " and ".join(
        word for word, key in (("UPDATE", "updates"), ("DELETE", "deletes")) if any(row[key] for row in rows)
    )
    return Match(
        severity="warning",
        title=f"{lost} on {relation} fail: it is published without a replica identity",
        summary=f"Published by {', '.join(publications)}; it has no primary key and no other replica identity "
        f"({rows[0]['identity']}). Add a primary key, or: ALTER TABLE {relation} REPLICA IDENTITY FULL.",
        identity={"relation": relation},
        facts={"publications": publications, "replica_identity": rows[0]["identity"]},
        evidence=("unidentified_tables",),
    )


def spilling(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change("decoding", "slot_name", counters=("spill_bytes",))
    for row in change.rows if change else ():
        grown = row.delta("spill_bytes")
        if grown >= limits["growing_warning"]:
            yield _spill(
                row, "warning", f"spilled {size(grown)} between the two samples", (_more_memory(row),)
            )
        elif row["spill_bytes"] >= limits["spilled_info"]:
            yield _spill(row, "info", f"has spilled {size(row['spill_bytes'])}, nothing right now", ())


def _spill(row: RowChange, severity: Severity, how: str, remedies: tuple[Remedy, ...]) -> Match:
    name = row["slot_name"]
    return Match(
        severity=severity,
        title=f"Decoding for slot {name} {how}",
        summary=f"{plural(row['spill_txns'], 'transaction')} did not fit logical_decoding_work_mem "
        f"({row['work_mem']}) and went through disk. Smaller transactions, streaming = on, or more memory help.",
        identity={"slot": name},
        facts={"spill_bytes": row["spill_bytes"], "spill_txns": row["spill_txns"]},
        evidence=("decoding",),
        remedies=tuple(remedy for remedy in remedies if row["work_mem_bytes"] < GIB),
    )


def _more_memory(row: RowChange) -> Remedy:
    wanted = min(max(row["work_mem_bytes"] * 4, 256 * MIB), GIB)
    return Remedy(
        "set_setting",
        {"name": "logical_decoding_work_mem", "value": f"{wanted >> 20}MB"},
        "write",
        f"Lets each walsender keep {size(wanted)} of changes in memory before it spills. No restart.",
        f"set it back to {row['work_mem']}",
    )


CONDITIONS = (
    Condition(
        id="logical.apply_error",
        title="Logical replication apply error / worker crash-loop",
        severity="critical",
        meaning="A subscription can't apply what it receives, or has no worker: its data stand still while the "
        "publisher keeps WAL for it. Before 15 only a missing worker and the log show it.",
        rates=("subscriptions",),
        thresholds={
            "errors_critical": Threshold(1, "count", "docs 31.5: any new error between the two samples"),
        },
        find=failing_subscriptions,
        absent="no subscription fails",
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="logical.no_replica_identity",
        title="Published table without replica identity (UPDATE/DELETE fail)",
        severity="warning",
        meaning="A published table whose rows can't be told apart refuses UPDATE and DELETE (docs 31.1).",
        needs=("unidentified_tables",),
        find=without_identity,
    ),
    Condition(
        id="logical.spill",
        title="Logical decoding spills to disk",
        severity="warning",
        meaning="Large transactions don't fit logical_decoding_work_mem: decoding writes them to disk and lags.",
        rates=("decoding",),
        thresholds={
            "growing_warning": Threshold(MIB, "bytes", "pg_stat_replication_slots: spill_bytes growing"),
            "spilled_info": Threshold(64 * MIB, "bytes", "own choice: one default logical_decoding_work_mem"),
        },
        find=spilling,
        rivals=("logical.apply_error",),
        absent="decoding doesn't go through disk",
        remedies=("set_setting",),
    ),
)
