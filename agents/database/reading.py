"""Statements run on a target: few connections, strict limits, evidence or a reason why not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.database.snapshot import ReadFailure
from agents.database.statement import LIMIT_MS, SCHEMA, Statement
from agents.database.wording import granted
from agents.kernel import targets
from agents.kernel.canonical import jsonable, storable_json, utc_now
from agents.kernel.records import Evidence
from agents.kernel.running import current
from agents.log.masked import NAMES
from inventory.failure import ConnectFailed
from inventory.masking import mask

if TYPE_CHECKING:
    import psycopg

    from inventory.target import Target

CONNECTIONS = 2
"""Connections to one target at the same time, whatever reads."""
STATEMENT_TIMEOUT_MS = LIMIT_MS
GRACE_S = 2.0
"""A statement that runs this much longer than its `statement_timeout`: the server or the way to it is gone."""
CANCEL_S = 0.5
"""How long a cancelled read tries to tell the server; it stops by itself after STATEMENT_TIMEOUT_MS."""
WHOLE_ROWS = 1000
"""Rows of a statement that are kept beside the log where the evidence holds fewer."""
LIST_ROWS = 50
"""A statement whose evidence holds fewer rows is cut on purpose."""
MASKED_FROM = 12
"""Characters; a shorter text holds no secret that can be told from a word."""

NO_PRIVILEGE = "42501"
NOT_THERE = {"42P01": "view", "42703": "column", "42883": "function", "42704": "object"}
TIMED_OUT = {"57014": "took longer than {limit} ms", "55P03": "had to wait for a lock"}
FIND_EXTENSION = """
SELECT pg_catalog.quote_ident(n.nspname)
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = %s"""


class ReadFailed(Exception):
    """A statement gave an error; the server is still there."""

    def __init__(self, failure: ReadFailure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class ServerLost(Exception):
    """The connection broke while a statement ran, or the server stopped answering."""


@dataclass(slots=True)
class _Pool:
    """Connections to one target, open while somebody holds a lease."""

    target: Target
    leases: int = 0
    free: list[psycopg.AsyncConnection[Any]] = field(default_factory=list)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))


class Reader:
    """Runs read statements. Connections are shared by all who read the same target at the same time."""

    def __init__(self) -> None:
        self._pools: dict[str, _Pool] = {}
        self._refusals: dict[str, ConnectFailed] = {}

    @asynccontextmanager
    async def lease(self, target: str) -> AsyncIterator[None]:
        """Keep connections to `target` open between the reads made inside."""
        pool = self._pools.setdefault(target, _Pool(targets.find(target)))
        pool.leases += 1
        try:
            yield
        finally:
            pool.leases -= 1
            if not pool.leases:
                self._pools.pop(target, None)
                await _close(pool)

    async def read(self, statement: Statement, arguments: Mapping[str, Any], target: str) -> Evidence:
        """The rows of `statement`. Raises ReadFailed, ServerLost, or ConnectFailed from inventory."""
        async with self.lease(target):
            pool = self._pools[target]
            async with pool.slots, self._connection(pool, target) as connection:
                return await fetch(connection, statement, arguments, target)

    def refusal(self, target: str) -> ConnectFailed | None:
        """Why the last attempt to connect failed, handed out once."""
        return self._refusals.pop(target, None)

    async def close(self) -> None:
        """Close every connection, also those that somebody still leases."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await _close(pool)

    @asynccontextmanager
    async def _connection(self, pool: _Pool, target: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        connection = pool.free.pop() if pool.free else await self._open(pool.target, target)
        try:
            yield connection
        except ReadFailed:
            pool.free.append(connection)
            raise
        except BaseException:
            await connection.close()
            raise
        else:
            pool.free.append(connection)

    async def _open(self, found: Target, name: str) -> psycopg.AsyncConnection[Any]:
        from inventory.connection import connect

        try:
            return await connect(found, application="read", statement_timeout_ms=STATEMENT_TIMEOUT_MS)
        except ConnectFailed as failure:
            self._refusals[name] = failure
            raise


async def _close(pool: _Pool) -> None:
    while pool.free:
        await pool.free.pop().close()


async def fetch(
    connection: psycopg.AsyncConnection[Any], statement: Statement, arguments: Mapping[str, Any], target: str
) -> Evidence:
    """The rows of `statement`, read on this very connection. Raises ReadFailed or ServerLost."""
    import psycopg

    sql = statement.variant_for(connection.info.server_version).sql
    values = {**arguments, "row_limit": _most_rows(statement) + 1}
    captured_at, began = utc_now(), time.perf_counter()
    try:
        if statement.extension:
            sql = sql.replace(SCHEMA, await _extension_schema(connection, statement.extension))
        cursor, fetched = await _answer(connection, sql.encode(), values, statement.limit_ms)
    except psycopg.Error as error:
        if connection.closed:
            raise ServerLost(str(error)) from error
        raise ReadFailed(_failure(error, statement, connection.info.user)) from error
    columns = tuple(column.name for column in cursor.description or ())
    rows = [
        tuple(_shown(name, value) for name, value in zip(columns, row, strict=True))
        for row in fetched[: statement.row_limit]
    ]
    if len(fetched) > statement.row_limit:
        _keep_whole(columns, fetched)
    return Evidence.capture(
        tool=statement.name,
        statement=written_out(sql, {**arguments, "row_limit": statement.row_limit}),
        target=target,
        captured_at=captured_at,
        duration_ms=round((time.perf_counter() - began) * 1000, 3),
        columns=columns,
        rows=tuple(rows),
        truncated=len(fetched) > statement.row_limit,
    )


def _most_rows(statement: Statement) -> int:
    """Rows that are read for the record: more than the evidence holds, where it is a list that may be long."""
    return max(statement.row_limit, WHOLE_ROWS) if statement.row_limit >= LIST_ROWS else statement.row_limit


def _keep_whole(columns: tuple[str, ...], fetched: list[tuple[Any, ...]]) -> None:
    """Keep all rows beside the log, one JSON array on a line, the names of the columns first."""
    with suppress(LookupError):
        current().keep(lambda: "\n".join(storable_json(jsonable(row)) for row in (columns, *fetched)))


Values = Mapping[str, Any] | tuple[Any, ...]
Rows = tuple["psycopg.AsyncCursor[Any]", list[tuple[Any, ...]]]


async def _extension_schema(connection: psycopg.AsyncConnection[Any], name: str) -> str:
    """Schema of an installed extension, quoted. Raises ReadFailed where it isn't installed."""
    _, rows = await _answer(connection, FIND_EXTENSION.encode(), (name,), LIMIT_MS)
    if not rows:
        words = f"extension {name} is not installed in database {connection.info.dbname}"
        raise ReadFailed(ReadFailure(words, f"CREATE EXTENSION {name}"))
    return str(rows[0][0])


async def _answer(
    connection: psycopg.AsyncConnection[Any], sql: bytes, values: Values, limit_ms: int
) -> Rows:
    """Run it. Raises ServerLost where nothing comes back; hangs up rather than wait for a frozen server."""
    running = asyncio.create_task(_run(connection, sql, values, limit_ms))
    patience_s = limit_ms / 1000 + GRACE_S
    try:
        done, _ = await asyncio.wait({running}, timeout=patience_s)
    except asyncio.CancelledError:
        with suppress(Exception):
            await connection.cancel_safe(timeout=CANCEL_S)
        await _hang_up(connection, running)
        raise
    if not done:
        await _hang_up(connection, running)
        raise ServerLost(f"no answer within {patience_s:.0f} s")
    return running.result()


async def _run(connection: psycopg.AsyncConnection[Any], sql: bytes, values: Values, limit_ms: int) -> Rows:
    if limit_ms == STATEMENT_TIMEOUT_MS:
        cursor = await connection.execute(sql, values)
        return cursor, await cursor.fetchall()
    async with connection.transaction():
        await connection.execute(f"SET LOCAL statement_timeout = {limit_ms}".encode())
        cursor = await connection.execute(sql, values)
        return cursor, await cursor.fetchall()


async def _hang_up(connection: psycopg.AsyncConnection[Any], running: asyncio.Task[Rows]) -> None:
    # The driver would ask the server to cancel, and wait for its answer, on a connection still open.
    connection.pgconn.finish()
    running.cancel()
    await asyncio.wait({running})


def _shown(column: str, value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) < MASKED_FROM or column in NAMES else mask(value)
    return jsonable(value)


def written_out(sql: str, values: Mapping[str, Any]) -> str:
    """The statement as it can be pasted into psql, with its values in place of the parameters."""
    sql = sql.replace(f"{SCHEMA}.", "")
    for name, value in values.items():
        sql = sql.replace(f"%({name})s", _literal(value))
    return sql.replace("%%", "%")


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower()


def _failure(error: psycopg.Error, statement: Statement, role: str) -> ReadFailure:
    """The server's error as a reason and what would help."""
    state = error.sqlstate or ""
    words = (error.diag.message_primary or str(error)).strip()
    if state == NO_PRIVILEGE:
        return ReadFailure(words, granted(statement.grant or "GRANT pg_monitor TO {role}", role), state)
    if state in NOT_THERE:
        return ReadFailure(f"this server lacks a {NOT_THERE[state]}: {words}", "", state)
    if state in TIMED_OUT:
        why = TIMED_OUT[state].format(limit=statement.limit_ms)
        return ReadFailure(f"{statement.name} {why}", "try again when the server is less busy", state)
    return ReadFailure(words, "", state)
