"""Making an index without blocking writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import (
    NO_LIMIT_MS,
    ActFailed,
    Facts,
    act,
    composed,
    confirmed,
    not_on_standby,
    table_row,
)
from agents.database.tools.indexes import LOCK, OLD_TRANSACTIONS_MS, oldest_transaction
from agents.database.wording import plural, size
from agents.kernel.canonical import utc_now
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

NAME_BYTES = 63
"""Longest name that the server keeps."""
MOST_COLUMNS = 32
PARAMETERS = {
    "type": "object",
    "properties": {
        "relation": {
            "type": "string",
            "minLength": 1,
            "description": "schema-qualified, quoted as SQL needs it",
        },
        "columns": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "maxItems": MOST_COLUMNS,
            "description": "names of the columns as they are, without quotes, in the order of the index",
        },
    },
    "required": ["relation", "columns"],
    "additionalProperties": False,
}


def tools(reader: Reader) -> tuple[Tool, ...]:
    build = IndexBuild(reader)
    return (
        Tool(
            "create_index_concurrently",
            "write",
            "Creates a B-tree index on columns of a table without blocking writes",
            PARAMETERS,
            preview=build.preview,
            change=build.change,
        ),
    )


@dataclass(frozen=True, slots=True)
class IndexBuild:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table and the exact statement. Raises Refused where such an index is there, or can't be built so."""
        facts = Facts(self.reader, target)
        row = await _table(facts, arguments["relation"])
        await _check_columns(facts, arguments["relation"], arguments["columns"])
        await _refuse_second(facts, row["relation"], arguments["columns"])
        index = await _free_name(facts, row, arguments["columns"])
        statement = _create(row, index, arguments["columns"]).decode()
        name = _qualified(row["schema_name"], index)
        return Preview(
            action=f"create index {index} on {row['relation']} on {target}",
            victims=(_victim(row, index, statement),),
            effect=(
                statement,
                LOCK,
                f"reads {row['relation']} twice: {plural(row['planner_rows'], 'row')}, {size(row['heap_bytes'])}; "
                "each write maintains the index from then on",
                await oldest_transaction(facts),
                "restart needed: no",
            ),
            reversible=f"DROP INDEX CONCURRENTLY {name}",
            alternatives=(
                "plan_of_statement first: would the planner use it?",
                "do nothing: it stays as slow as it is",
            ),
            confirmation=row["relation"],
            captured_at=utc_now(),
            undo={"tool": "drop_index_concurrently", "arguments": {"index": name}},
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Build it and look whether it is valid."""
        victim = preview.victims[0].identity
        name = _qualified(victim["schema_name"], victim["index"])
        try:
            await act(
                target,
                victim["statement"].encode(),
                limit_ms=NO_LIMIT_MS,
                lock_timeout_ms=OLD_TRANSACTIONS_MS,
            )
        except ActFailed as error:
            text = f"Creating {name} failed: {error}. An invalid index of that name may be left; drop it."
            return Outcome(False, text, verified=False)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("index", {"index": name})
            return row is not None and bool(row["valid"]), f"It has {size(row['bytes'])}." if row else ""

        return await confirmed(self.reader, target, f"Created index {name}.", look)


async def _table(facts: Facts, relation: str) -> Row:
    not_on_standby(await facts.server())
    row = await table_row(facts, "table_facts", {"relation": relation})
    if row is None or row["schema_name"] in ("pg_catalog", "information_schema"):
        raise Refused(f"there is no user table {relation} here")
    if row["kind"] == "partitioned table":
        raise Refused(f"{relation} is partitioned: make the index on each partition, then attach them")
    return row


async def _check_columns(facts: Facts, relation: str, columns: Sequence[str]) -> None:
    known = {row["column_name"] for row in await facts.rows("table_columns", {"relation": relation})}
    for column in columns:
        if column not in known:
            raise Refused(f"{relation} has no column {column}")


async def _refuse_second(facts: Facts, relation: str, columns: Sequence[str]) -> None:
    for row in await facts.rows("table_indexes", {"relation": relation}):
        if row["valid"] and not row["partial"] and row["columns"][: len(columns)] == list(columns):
            raise Refused(f"{row['index']} begins with these columns already")


async def _free_name(facts: Facts, row: Row, columns: Sequence[str]) -> str:
    """A name that tells table and columns, as the server would choose it, and that no index has."""
    stem = "_".join((row["table_name"], *columns))
    for number in range(10):
        tail = f"_idx{number or ''}"
        name = stem.encode()[: NAME_BYTES - len(tail)].decode(errors="ignore") + tail
        if await facts.row("index", {"index": _qualified(row["schema_name"], name)}) is None:
            return name
    raise Refused(f"{row['relation']} has ten indexes of the name {stem}_idx already")


def _victim(row: Row, index: str, statement: str) -> Victim:
    identity = {**{key: row[key] for key in ("relation", "oid", "schema_name")}, "index": index}
    shown = ("planner_rows", "heap_bytes", "indexes", "inserts", "updates", "deletes")
    return Victim({**identity, "statement": statement}, {key: row[key] for key in shown})


def _create(row: Row, index: str, columns: Sequence[str]) -> bytes:
    from psycopg import sql

    return composed(
        "CREATE INDEX CONCURRENTLY {index} ON {table} ({columns})",
        index=sql.Identifier(index),
        table=sql.Identifier(row["schema_name"], row["table_name"]),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
    )


def _qualified(schema: str, name: str) -> str:
    from psycopg import sql

    return composed("{name}", name=sql.Identifier(schema, name)).decode()
