"""Faults, made for real on a database of its own, and taken away at the end."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from tests.conftest import Database

POLL_S = 0.02
PATIENCE_S = 20.0

Connection = psycopg.AsyncConnection[Any]


class Faults:
    """Sessions of an ordinary application role, with a small table they quarrel over."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.role = f"app_{secrets.token_hex(4)}"
        self._stack = AsyncExitStack()
        self._running: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> Self:
        self.admin = await self._connect("postgres", "fault-maker")
        await self.admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(self.role)))
        await self.admin.execute("CREATE TABLE public.stock (id int PRIMARY KEY, amount int NOT NULL)")
        await self.admin.execute("INSERT INTO public.stock SELECT n, 0 FROM generate_series(1, 50) n")
        await self.admin.execute("VACUUM ANALYZE public.stock")
        owner = sql.SQL("ALTER TABLE public.stock OWNER TO {}").format(sql.Identifier(self.role))
        await self.admin.execute(owner)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._stack.aclose()
        async with await psycopg.AsyncConnection.connect(self.database.conninfo(), autocommit=True) as admin:
            name = sql.Identifier(self.role)
            await admin.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(name))
            await admin.execute(sql.SQL("DROP ROLE {}").format(name))

    async def session(self, application: str = "shop-web") -> Connection:
        """A session of the application role, closed at the end."""
        return await self._connect(self.role, application)

    async def idle_writer(self, row: int = 1) -> Connection:
        """A session that has updated a row and sits in its transaction."""
        session = await self.session("billing-worker")
        await session.execute("BEGIN")
        await session.execute("UPDATE public.stock SET amount = amount + 1 WHERE id = %s", [row])
        return session

    async def chain(self, length: int) -> tuple[int, list[int]]:
        """An idle writer and `length` sessions that wait in a row, each holding what the next one wants."""
        root = await self.idle_writer()
        waiters = []
        for place in range(1, length + 1):
            session = await self.session()
            statements = (
                f"UPDATE public.stock SET amount = amount + 1 WHERE id = {place + 1}",
                f"UPDATE public.stock SET amount = amount + 1 WHERE id = {place}",
            )
            self.run(_transaction(session, statements))
            waiters.append(session.info.backend_pid)
            await self.until_waiting(*waiters)
        await self.until_idle(root, 0.6)
        return root.info.backend_pid, waiters

    def run(self, coroutine: Any) -> asyncio.Task[Any]:
        """Let it go on in the background until the faults are taken away."""
        task: asyncio.Task[Any] = asyncio.create_task(coroutine)
        self._running.append(task)
        return task

    async def until_waiting(self, *pids: int) -> None:
        """Return once each of them waits for a lock."""
        await self.until(
            "SELECT count(*) = %s FROM pg_locks WHERE NOT granted AND pid = ANY(%s)", [len(pids), list(pids)]
        )

    async def until_idle(self, session: Connection, seconds: float) -> None:
        """Return once a session has kept its state for that long."""
        await self.until(
            "SELECT clock_timestamp() - state_change > make_interval(secs => %s)"
            " FROM pg_stat_activity WHERE pid = %s",
            [seconds, session.info.backend_pid],
        )

    async def until(self, query: str, values: list[Any] | None = None) -> None:
        """Return once a query gives true."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                row = await (await self.admin.execute(query.encode(), values)).fetchone()
                if row is not None and row[0]:
                    return
                await asyncio.sleep(POLL_S)

    async def _connect(self, user: str, application: str) -> Connection:
        conninfo = self.database.conninfo(user)
        made = await psycopg.AsyncConnection.connect(conninfo, autocommit=True, application_name=application)
        self._stack.push_async_callback(made.close)
        return made


async def _transaction(session: Connection, statements: tuple[str, ...]) -> None:
    async with session.transaction():
        for statement in statements:
            await session.execute(statement.encode())
