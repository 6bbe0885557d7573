"""What a fault is, and the parts that faults are made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from helpdesk_tui.demo.embedded import EmbeddedServer

POLL_S = 0.02
PATIENCE_S = 60.0
DATABASE = "shop"
APPLICATION_ROLE = "shop_app"

Connection = psycopg.AsyncConnection[Any]
Making = Callable[[EmbeddedServer, str], AbstractAsyncContextManager[None]]
"""Server and database → a context in which the fault is there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that can be made."""

    name: str
    """Id of the condition that finds it."""
    title: str
    story: str
    """What the operator is told: the symptom, never the cause."""
    make: Making = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the server must be started with."""
    grows_s: float = 0.0
    """Seconds after which it is more than a passing moment."""
    mended_by_tool: bool = True
    """False where the operator has to mend it by hand."""


async def prepare(server: EmbeddedServer, database: str = DATABASE) -> None:
    """A database with a few tables of an application role."""
    async with connected(server, "postgres") as admin:
        await admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        exists = await value(admin, "SELECT count(*) FROM pg_roles WHERE rolname = %s", [APPLICATION_ROLE])
        if not exists:
            await admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(APPLICATION_ROLE)))
    async with connected(server, database) as admin:
        await admin.execute("CREATE TABLE public.orders (id int PRIMARY KEY, state text NOT NULL)")
        await admin.execute("INSERT INTO public.orders SELECT n, 'new' FROM generate_series(1, 2000) n")
        await admin.execute("VACUUM ANALYZE public.orders")
        role = sql.Identifier(APPLICATION_ROLE)
        await admin.execute(sql.SQL("ALTER TABLE public.orders OWNER TO {}").format(role))


@asynccontextmanager
async def connected(
    server: EmbeddedServer, database: str, application: str = "fault-maker", user: str = "postgres"
) -> AsyncIterator[Connection]:
    """A session in autocommit mode, closed with the context."""
    conninfo = make_conninfo(server.conninfo(user=user, dbname=database), application_name=application)
    connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
    try:
        yield connection
    finally:
        await connection.close()


def application(server: EmbeddedServer, database: str, name: str) -> AbstractAsyncContextManager[Connection]:
    """A session of the application role under the application's name."""
    return connected(server, database, name, APPLICATION_ROLE)


async def value(connection: Connection, query: str, values: list[Any] | None = None) -> Any:
    """The one value that a query gives."""
    row = await (await connection.execute(query.encode(), values)).fetchone()
    return row[0] if row else None


async def until(connection: Connection, query: str, values: list[Any] | None = None) -> None:
    """Return once the query gives true; TimeoutError where it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await value(connection, query, values):
                return
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def running(*work: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Let the coroutines go on in the background while the context is open; their errors end them alone."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_waiting(admin: Connection, *pids: int) -> None:
    """Return once each of these sessions waits for a lock."""
    query = "SELECT count(DISTINCT pid) = %s FROM pg_locks WHERE NOT granted AND pid = ANY(%s)"
    await until(admin, query, [len(pids), list(pids)])
