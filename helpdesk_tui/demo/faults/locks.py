"""Sessions that wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from helpdesk_tui.demo.embedded import EmbeddedServer
from helpdesk_tui.demo.faults.fault import Fault, application, connected, running, until_waiting

WAITERS = 4
GROWS_S = 5.5
"""Waits for locks are a warning from 5 s on."""
_PAY = b"UPDATE public.orders SET state = 'paid' WHERE id = 42"


@asynccontextmanager
async def blocking_tree(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """A session idle in its transaction, and four that wait for the row it has written."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(server, database))
        root = await stack.enter_async_context(application(server, database, "billing-worker"))
        await root.execute("BEGIN")
        await root.execute("UPDATE public.orders SET state = 'billing' WHERE id = 42")
        for _ in range(WAITERS):
            waiter = await stack.enter_async_context(application(server, database, "checkout-api"))
            await stack.enter_async_context(running(waiter.execute(_PAY)))
            await until_waiting(admin, waiter.info.backend_pid)
        yield


@asynccontextmanager
async def ddl_queue(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """A long report, a DDL statement that waits for it, and everybody else behind the DDL statement."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(server, database))
        report = await stack.enter_async_context(application(server, database, "nightly-report"))
        await report.execute("BEGIN")
        await report.execute("SELECT count(*) FROM public.orders")
        statements = [b"ALTER TABLE public.orders ADD COLUMN note text"]
        statements += [b"SELECT count(*) FROM public.orders"] * WAITERS
        for place, statement in enumerate(statements):
            name = "checkout-api" if place else "migration"
            session = await stack.enter_async_context(application(server, database, name))
            await stack.enter_async_context(running(session.execute(statement)))
            await until_waiting(admin, session.info.backend_pid)
        yield


@asynccontextmanager
async def advisory_stuck(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """An advisory lock that an idle session kept, and the jobs that wait for it."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(server, database))
        holder = await stack.enter_async_context(application(server, database, "job-runner"))
        await holder.execute("SELECT pg_advisory_lock(4711)")
        for _ in range(WAITERS):
            session = await stack.enter_async_context(application(server, database, "job-runner"))
            await stack.enter_async_context(running(session.execute("SELECT pg_advisory_lock(4711)")))
            await until_waiting(admin, session.info.backend_pid)
        yield


@asynccontextmanager
async def blocked_by_prepared(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """A prepared transaction that nobody ended, and the sessions that wait for its row."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(server, database))
        async with application(server, database, "transaction-manager") as session:
            await session.execute("BEGIN")
            await session.execute("UPDATE public.orders SET state = 'prepared' WHERE id = 42")
            await session.execute("PREPARE TRANSACTION 'order-42'")
        for _ in range(WAITERS):
            waiter = await stack.enter_async_context(application(server, database, "checkout-api"))
            await stack.enter_async_context(running(waiter.execute(_PAY)))
            await until_waiting(admin, waiter.info.backend_pid)
        yield


async def deadlock_once(server: EmbeddedServer, database: str) -> tuple[int, int]:
    """Make one deadlock; the pids of both sessions."""
    async with (
        application(server, database, "checkout-api") as one,
        application(server, database, "refund-job") as two,
    ):
        for session, row in ((one, 1), (two, 2)):
            await session.execute("BEGIN")
            await session.execute("UPDATE public.orders SET state = 'locked' WHERE id = %s", [row])
        crossing = [
            session.execute("UPDATE public.orders SET state = 'crossed' WHERE id = %s", [row])
            for session, row in ((one, 2), (two, 1))
        ]
        await asyncio.gather(*crossing, return_exceptions=True)
        return one.info.backend_pid, two.info.backend_pid


FAULTS = (
    Fault("lock.blocking_tree", "Blocking chain behind an idle transaction", "Checkout hangs since a few minutes.", blocking_tree),
    Fault("lock.ddl_queue", "Queue behind a DDL statement", "A deployment began, and now every page hangs.", ddl_queue),
    Fault("lock.advisory_stuck", "Advisory lock of an idle session", "The background jobs stand still.", advisory_stuck, grows_s=GROWS_S),
    Fault(
        "lock.blocked_by_prepared",
        "Prepared transaction that nobody ended",
        "Some orders can't be paid; no session seems to hold them.",
        blocked_by_prepared,
        {"max_prepared_transactions": "5"},
        grows_s=GROWS_S,
    ),
)  # fmt: skip
