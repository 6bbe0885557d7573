"""`run_sql`: a statement that the operator typed. It reads, within limits, under the monitor role where there is one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agents.database.free_functions import refuse_volatile
from agents.database.free_statement import LONGEST, FreeStatement, read_statement
from agents.database.reading import ReadFailed
from agents.database.snapshot import ReadFailure
from agents.kernel import targets
from agents.kernel.canonical import jsonable, utc_now
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool
from inventory.masking import mask

if TYPE_CHECKING:
    import psycopg

RUN_SQL = "run_sql"
ROWS = 200
"""Rows where the call says nothing."""
MOST_ROWS = 5_000
BYTES = 1_000_000
"""Characters of all values together; what is longer is cut."""
SECONDS = 5
MOST_SECONDS = 50
"""A call of the executor ends after 60 s."""
SCHEMAS = ("public",)
SUMMARY = (
    "One SELECT, VALUES, TABLE, SHOW or EXPLAIN, typed by a person, in a read-only transaction with limits"
)
PARAMETERS = {
    "type": "object",
    "properties": {
        "statement": {"type": "string", "minLength": 1, "maxLength": LONGEST, "description": "one statement"},
        "rows": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "description": f"most rows; {ROWS}"},
        "seconds": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_SECONDS,
            "description": f"how long the server may work on it; {SECONDS}",
        },
        "schemas": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "maxItems": 20,
            "description": "where its unqualified names are looked for after pg_catalog; public where not given",
        },
    },
    "required": ["statement"],
    "additionalProperties": False,
}
_AS_TEXT = ("date", "time", "timetz", "timestamp", "timestamptz", "interval", "numeric", "json", "jsonb")
"""Types that are shown as the server writes them: the driver's own values hold less."""


def free_tool() -> Tool:
    """`run_sql`, for people: a model gets it only where a rule of the policy names it."""

    async def run(arguments: Mapping[str, Any], target: str) -> Evidence:
        statement = read_statement(arguments["statement"])
        most = arguments.get("rows", ROWS)
        captured_at, began = utc_now(), time.perf_counter()
        async with _session(target, arguments) as connection:
            columns, rows, more = await _read(connection, statement, most, arguments)
        return Evidence.capture(
            tool=RUN_SQL,
            statement=mask(statement.text),
            target=target,
            captured_at=captured_at,
            duration_ms=round((time.perf_counter() - began) * 1000, 3),
            columns=columns,
            rows=rows,
            truncated=more,
        )

    return Tool(RUN_SQL, "read", SUMMARY, PARAMETERS, by_hand=True, run=run)


@asynccontextmanager
async def _session(target: str, arguments: Mapping[str, Any]) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A session of its own inside a read-only transaction, which nothing of it outlives."""
    from inventory.connection import connect

    found = targets.find(target)
    seconds = arguments.get("seconds", SECONDS)
    connection = await connect(found, application="sql", statement_timeout_ms=seconds * 1000)
    async with connection:
        _show_as_written(connection)
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if found.monitor_role:
            # A call takes the name as a parameter, which SET LOCAL ROLE does not.
            await connection.execute("SELECT pg_catalog.set_config('role', %s, true)", [found.monitor_role])
        yield connection


async def _read(
    connection: psycopg.AsyncConnection[Any],
    statement: FreeStatement,
    most: int,
    arguments: Mapping[str, Any],
) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...], bool]:
    """Columns, rows, and whether there was more. Raises Refused, or ReadFailed with the server's words."""
    import psycopg
    from psycopg import sql

    path = sql.SQL(", ").join(map(sql.Identifier, arguments.get("schemas") or SCHEMAS)).as_string(None)
    cursor = connection.cursor()
    try:
        await refuse_volatile(connection, statement)
        await connection.execute("SELECT pg_catalog.set_config('search_path', %s, true)", [path])
        # Streaming is the extended protocol, which takes one statement, and stops at the last row that is wanted.
        rows, more = await _within_limits(cursor.stream(statement.text.encode()), most)
    except psycopg.Error as error:
        raise ReadFailed(_failure(error, arguments.get("seconds", SECONDS))) from error
    columns = tuple(column.name for column in cursor.description or ())
    return columns, rows, more


async def _within_limits(
    stream: AsyncIterator[tuple[Any, ...]], most: int
) -> tuple[tuple[tuple[Any, ...], ...], bool]:
    rows: list[tuple[Any, ...]] = []
    left = BYTES
    async for row in stream:
        if len(rows) == most or left <= 0:
            return tuple(rows), True
        shown = []
        for value in row:
            cell = _cell(value, left)
            left -= len(str(cell))
            shown.append(cell)
        rows.append(tuple(shown))
    return tuple(rows), False


def _cell(value: Any, room: int) -> Any:
    plain = jsonable(value)
    if isinstance(plain, str):
        plain = mask(plain)
        room = max(room, 100)
        return plain if len(plain) <= room else f"{plain[:room]}… ({len(plain) - room} more characters)"
    return plain


def _show_as_written(connection: psycopg.AsyncConnection[Any]) -> None:
    from psycopg.types.string import TextLoader

    class Written(TextLoader):
        def load(self, data: bytes | bytearray | memoryview) -> str:
            return bytes(data).decode("utf-8", "replace")

    for name in _AS_TEXT:
        connection.adapters.register_loader(name, Written)


def _failure(error: psycopg.Error, seconds: int) -> ReadFailure:
    if error.sqlstate == "57014":
        return ReadFailure(
            f"it took longer than {seconds} s", "ask for less, or give it more seconds", "57014"
        )
    primary, hint = error.diag.message_primary or str(error), error.diag.message_hint or ""
    return ReadFailure(mask(primary.strip()), mask(hint), error.sqlstate or "")
