"""Faults of the host that only the server's log tells: a killed process, a full disk, a wrong configuration."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg

from helpdesk_tui.demo.embedded import EmbeddedServer
from helpdesk_tui.demo.faults.fault import POLL_S, Connection, Fault, connected, until, value
from inventory.errors import UserError

FULL_DEVICE = Path("/dev/full")
"""A device on which every write ends with "no space left"."""


@asynccontextmanager
async def crash(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """A session's process was killed as the kernel's OOM killer does; the server has recovered."""
    await kill_session(server, database)
    yield


async def kill_session(server: EmbeddedServer, database: str) -> int:
    """Kill one session with signal 9 and wait until the server takes sessions again; the pid it had."""
    async with connected(server, database, "report-builder") as session:
        pid = session.info.backend_pid
        os.kill(pid, signal.SIGKILL)
        while True:  # every session ends, this one too
            try:
                await session.execute("SELECT 1")
            except psycopg.Error:
                break
            await asyncio.sleep(POLL_S)
    while True:
        with suppress(psycopg.OperationalError):
            async with connected(server, database) as again:
                await again.execute("SELECT 1")
                return pid
        await asyncio.sleep(POLL_S)


@asynccontextmanager
async def disk_full(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """A table whose file can't grow, as on a full volume; its writer has failed."""
    async with connected(server, database) as admin:
        await admin.execute("CREATE TABLE public.audit (line text)")
        path = await value(admin, "SELECT pg_relation_filepath('public.audit')")
    file = server.data_dir / path
    kept = file.with_name(f"{file.name}.kept")
    file.rename(kept)
    file.symlink_to(FULL_DEVICE)
    try:
        async with connected(server, database, "audit-writer") as writer:
            with suppress(psycopg.errors.DiskFull):
                await writer.execute("INSERT INTO public.audit SELECT 'line' FROM generate_series(1, 10) n")
        yield
    finally:
        file.unlink(missing_ok=True)
        if kept.exists():
            kept.rename(file)


@asynccontextmanager
async def wrong_configuration(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """The server was stopped, somebody wrote a wrong line, and it doesn't start any more."""
    main = server.data_dir / "postgresql.conf"
    before = main.read_text()
    server.stop()
    main.write_text(f"{before}shared_bufers = '12 parsecs'\n")
    with suppress(UserError):
        server.start()
    try:
        yield
    finally:
        main.write_text(before)


AUTOVACUUM_AT_WORK = """
SELECT count(*) > 0 FROM pg_stat_progress_vacuum p JOIN pg_stat_activity a USING (pid)
 WHERE a.backend_type = 'autovacuum worker' AND p.relid = %s::regclass"""
AUTOVACUUM_WORKERS = AUTOVACUUM_AT_WORK.replace("count(*) > 0", "coalesce(array_agg(p.pid), '{}')")
WORKERS_GONE = """
SELECT count(*) = 0 FROM pg_stat_progress_vacuum WHERE relid = %s::regclass AND pid = ANY(%s)"""
WORKERS_LEFT = "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
SLOW_AUTOVACUUM = {
    "autovacuum_naptime": "1s",
    "autovacuum_vacuum_cost_delay": "100ms",
    "autovacuum_vacuum_cost_limit": "1",
    "deadlock_timeout": "10ms",
}
"""Settings under which autovacuum is soon at work, and is still at work when somebody wants a lock."""


async def cancel_autovacuum(admin: Connection, relation: str, times: int) -> None:
    """Lock the table while autovacuum works on it, so that the server cancels the task; `times` over."""
    for _ in range(times):
        await until(admin, AUTOVACUUM_AT_WORK, [relation])
        await _interrupt(admin, relation)


async def _interrupt(admin: Connection, relation: str) -> None:
    """Cancel whoever vacuums the table now; another worker may take it over at the same moment."""
    workers = await value(admin, AUTOVACUUM_WORKERS, [relation])
    async with admin.transaction():
        await admin.execute(f"LOCK TABLE {relation} IN ACCESS EXCLUSIVE MODE".encode())
    await until(admin, WORKERS_GONE, [relation, workers])


@asynccontextmanager
async def autovacuum_cancelled(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """A table on which autovacuum never finishes, because a job locks it every few seconds."""
    async with connected(server, database, "nightly-truncate") as admin:
        await admin.execute("CREATE TABLE public.events (id int, line text)")
        await admin.execute(
            "INSERT INTO public.events SELECT n, md5(n::text) FROM generate_series(1, 20000) n"
        )
        await admin.execute("UPDATE public.events SET line = line")
        await cancel_autovacuum(admin, "public.events", 4)
        server.set(autovacuum_naptime="1h")  # whoever mends it shall not meet the next worker
        while await value(admin, WORKERS_LEFT):
            await _interrupt(admin, "public.events")
            await asyncio.sleep(POLL_S)
        yield


FAULTS = (
    Fault(
        "server.crashed",
        "A server process was killed",
        "Every application lost its connections a moment ago, and works again now. What happened?",
        crash,
        mended_by_tool=False,
    ),
    Fault(
        "disk.full",
        "No space left on device",
        "The audit service says that it can't write.",
        disk_full,
        mended_by_tool=False,
    ),
    Fault(
        "vacuum.cancelled",
        "Autovacuum cancelled again and again",
        "The events table grows, although autovacuum is on.",
        autovacuum_cancelled,
        SLOW_AUTOVACUUM,
    ),
)
