"""Slow reads, subtransactions that overflow, and small caches that miss."""

from __future__ import annotations

import psycopg

from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults
from tests.database.faults_server import overflow_subtransactions, repeated
from tests.pairs import execute, until
from tests.servers import ServerFactory


async def test_reads_are_measured_once_the_server_times_them(server_factory: ServerFactory) -> None:
    for major in (15, 18):
        server = server_factory.fresh(major, shared_buffers="1MB", track_io_timing="off")
        try:
            with psycopg.connect(server.conninfo(), autocommit=True) as admin:
                admin.execute(
                    "CREATE TABLE public.big AS SELECT n, repeat('x', 900) AS pad FROM generate_series(1, 10000) n"
                )
            low = {"io.latency": {"read_warning": 0, "read_critical": 1000, "reads": 10}}
            async with desk(server.conninfo()) as work:
                report = await work.triage(low, only="io")
                (blind,) = report.not_checked
                assert (blind.condition, report.findings) == ("io.latency", ())
                assert "track_io_timing is off" in blind.reason
                approval = await work.propose("set_setting", {"name": "track_io_timing", "value": "on"})
                assert (await work.approve(approval)).body["verified"] is True
                with repeated(server.conninfo(), "SELECT count(pad) FROM public.big"):
                    slow = await work.measured("io.latency", low)
                assert slow.subject["reads"] >= 10 and slow.subject["ms_per_read"] >= 0
                assert loud(await work.triage(only="io")) == []
        finally:
            server.destroy()


async def test_a_transaction_with_too_many_subtransactions(database: Database) -> None:
    async with Faults(database), desk(database.conninfo()) as work:
        session = overflow_subtransactions(database.conninfo())
        pid = session.info.backend_pid
        try:
            report = await work.triage({"subxact.overflow": {"xact_warning": 0}}, only="subxact")
            if database.server.binaries.major < 16:
                assert report.findings == ()  # this version doesn't tell, and nobody waits
                return
            finding = only(report, "subxact.overflow")
            assert (finding.severity, finding.subject["pid"]) == ("warning", pid)
            assert finding.subject["subtransactions"] >= 64
            assert (
                await work.triage(only="subxact")
            ).findings == ()  # a short transaction is nobody's business
            assert (await work.remedy(finding))["verified"] is True
            assert (
                await work.triage({"subxact.overflow": {"xact_warning": 0}}, only="subxact")
            ).findings == ()
        finally:
            session.close()


async def test_a_cache_of_subtransactions_that_misses(server_factory: ServerFactory) -> None:
    """More ids than the cache has pages for, looked up by a session whose snapshot has overflowed."""
    server = server_factory.fresh(18, subtransaction_buffers="16", autovacuum="off")
    try:
        session = overflow_subtransactions(server.conninfo(), 60_000)
        execute(
            server, "SELECT pg_current_xact_id()"
        )  # a later id that is over: those before it must be looked up
        low = {"slru.pressure": {"reads_info": 1}}
        async with desk(server.conninfo()) as work:
            assert loud(await work.triage(only="slru")) == []
            with repeated(server.conninfo(), "SELECT count(*) FROM public.imported"):
                until(server, "SELECT blks_read > 50 FROM pg_stat_slru WHERE name = 'subtransaction'")
                finding = await work.measured("slru.pressure", low)
            assert finding.subject["cache"] == "subtransaction" and finding.subject["reads_s"] >= 1
            session.close()
            assert (await work.triage(low, only="slru")).findings == ()
    finally:
        server.destroy()
