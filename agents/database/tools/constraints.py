"""Making a constraint that was added NOT VALID hold for all rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.tools.acting import (
    NO_LIMIT_MS,
    RELATION,
    Facts,
    change_tool,
    composed,
    parameters,
)
from agents.database.tools.locking import in_the_way
from agents.database.tools.tables import found, relation_victim
from agents.database.tools.under_lock import Locked, carried_out_locked
from agents.database.wording import plural, size
from agents.kernel.tool import Outcome, Preview, Refused, Tool

NAME = {"type": "string", "minLength": 1, "description": "its name as it is, without quotes"}
LOCK = "ShareUpdateExclusiveLock"


def tools(reader: Reader) -> tuple[Tool, ...]:
    summary = "Checks the rows from before a NOT VALID constraint, so that it holds for all"
    names = parameters(relation=RELATION, constraint_name=NAME)
    return (change_tool(Validation(reader), "validate_constraint", "write", summary, names),)


@dataclass(frozen=True, slots=True)
class Validation:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The constraint and the table. Raises Refused where there is nothing to validate."""
        facts, name = Facts(self.reader, target), arguments["constraint_name"]
        what = f"constraint {name} of {arguments['relation']}"
        row = await found(facts, "table_constraint", arguments, what)
        if row["valid"] or not row["enforced"]:
            raise Refused(f"{name} is {'validated already' if row['valid'] else 'not enforced'}")
        parent = f", and RowShareLock on {row['parent']}" if row["parent"] else ""
        return facts.preview(
            f"validate constraint {name} of {row['relation']}",
            relation_victim(row, "constraint_name", "valid", shown=("rows", "bytes", "definition")),
            (
                _validate(row["relation"], name).decode(),
                f"takes {LOCK}{parent}: reads and writes go on",
                *await in_the_way(facts, row["relation"], LOCK),
                f"checks {plural(row['rows'], 'row')} ({size(row['bytes'])}); fails where one breaks it, and changes none",
            ),
            reversible="not reversible, and nothing to undo: no row changes",
            alternatives=("look for rows that break it first", "do nothing: it holds for new rows only"),
            confirmation=name,
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Validate and read the constraint again."""
        (victim,) = preview.victims
        relation, name = victim.identity["relation"], victim.identity["constraint_name"]
        what = Locked(LOCK, "table_constraint", {"relation": relation, "constraint_name": name})
        return await carried_out_locked(
            self.reader,
            target,
            victim,
            _validate(relation, name),
            what,
            f"Constraint {name} of {relation} holds for all rows.",
            lambda row: bool(row["valid"]),
            limit_ms=NO_LIMIT_MS,
        )


def _validate(relation: str, name: str) -> bytes:
    """`relation` comes quoted from the server."""
    from psycopg import sql

    return composed(
        "ALTER TABLE {table} VALIDATE CONSTRAINT {name}", table=sql.SQL(relation), name=sql.Identifier(name)
    )
