"""Faults, made for real on a database of its own, and taken away at the end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from helpdesk_tui.demo.embedded import EmbeddedServer
from tests.conftest import Database

POLL_S = 0.02
PATIENCE_S = 60.0

Connection = psycopg.AsyncConnection[Any]


class Faults:
    """Sessions of an ordinary application role, with a small table they quarrel over."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.role = f"app_{secrets.token_hex(4)}"
        self._stack = AsyncExitStack()
        self._running: list[asyncio.Task[Any]] = []
        self._slots: list[str] = []

    async def __aenter__(self) -> Self:
        self.admin = await self.connect("postgres", "fault-maker")
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
            await admin.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ANY(%s)",
                [self._slots],
            )
            name = sql.Identifier(self.role)
            await admin.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(name))
            await admin.execute(sql.SQL("DROP ROLE {}").format(name))

    async def session(self, application: str = "shop-web") -> Connection:
        """A session of the application role, closed at the end."""
        return await self.connect(self.role, application)

    async def idle_writer(self, row: int = 1) -> Connection:
        """A session that has updated a row and sits in its transaction."""
        session = await self.session("billing-worker")
        await session.execute("BEGIN")
        await session.execute("UPDATE public.stock SET amount = amount + 1 WHERE id = %s", [row])
        return session

    async def superuser(self) -> Connection:
        """Another session of the superuser."""
        return await self.connect("postgres", "second-fault-maker")

    async def waiters(self, count: int, row: int = 1, watcher: Connection | None = None) -> list[int]:
        """Pids of `count` sessions that wait for the row."""
        statement = f"UPDATE public.stock SET amount = amount + 1 WHERE id = {row}"
        return [await self.waiting(statement, watcher) for _ in range(count)]

    async def waiting(self, statement: str, watcher: Connection | None = None) -> int:
        """Pid of a session that waits for the lock that `statement` needs."""
        session = await self.session()
        self.run(session.execute(statement.encode()))
        await self.until_waiting(session.info.backend_pid, watcher=watcher)
        return session.info.backend_pid

    async def identity(self, pid: int) -> dict[str, Any]:
        """`pid` and `backend_start` as the tools want them."""
        started = await self.value("SELECT backend_start FROM pg_stat_activity WHERE pid = %s", [pid])
        return {"pid": pid, "backend_start": started.isoformat()}

    async def value(self, query: str, values: list[Any] | None = None) -> Any:
        """The one value that a query gives the superuser."""
        row = await (await self.admin.execute(query.encode(), values)).fetchone()
        assert row is not None, query
        return row[0]

    async def chain(self, length: int, settle_s: float = 0.6) -> tuple[int, list[int]]:
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
        await self.until_idle(root, settle_s)
        return root.info.backend_pid, waiters

    async def snapshot_holder(self) -> Connection:
        """A session that sits in a transaction and keeps every row it could see."""
        session = await self.session("nightly-report")
        await session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await session.execute("SELECT count(*) FROM public.stock")
        return session

    async def bloat(self, relation: str, rows: int = 40_000, options: str = "fillfactor = 100") -> None:
        """A table of 20 MiB and more, half of it dead."""
        await self.admin.execute(f"CREATE TABLE {relation} (id int, note text) WITH ({options})".encode())
        fill = f"INSERT INTO {relation} SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, {rows}) n"
        await self.admin.execute(fill.encode())
        await self.admin.execute(f"VACUUM ANALYZE {relation}".encode())
        await self.admin.execute(f"UPDATE {relation} SET id = id + 1".encode())
        # Counters of a session reach the others once it goes idle, at the latest when it ends.
        await self.until(
            "SELECT n_dead_tup >= %s FROM pg_stat_user_tables WHERE relid = %s::regclass", [rows, relation]
        )

    async def slot(self, name: str) -> str:
        """A physical replication slot that keeps WAL from now on; dropped at the end where it is still there."""
        await self.admin.execute("SELECT pg_create_physical_replication_slot(%s, true)", [name])
        self._slots.append(name)
        return name

    async def invalid_unique_index(self, name: str) -> None:
        """What CREATE UNIQUE INDEX CONCURRENTLY leaves where there are duplicates."""
        with contextlib.suppress(psycopg.errors.UniqueViolation):
            await self.admin.execute(
                f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON public.stock (amount)".encode()
            )

    async def reconnect(self) -> None:
        """A new superuser session, after the server was restarted."""
        self.admin = await self.connect("postgres", "fault-maker")

    async def spend_wal(self, segments: int) -> None:
        """Move the WAL position on by so many segments."""
        for _ in range(segments):
            await self.admin.execute("SELECT pg_switch_wal()")
            await self.admin.execute("UPDATE public.stock SET amount = amount WHERE id = 50")

    def run(self, coroutine: Any) -> asyncio.Task[Any]:
        """Let it go on in the background until the faults are taken away."""
        task: asyncio.Task[Any] = asyncio.create_task(coroutine)
        self._running.append(task)
        return task

    async def until_waiting(self, *pids: int, watcher: Connection | None = None) -> None:
        """Return once each of them waits for a lock."""
        await self.until(
            "SELECT count(*) = %s FROM pg_locks WHERE NOT granted AND pid = ANY(%s)",
            [len(pids), list(pids)],
            watcher,
        )

    async def until_idle(self, session: Connection, seconds: float) -> None:
        """Return once a session has kept its state for that long."""
        await self.until(
            "SELECT clock_timestamp() - state_change > make_interval(secs => %s)"
            " FROM pg_stat_activity WHERE pid = %s",
            [seconds, session.info.backend_pid],
        )

    async def close(self, *sessions: Connection) -> None:
        """Close sessions; returns once the server has let go of them."""
        pids = [session.info.backend_pid for session in sessions if not session.closed]
        for session in sessions:
            await session.close()
        await self.until("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = ANY(%s)", [pids])

    async def until(
        self, query: str, values: list[Any] | None = None, watcher: Connection | None = None
    ) -> None:
        """Return once a query gives true."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                row = await (await (watcher or self.admin).execute(query.encode(), values)).fetchone()
                if row is not None and row[0]:
                    return
                await asyncio.sleep(POLL_S)

    async def connect(self, user: str, application: str) -> Connection:
        conninfo = self.database.conninfo(user)
        made = await psycopg.AsyncConnection.connect(conninfo, autocommit=True, application_name=application)
        self._stack.push_async_callback(made.close)
        return made


@contextmanager
def replication(server: EmbeddedServer, slot: str) -> Iterator[None]:
    """A real consumer of a physical slot, connected while the context is open."""
    with psycopg.connect(f"{server.conninfo()} replication=database", autocommit=True) as consumer:
        (here,) = consumer.execute("SELECT pg_current_wal_lsn()::text").fetchone() or ("",)
        consumer.pgconn.send_query(f"START_REPLICATION SLOT {slot} PHYSICAL {here}".encode())
        consumer.pgconn.flush()
        yield
        consumer.pgconn.finish()


async def _transaction(session: Connection, statements: tuple[str, ...]) -> None:
    async with session.transaction():
        for statement in statements:
            await session.execute(statement.encode())
