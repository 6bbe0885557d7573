"""States that a server gets into seldom: shutting down, a half dropped database, multixact ids that run out."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal

import psycopg
from psycopg import sql

from agents.kernel.records import Finding
from helpdesk_tui.demo.embedded import EmbeddedServer, system_user
from tests.database.desk import Desk, desk, loud, only
from tests.servers import ServerFactory

LIMIT_S = 60.0
"""Guards against a wait for ever; each takes well under a second."""
SEGMENT_MULTIXACTS = 2048 * 32
"""Multixact ids whose offsets one file of pg_multixact/offsets holds."""


async def test_a_server_that_shuts_down_while_a_session_stays(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18)
    try:
        async with desk(server.conninfo()) as work:
            with psycopg.connect(server.conninfo()):
                # A smart shutdown: it waits for the session, and lets nobody else in.
                os.kill(server.postmaster_pid(), signal.SIGTERM)
                finding = await _refused(work)
                assert (finding.condition, finding.severity) == ("server.not_accepting", "critical")
                assert (finding.subject["sqlstate"], finding.remedies) == ("57P03", ())
                assert "shutting down" in finding.summary
            async with asyncio.timeout(LIMIT_S):
                while (server.data_dir / "postmaster.pid").exists():
                    await asyncio.sleep(0.02)
            server.start()
            assert loud(await work.triage()) == []
    finally:
        server.destroy()


async def _refused(work: Desk) -> Finding:
    async with asyncio.timeout(LIMIT_S):
        while not (found := (await work.triage(only="server")).findings):
            await asyncio.sleep(0.02)
    return found[0]


async def test_a_database_whose_drop_was_interrupted(server_factory: ServerFactory) -> None:
    server = server_factory.shared(18)
    name = f"half_{secrets.token_hex(3)}"
    drop = sql.SQL("DROP DATABASE {}").format(sql.Identifier(name))
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    await _interrupt(server, drop)
    async with desk(server.conninfo()) as work, desk(server.conninfo(dbname=name)) as inside:
        finding = only(await work.triage(only="conn"), "conn.role_db_limit")
        assert (finding.severity, finding.subject["name"]) == ("warning", name)
        assert "interrupted" in finding.title and finding.remedies == ()
        refused = only(await inside.triage(), "server.database_missing")
        assert "half dropped" in refused.summary
        with psycopg.connect(server.conninfo(), autocommit=True) as admin:
            admin.execute(drop)
        assert (await work.triage(only="conn")).findings == ()


async def _interrupt(server: EmbeddedServer, drop: sql.Composed) -> None:
    """Cancel a DROP DATABASE after it marked the database, while it waits for the list of tablespaces."""
    dropping = await psycopg.AsyncConnection.connect(server.conninfo(), autocommit=True)
    async with dropping:
        with psycopg.connect(server.conninfo()) as holder:
            holder.execute("LOCK TABLE pg_catalog.pg_tablespace")
            running = asyncio.create_task(dropping.execute(drop))
            async with asyncio.timeout(LIMIT_S):
                while not holder.execute(
                    "SELECT pid FROM pg_locks WHERE relation = 'pg_tablespace'::regclass AND NOT granted"
                ).fetchall():
                    await asyncio.sleep(0.02)
            await dropping.cancel_safe()
            await asyncio.wait({running})
            assert isinstance(running.exception(), psycopg.errors.QueryCanceled)


async def test_a_database_near_the_end_of_its_multixact_ids_is_frozen(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18, autovacuum_multixact_freeze_max_age="2000000000", autovacuum="off")
    try:
        _age(server, 1_300_000_000)
        wanted = ["vacuum.mxid_wraparound", "vacuum.xid_wraparound"]
        async with desk(server.conninfo()) as work:
            report = await work.triage(only=wanted)
            (finding,) = [one for one in report.findings if one.subject.get("own")]
            assert (finding.condition, finding.severity) == ("vacuum.mxid_wraparound", "warning")
            assert (finding.subject["database"], finding.subject["percent"] > 60) == ("postgres", True)
            assert (await work.remedy(finding))["verified"] is True
            with psycopg.connect(server.conninfo(), autocommit=True) as admin:
                admin.execute("VACUUM (FREEZE)")
            left = (await work.triage(only=wanted)).findings
            assert "postgres" not in {one.subject["database"] for one in left}
    finally:
        server.destroy()


def _age(server: EmbeddedServer, multixact: int) -> None:
    """Move the next multixact id on, as if rows had been locked by several sessions for years."""
    server.stop()
    ids = f"{multixact},1"
    server.binaries.run("pg_resetwal", "-f", "-m", ids, "-D", str(server.data_dir), user=system_user())
    segment = server.data_dir / "pg_multixact" / "offsets" / f"{multixact // SEGMENT_MULTIXACTS:04X}"
    segment.write_bytes(bytes(256 * 1024))
    if user := system_user():
        shutil.chown(segment, user)
    server.start()
