"""Tables and indexes in a bad state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from helpdesk_tui.demo.embedded import EmbeddedServer
from helpdesk_tui.demo.faults.fault import Fault, connected, until


@asynccontextmanager
async def autovacuum_disabled(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """A table of some 20 MiB, half of it dead, for which somebody switched autovacuum off."""
    async with connected(server, database) as admin:
        await bloat(admin, "public.carts", "autovacuum_enabled = off")
    yield


async def bloat(
    admin: psycopg.AsyncConnection[object], relation: str, options: str, rows: int = 40_000
) -> None:
    """Make a table of which every second row version is dead."""
    await admin.execute(f"CREATE TABLE {relation} (id int PRIMARY KEY, items text) WITH ({options})".encode())
    fill = f"INSERT INTO {relation} SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, {rows}) n"
    await admin.execute(fill.encode())
    await admin.execute(f"VACUUM ANALYZE {relation}".encode())
    await admin.execute(f"UPDATE {relation} SET items = items || '.'".encode())
    # The counters of a session reach the others once it goes idle.
    dead = "SELECT n_dead_tup >= %s FROM pg_stat_user_tables WHERE relid = %s::regclass"
    await until(admin, dead, [rows, relation])


@asynccontextmanager
async def invalid_index(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """What is left of CREATE UNIQUE INDEX CONCURRENTLY over duplicates."""
    async with connected(server, database) as admin:
        with suppress(psycopg.errors.UniqueViolation):
            await admin.execute("CREATE UNIQUE INDEX CONCURRENTLY orders_state ON public.orders (state)")
    yield


FAULTS = (
    Fault(
        "vacuum.disabled_table",
        "Autovacuum switched off for a table",
        "The carts page gets slower every day.",
        autovacuum_disabled,
    ),
    Fault(
        "index.invalid",
        "Invalid index after a failed build",
        "The deployment of a new index failed last night; is anything left of it?",
        invalid_index,
    ),
)
