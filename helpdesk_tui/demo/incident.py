"""Two in the morning, for real: a blocking chain, a forgotten replication slot, a table nobody vacuums.

Nothing here is simulated: the sessions are real backends that really wait, and they go on by
themselves once the session at the root of the chain has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

DATABASE = "shop"
SLOT = "standby_dr"
WAITERS = 6
POLL_S = 0.02

ROOT_STATEMENT = "UPDATE shop.orders SET state = 'billing' WHERE id = 42"
"""What the session at the root did before it fell asleep in its transaction."""

CHAIN: Sequence[tuple[str, tuple[LiteralString, ...]]] = (
    (
        "checkout-api",
        (
            "UPDATE shop.stock SET on_hand = on_hand - 1 WHERE sku = 'SKU-7'",
            "UPDATE shop.orders SET state = 'paid' WHERE id = 42",
        ),
    ),
    (
        "stock-sync",
        (
            "UPDATE shop.customers SET created_at = created_at WHERE id = 9",
            "UPDATE shop.stock SET on_hand = 90 WHERE sku = 'SKU-7'",
        ),
    ),
    ("crm-export", ("UPDATE shop.customers SET email = lower(email) WHERE id = 9",)),
    ("checkout-api", ("UPDATE shop.orders SET state = 'paid' WHERE id = 42",)),
    ("refund-job", ("DELETE FROM shop.orders WHERE id = 42",)),
    ("checkout-api", ("UPDATE shop.stock SET on_hand = on_hand - 2 WHERE sku = 'SKU-7'",)),
)
"""Who waits, in order of arrival: application and its statements; the last one of each waits."""


async def prepare(superuser_conninfo: str, password: str) -> None:
    """Load the shop, set the password of `dba`, forget a slot, and bloat a table without autovacuum."""
    async with await psycopg.AsyncConnection.connect(superuser_conninfo, autocommit=True) as admin:
        await admin.execute(f"CREATE DATABASE {DATABASE}")
    shop = make_conninfo(superuser_conninfo, dbname=DATABASE)
    async with await psycopg.AsyncConnection.connect(shop, autocommit=True) as admin:
        await admin.execute(Path(__file__).with_name("shop.sql").read_text())
        secret = sql.Literal(password)
        await admin.execute(sql.SQL("ALTER ROLE dba PASSWORD {}").format(secret))
    async with await psycopg.AsyncConnection.connect(shop, autocommit=True) as admin:
        await admin.execute("VACUUM ANALYZE")
        await admin.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])
        for _ in range(2):
            await admin.execute("UPDATE shop.carts SET touched = touched + 1")
        await _spend_wal(admin)


async def _spend_wal(admin: psycopg.AsyncConnection) -> None:
    """Move the WAL position on until the slot holds back what a forgotten standby would in an hour."""
    for _ in range(8):
        await admin.execute("SELECT pg_switch_wal()")
        await admin.execute("UPDATE shop.stock SET on_hand = on_hand WHERE sku = 'SKU-1'")


@asynccontextmanager
async def incident(superuser_conninfo: str) -> AsyncIterator[None]:
    """The blocking chain, while the context is open: one session idle in transaction, `WAITERS` behind it."""
    async with AsyncExitStack() as stack:
        root = await _session(stack, superuser_conninfo, "billing-worker")
        await root.execute("BEGIN")
        await root.execute(ROOT_STATEMENT)
        waiting: list[asyncio.Task[None]] = []
        async with await psycopg.AsyncConnection.connect(superuser_conninfo, autocommit=True) as admin:
            for place, (application, statements) in enumerate(CHAIN, start=1):
                session = await _session(stack, superuser_conninfo, application)
                waiting.append(asyncio.create_task(_transaction(session, statements)))
                await _until_waiting(admin, place)
        try:
            yield
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


async def _session(stack: AsyncExitStack, conninfo: str, application: str) -> psycopg.AsyncConnection:
    """A session of the shop's application role, closed with the stack."""
    mine = make_conninfo(conninfo, dbname=DATABASE, user="shop_app", application_name=application)
    connection = await psycopg.AsyncConnection.connect(mine, autocommit=True)
    stack.push_async_callback(connection.close)
    return connection


async def _transaction(session: psycopg.AsyncConnection, statements: Sequence[LiteralString]) -> None:
    """One transaction of an application that waits as long as it must; its error ends it, as in life."""
    try:
        async with session.transaction():
            for statement in statements:
                await session.execute(statement)
    except psycopg.Error:
        return


async def _until_waiting(admin: psycopg.AsyncConnection, count: int) -> None:
    while True:
        row = await (
            await admin.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
            )
        ).fetchone()
        if row is not None and row[0] >= count:
            return
        await asyncio.sleep(POLL_S)
