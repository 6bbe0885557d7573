"""Finishing what a migration or a load left behind: analyze, validate a constraint, enable a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import (
    NO_LIMIT_MS,
    ActFailed,
    Facts,
    act,
    composed,
    confirmed,
    failed,
    not_on_standby,
    table_row,
)
from agents.database.wording import plural, size
from agents.kernel.canonical import utc_now
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

RELATION = {"type": "string", "minLength": 1, "description": "schema-qualified, quoted as SQL needs it"}
NAME = {"type": "string", "minLength": 1, "description": "its name as it is, without quotes"}


def tools(reader: Reader) -> tuple[Tool, ...]:
    analyze, validate, enable = Analyze(reader), Validation(reader), TriggerOn(reader)
    return (
        Tool(
            "analyze_table",
            "write",
            "Renews the planner's statistics of one table",
            _parameters(relation=RELATION),
            preview=analyze.preview,
            change=analyze.change,
        ),
        Tool(
            "validate_constraint",
            "write",
            "Checks the rows from before a NOT VALID constraint, so that it holds for all",
            _parameters(relation=RELATION, constraint_name=NAME),
            preview=validate.preview,
            change=validate.change,
        ),
        Tool(
            "enable_trigger",
            "write",
            "Enables a disabled trigger of a table",
            _parameters(relation=RELATION, trigger_name=NAME),
            preview=enable.preview,
            change=enable.change,
        ),
    )


def _parameters(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


async def _found(facts: Facts, statement: str, arguments: Mapping[str, Any], what: str) -> Row:
    """The row of the object in question. Raises Refused on a standby, and where there is no such object."""
    not_on_standby(await facts.server())
    row = await table_row(facts, statement, arguments)
    if row is None or row["relation"].startswith(("pg_catalog.", "information_schema.")):
        raise Refused(f"there is no {what} here")
    return row


@dataclass(frozen=True, slots=True)
class Analyze:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table and how old its statistics are. Raises Refused where it is being analyzed."""
        facts = Facts(self.reader, target)
        row = await _found(facts, "table_facts", arguments, f"user table {arguments['relation']}")
        if row["being_analyzed"]:
            raise Refused(f"{row['relation']} is being analyzed right now")
        shown = ("planner_rows", "live_rows", "heap_bytes", "modified_since_analyze", "last_analyze")
        return Preview(
            action=f"analyze {row['relation']} on {target}",
            victims=(
                Victim({key: row[key] for key in ("relation", "oid")}, {key: row[key] for key in shown}),
            ),
            effect=(
                _analyze(row["relation"]).decode(),
                "takes ShareUpdateExclusiveLock: reads and writes go on, VACUUM and DDL on the table wait",
                f"reads a sample of {size(row['heap_bytes'])}; new plans are made with the new figures at once",
                "restart needed: no",
            ),
            reversible="nothing to undo: ANALYZE changes no data",
            alternatives=(
                "let autovacuum do it, where it is on",
                "do nothing: plans stay as wrong as they are",
            ),
            confirmation=row["relation"],
            captured_at=utc_now(),
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Analyze, then look whether the time of the last ANALYZE moved."""
        victim = preview.victims[0]
        name, before = victim.identity["relation"], victim.facts["last_analyze"]
        try:
            _, warnings = await act(target, _analyze(name), limit_ms=NO_LIMIT_MS)
        except ActFailed as error:
            return failed(error)
        if warnings:
            return Outcome(False, f"Not analyzed: {warnings[0]}.", verified=False)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("table_facts", {"relation": name})
            done = row is not None and row["last_analyze"] not in (None, before)
            return done, f"The planner counts on {plural(row['planner_rows'], 'row')} now." if row else ""

        return await confirmed(self.reader, target, f"Analyzed {name}.", look)


def _analyze(name: str) -> bytes:
    return f"ANALYZE {name}".encode()


@dataclass(frozen=True, slots=True)
class Validation:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The constraint and the table. Raises Refused where there is nothing to validate."""
        facts = Facts(self.reader, target)
        name = arguments["constraint_name"]
        row = await _found(
            facts, "table_constraint", arguments, f"constraint {name} of {arguments['relation']}"
        )
        if row["valid"] or not row["enforced"]:
            raise Refused(f"{name} is {'validated already' if row['valid'] else 'not enforced'}")
        identity = {key: row[key] for key in ("relation", "oid", "constraint_name", "valid")}
        parent = f", and RowShareLock on {row['parent']}" if row["parent"] else ""
        return Preview(
            action=f"validate constraint {name} of {row['relation']} on {target}",
            victims=(Victim(identity, {key: row[key] for key in ("rows", "bytes", "definition")}),),
            effect=(
                _named("ALTER TABLE {table} VALIDATE CONSTRAINT {name}", row["relation"], name).decode(),
                f"takes ShareUpdateExclusiveLock{parent}: reads and writes go on",
                f"checks {plural(row['rows'], 'row')} ({size(row['bytes'])}); fails where one breaks it, and changes none",
                "restart needed: no",
            ),
            reversible="not reversible, and nothing to undo: no row changes",
            alternatives=("look for rows that break it first", "do nothing: it holds for new rows only"),
            confirmation=name,
            captured_at=utc_now(),
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Validate and read the constraint again."""
        identity = preview.victims[0].identity
        relation, name = identity["relation"], identity["constraint_name"]
        statement = _named("ALTER TABLE {table} VALIDATE CONSTRAINT {name}", relation, name)
        try:
            await act(target, statement, limit_ms=NO_LIMIT_MS)
        except ActFailed as error:
            return failed(error)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("table_constraint", {"relation": relation, "constraint_name": name})
            return row is not None and bool(row["valid"]), ""

        return await confirmed(
            self.reader, target, f"Constraint {name} of {relation} holds for all rows.", look
        )


@dataclass(frozen=True, slots=True)
class TriggerOn:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The trigger. Raises Refused where it isn't disabled."""
        facts = Facts(self.reader, target)
        name = arguments["trigger_name"]
        row = await _found(facts, "table_trigger", arguments, f"trigger {name} on {arguments['relation']}")
        if row["state"] != "disabled":
            raise Refused(f"{name} is not disabled: {row['state']}")
        undo = _named("ALTER TABLE {table} DISABLE TRIGGER {name}", row["relation"], name).decode()
        identity = {key: row[key] for key in ("relation", "oid", "trigger_name", "state")}
        return Preview(
            action=f"enable trigger {name} of {row['relation']} on {target}",
            victims=(Victim(identity, {key: row[key] for key in ("constraint_name", "definition")}),),
            effect=(
                _named("ALTER TABLE {table} ENABLE TRIGGER {name}", row["relation"], name).decode(),
                "takes ShareRowExclusiveLock for a moment: writes to the table wait, reads go on; gives up after 2 s",
                "fires for what is written from then on; rows from before are not checked",
                "restart needed: no",
            ),
            reversible=undo,
            alternatives=("ask who disabled it first", "do nothing: it doesn't fire"),
            confirmation=name,
            captured_at=utc_now(),
            undo={"statement": undo},
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Enable it and read it again."""
        identity = preview.victims[0].identity
        relation, name = identity["relation"], identity["trigger_name"]
        try:
            await act(target, _named("ALTER TABLE {table} ENABLE TRIGGER {name}", relation, name))
        except ActFailed as error:
            return failed(error)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("table_trigger", {"relation": relation, "trigger_name": name})
            return row is not None and row["state"] == "enabled", ""

        return await confirmed(self.reader, target, f"Trigger {name} of {relation} fires again.", look)


def _named(template: LiteralString, relation: str, name: str) -> bytes:
    """A statement about something of a table; `relation` comes quoted from the server."""
    from psycopg import sql

    return composed(template, table=sql.SQL(relation), name=sql.Identifier(name))
