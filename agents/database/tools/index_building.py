"""Making an index without blocking writes: on columns of a table, or one that was dropped as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import (
    CANNOT_READ,
    NO_LIMIT_MS,
    RELATION,
    Facts,
    Look,
    carried_out,
    change_tool,
    composed,
    parameters,
)
from agents.database.tools.index_definition import Definition
from agents.database.tools.indexes import LOCK, LONGEST_DEFINITION, PATIENCE_MS
from agents.database.tools.locking import in_the_way, oldest_snapshot
from agents.database.tools.tables import relation_victim, user_table
from agents.database.wording import plural, size
from agents.kernel.tool import Outcome, Preview, Refused, Tool

NAME_BYTES = 63
"""Longest name that the server keeps."""
MOST_COLUMNS = 32
COLUMNS = {
    "type": "array",
    "items": {"type": "string", "minLength": 1},
    "minItems": 1,
    "maxItems": MOST_COLUMNS,
    "description": "names of the columns as they are, without quotes, in the order of the index",
}
DEFINITION = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_DEFINITION,
    "description": "CREATE INDEX … as pg_get_indexdef gave it",
}
TABLESPACE = {"type": "string", "description": "name of its tablespace; empty for the database's own"}


def tools(reader: Reader) -> tuple[Tool, ...]:
    return (
        change_tool(
            IndexBuild(reader),
            "create_index_concurrently",
            "write",
            "Creates a B-tree index on columns of a table without blocking writes",
            parameters(relation=RELATION, columns=COLUMNS),
        ),
        change_tool(
            IndexRestore(reader),
            "restore_index",
            "write",
            "Creates an index from its definition without blocking writes: undoes drop_index_concurrently",
            parameters(definition=DEFINITION, tablespace=TABLESPACE),
            by_hand=True,
        ),
    )


@dataclass(frozen=True, slots=True)
class IndexBuild:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table and the exact statement. Raises Refused where such an index is there, or can't be built so."""
        facts, columns = Facts(self.reader, target), arguments["columns"]
        row = await _table(facts, arguments["relation"])
        await _check_columns(facts, arguments["relation"], columns)
        await _refuse_second(facts, row["relation"], columns)
        index = await _free_name(facts, row, columns)
        return await _preview(facts, row, index, _create(row, index, columns).decode())

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Build it and look whether it is valid."""
        name = preview.victims[0].identity["index"]

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("index", {"index": name})
            return row is not None and bool(row["valid"]), f"It has {size(row['bytes'])}." if row else ""

        statement = preview.victims[0].identity["statement"].encode()
        return await _built(self.reader, target, name, statement, f"Created index {name}.", look)


@dataclass(frozen=True, slots=True)
class IndexRestore:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table and the exact statement. Raises Refused where the index is there, or is defined otherwise."""
        facts, wanted = Facts(self.reader, target), Definition.of(arguments["definition"])
        row = await _table(facts, wanted.relation)
        index = _qualified(row["schema_name"], wanted.index)
        if await facts.named("index", {"index": index}) is not None:
            raise Refused(f"there is an index {index} already")
        return await _preview(facts, row, wanted.index, wanted.concurrently)

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Build it and look whether it is defined as it was."""
        name = preview.victims[0].identity["index"]

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("index", {"index": name})
            same = row is not None and all(row[key] == value for key, value in arguments.items())
            return row is not None and same and bool(
                row["valid"]
            ), f"It has {size(row['bytes'])}." if row else ""

        from psycopg import sql

        place = composed("SET default_tablespace = {name}", name=sql.Literal(arguments["tablespace"]))
        statement = preview.victims[0].identity["statement"].encode()
        text = f"Created index {name} again."
        return await _built(self.reader, target, name, statement, text, look, before=place)


async def _preview(facts: Facts, row: Row, index: str, statement: str) -> Preview:
    name = _qualified(row["schema_name"], index)
    shown = ("planner_rows", "heap_bytes", "indexes", "inserts", "updates", "deletes")
    bound = {**row, "index": name, "statement": statement}
    return facts.preview(
        f"create index {index} on {row['relation']}",
        relation_victim(bound, "index", "statement", shown=shown),
        (
            statement,
            LOCK,
            *await in_the_way(facts, row["relation"], "ShareLock", PATIENCE_MS),
            *oldest_snapshot(await facts.rows("horizon"), PATIENCE_MS),
            f"reads {row['relation']} twice: {plural(row['planner_rows'], 'row')}, {size(row['heap_bytes'])}; "
            "each write maintains the index from then on",
        ),
        reversible=f"DROP INDEX CONCURRENTLY {name}",
        alternatives=(
            "plan_of_statement first: would the planner use it?",
            "do nothing: it stays as slow as it is",
        ),
        confirmation=row["relation"],
        undo={"tool": "drop_index_concurrently", "arguments": {"index": name}},
    )


async def _built(
    reader: Reader, target: str, name: str, statement: bytes, text: str, look: Look, before: bytes = b""
) -> Outcome:
    """Build it; where that failed, say whether it left an invalid index."""
    limits: dict[str, Any] = {"limit_ms": NO_LIMIT_MS, "lock_timeout_ms": PATIENCE_MS}
    outcome = await carried_out(reader, target, statement, text, look, before=before, **limits)
    if outcome.ok:
        return outcome
    try:
        row = await Facts(reader, target).row("index", {"index": name})
    except CANNOT_READ:
        return replace(outcome, text=f"{outcome.text} An invalid index {name} may be left; drop it.")
    left = f" It left the invalid index {name}: drop it." if row and not row["valid"] else ""
    return replace(outcome, text=outcome.text + left)


async def _table(facts: Facts, relation: str) -> Row:
    row = await user_table(facts, relation, "table_facts")
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
