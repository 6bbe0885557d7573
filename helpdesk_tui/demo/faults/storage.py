"""WAL that is kept, archives that fail, settings that put data at risk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from helpdesk_tui.demo.embedded import EmbeddedServer
from helpdesk_tui.demo.faults.fault import Fault, connected, until

SLOT = "standby_dr"


@asynccontextmanager
async def forgotten_slot(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """A physical slot that nobody reads, and the WAL that it has kept since."""
    async with connected(server, database) as admin:
        await admin.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])
        for _ in range(8):
            await admin.execute("SELECT pg_switch_wal()")
            await admin.execute("UPDATE public.orders SET state = state WHERE id = 1")
    yield


@asynccontextmanager
async def archive_failing(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """An archive command that fails for every segment."""
    async with connected(server, database) as admin:
        await admin.execute("SELECT pg_switch_wal()")
        await until(admin, "SELECT failed_count > 1 FROM pg_stat_archiver")
    yield


@asynccontextmanager
async def durability_off(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """fsync switched off by ALTER SYSTEM."""
    async with connected(server, database) as admin:
        await admin.execute("ALTER SYSTEM SET fsync = off")
        await admin.execute("SELECT pg_reload_conf()")
        await until(admin, "SELECT current_setting('fsync') = 'off'")
    yield


FAULTS = (
    Fault(
        "wal.slot_retention",
        "Forgotten replication slot",
        "The disk of the database server fills, and nobody wrote more than usual.",
        forgotten_slot,
    ),
    Fault(
        "wal.archive_failing",
        "Archive command fails",
        "The backup team says that no WAL arrives any more.",
        archive_failing,
        {"archive_mode": "on", "archive_command": "false", "archive_timeout": "0"},
        mended_by_tool=False,
    ),
    Fault(
        "config.durability_off",
        "fsync switched off",
        "A benchmark ran on this server last week. Is it fit for production again?",
        durability_off,
    ),
)
