"""What is unfinished or switched off in a schema: keys, sequences, constraints, triggers, partitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural, size
from agents.kernel.records import Remedy, Severity

LARGEST = 20
DAY = 86400
READ_ALL = "GRANT pg_read_all_data TO {role}"


def tables_without_key(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("tables_without_key")[:LARGEST]:
        yield _without_key(row)


def _without_key(row: Row) -> Match:
    relation, publications = row["relation"], row["publications"]
    blocked = bool(publications) and row["replica_identity"] in ("default", "nothing")
    fails = (
        f" It is published ({', '.join(publications)}): UPDATE and DELETE on it fail until it has a replica identity."
        if blocked
        else ""
    )
    return Match(
        severity="warning" if blocked else "info",
        title=f"{relation} has no primary key",
        summary=f"{relation} (about {plural(row['rows'], 'row')}) has no primary key; its replica identity is "
        f"{row['replica_identity']}.{fails} Add one: CREATE UNIQUE INDEX CONCURRENTLY, then ALTER TABLE … ADD PRIMARY "
        "KEY USING INDEX.",
        identity={"relation": relation},
        facts={key: row[key] for key in ("rows", "replica_identity", "publications")},
        evidence=("tables_without_key",),
    )


def exhausted_sequences(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    used = [row for row in snapshot.rows("sequences") if row["used_percent"] is not None]
    for row in used[:LARGEST]:
        severity = _scarcity(row, limits)
        if severity is not None:
            yield _exhausted(row, severity)


def _scarcity(row: Row, limits: Limits) -> Severity | None:
    used = row["used_percent"]
    if used >= limits["critical_percent"]:
        return "critical"
    if used >= limits["warning_percent"]:
        return "warning"
    narrow = row["in_primary_key"] and row["column_type"] in ("integer", "smallint")
    return "info" if narrow and used >= limits["plan_percent"] else None


def _exhausted(row: Row, severity: Severity) -> Match:
    column = (
        f"{row['relation']}.{row['column']} ({row['column_type']})"
        if row["relation"]
        else "no column of its own"
    )
    narrow = row["column_type"] in ("integer", "smallint")
    way_out = (
        "Migrate the column to bigint by way of a second column and a short swap (ALTER COLUMN … TYPE rewrites the table "
        "under AccessExclusiveLock). To gain time, where negative keys do no harm: ALTER SEQUENCE … MINVALUE "
        "-2147483648 RESTART."
        if narrow
        else "Raise its MAXVALUE."
    )
    return Match(
        severity=severity,
        title=f"Sequence {row['sequence']} has used {row['used_percent']} % of its numbers",
        summary=f"Last value {row['last_value']} of at most {row['ceiling']}, for {column}. At the end every INSERT fails. "
        f"{way_out}",
        identity={"sequence": row["sequence"], "relation": row["relation"], "column": row["column"]},
        facts={key: row[key] for key in ("last_value", "ceiling", "used_percent", "column_type")},
        evidence=("sequences",),
    )


def hidden_sequences(snapshot: Snapshot) -> str:
    """Whose last value this login may not read."""
    hidden = [row["sequence"] for row in snapshot.rows("sequences") if not row["readable"]]
    if not hidden:
        return ""
    more = f" and {len(hidden) - 3} more" if len(hidden) > 3 else ""
    return f"this login may not read {', '.join(hidden[:3])}{more}"


def not_valid_constraints(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("constraints_not_valid")[:LARGEST]:
        yield _not_valid(row)


def _not_valid(row: Row) -> Match:
    relation, name = row["relation"], row["constraint_name"]
    remedy = Remedy(
        "validate_constraint",
        {"relation": relation, "constraint_name": name},
        "write",
        f"Checks all of {relation} ({size(row['bytes'])}) once; reads and writes go on. Fails where a row breaks it.",
        "not reversible, and nothing to undo: no row changes",
    )
    return Match(
        severity="info",
        title=f"Constraint {name} of {relation} was never validated",
        summary=f"{name} ({row['kind']}) holds for new rows only: rows from before may break it, and the planner can't rely "
        f"on it. {row['definition']}",
        identity={"relation": relation, "constraint": name},
        facts={key: row[key] for key in ("kind", "bytes", "definition")},
        evidence=("constraints_not_valid",),
        remedies=(remedy,),
    )


def disabled_triggers(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    for row in snapshot.rows("disabled_triggers")[:LARGEST]:
        yield _disabled(row)


def _disabled(row: Row) -> Match:
    relation, name = row["relation"], row["trigger_name"]
    guards = row["constraint_name"] if row["internal"] else None
    harm = (
        f"It guards the foreign key {guards}: rows that break it were and are let in, and enabling it does not check them."
        if guards
        else "What it does (audit, derived columns, checks) has not happened since."
    )
    remedy = Remedy(
        "enable_trigger",
        {"relation": relation, "trigger_name": name},
        "write",
        "Enables the trigger; it fires for what is written from then on.",
        "disable it again",
    )
    return Match(
        severity="warning",
        title=f"Trigger {name} of {relation} is disabled",
        summary=f"{name} does not fire. {harm} A load that disables triggers must enable them at its end.",
        identity={"relation": relation, "trigger": name},
        facts={"constraint": guards, "definition": row["definition"]},
        evidence=("disabled_triggers",),
        remedies=(remedy,),
    )


def unprepared_partitions(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    """Rows in a DEFAULT partition, and tables by time whose newest partition ends soon or has just ended."""
    yield from _growing_defaults(snapshot, limits)
    for row in snapshot.rows("partition_ends"):
        if -limits["abandoned"] <= row["ends_in_s"] < limits["ahead"]:
            yield _ending(row)


def _ending(row: Row) -> Match:
    relation, left = row["relation"], row["ends_in_s"]
    when = f"in {duration(left)}" if left > 0 else f"{duration(-left)} ago"
    then = "land in the DEFAULT partition" if row["has_default"] else "are refused"
    return Match(
        severity="warning",
        title=f"The newest partition of {relation} {'ends' if left > 0 else 'ended'} {when}",
        summary=f"{relation} has {plural(row['partitions'], 'partition')}, the newest up to {row['ends_at']}; rows from then on "
        f"{then}. Make the next partitions, and see why whatever makes them didn't.",
        identity={"relation": relation, "default_partition": None},
        facts={key: row[key] for key in ("ends_at", "ends_in_s", "partitions", "has_default")},
        evidence=("partition_ends",),
    )


def _growing_defaults(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("default_partitions")[:LARGEST]:
        if row["rows"] > limits["rows"]:
            yield _growing(row)


def _growing(row: Row) -> Match:
    relation, partition = row["relation"], row["default_partition"]
    return Match(
        severity="warning" if row["strategy"] == "range" else "info",
        title=f"{plural(row['rows'], 'row')} in {partition}, the DEFAULT partition of {relation}",
        summary=f"No partition of {relation} (by {row['partition_key']}, {row['partitions']} partitions) takes these rows "
        f"({size(row['bytes'])}). A partition for them can only be made once they are moved out: detach the default, "
        "create the partition, insert the rows again, attach the default.",
        identity={"relation": relation, "default_partition": partition},
        facts={key: row[key] for key in ("rows", "bytes", "strategy", "partitions")},
        evidence=("default_partitions",),
    )


def _same_table(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(mine["relation"] == other["relation"])


CONDITIONS = (
    Condition(
        id="seq.exhaustion",
        title="Sequence / int4 key exhaustion",
        severity="critical",
        meaning="A sequence comes to the end of its own range or of the column that it fills; then every INSERT fails, "
        "and the way out for a large table takes days.",
        needs=("sequences",),
        thresholds={
            "warning_percent": Threshold(85, "percent", "check_postgres sequence"),
            "critical_percent": Threshold(95, "percent", "check_postgres sequence"),
            "plan_percent": Threshold(
                50, "percent", "fresha/pgdoctor pk-types: half of an int4 key is gone, plan the migration"
            ),
        },
        find=exhausted_sequences,
        grants=(READ_ALL,),
        blind=hidden_sequences,
    ),
    Condition(
        id="trigger.disabled",
        title="Disabled triggers (incl. FK triggers)",
        severity="warning",
        meaning="A trigger was switched off, often for a load, and stayed off. Where it guards a foreign key, broken "
        "references come in unseen (check_postgres disabled_triggers).",
        needs=("disabled_triggers",),
        find=disabled_triggers,
        remedies=("enable_trigger",),
    ),
    Condition(
        id="constraint.not_valid",
        title="NOT VALID constraints",
        severity="info",
        meaning="The constraint holds for rows written since, older ones were never checked (postgres-mcp).",
        needs=("constraints_not_valid",),
        find=not_valid_constraints,
        remedies=("validate_constraint",),
    ),
    Condition(
        id="partition.default_growing",
        title="Rows landing in DEFAULT partition / missing future partitions",
        severity="warning",
        meaning="Rows land in the DEFAULT partition of a table that is partitioned by range, or soon will: the partition for "
        "them was not made in time.",
        needs=("default_partitions", "partition_ends"),
        thresholds={
            "rows": Threshold(0, "rows", "check_postgres partman_premake, fresha/pgdoctor: any row"),
            "ahead": Threshold(DAY, "s", "check_postgres partman_premake: a day without a partition ahead"),
            "abandoned": Threshold(
                30 * DAY, "s", "own choice: a table that ended longer ago takes no rows any more"
            ),
        },
        find=unprepared_partitions,
    ),
    Condition(
        id="table.no_primary_key",
        title="Table without primary key / replica identity",
        severity="warning",
        meaning="Rows can't be told apart: duplicates go unseen, and where the table is published, its updates and "
        "deletes fail (pgFirstAid).",
        needs=("tables_without_key",),
        find=tables_without_key,
        causes=(Cause("logical.no_replica_identity", _same_table),),
    ),
)
