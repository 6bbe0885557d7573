"""Checkpoints, the background writer, WAL volume, pg_wal on disk and slots whose WAL is gone."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest

from helpdesk_tui.demo.embedded import EmbeddedServer
from tests import servers
from tests.database.desk import desk, loud, only
from tests.database.faults_server import repeated, wal_storm
from tests.pairs import execute, until
from tests.servers import ServerFactory

MIB = 1 << 20
GROUPS = ["checkpoint", "bgwriter", "wal"]


@pytest.fixture(params=servers.AVAILABLE, ids=lambda major: f"pg{major}", scope="module")
def small(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    """A server with little room for WAL and buffers."""
    server = server_factory.fresh(
        request.param,
        max_wal_size="32MB",
        min_wal_size="32MB",
        shared_buffers="1MB",
        wal_buffers="64kB",
        bgwriter_lru_maxpages="1",
        bgwriter_delay="10ms",
        wal_level="logical",
        archive_mode="on",
        archive_command="false",
        autovacuum="off",
    )
    yield server
    server.destroy()


async def test_checkpoints_forced_by_wal_are_rarer_with_more_room(small: EmbeddedServer) -> None:
    async with desk(small.conninfo()) as work:
        assert loud(await work.triage(only="checkpoint")) == []
        with wal_storm(small.conninfo()):
            finding = await work.measured("checkpoint.too_frequent", severity="warning")
        assert finding.subject["setting"] == "max_wal_size"
        assert finding.subject["gap_s"] < 30 and len(finding.evidence) == 2
        body = await work.remedy(finding)
        assert body["verified"] is True
        with wal_storm(small.conninfo()):
            report = await work.triage(only="checkpoint", interval=0.5)
        assert loud(report) == []
        execute(small, "ALTER SYSTEM RESET max_wal_size", "SELECT pg_reload_conf()")


async def test_sessions_that_write_for_others_are_noticed(small: EmbeddedServer) -> None:
    execute(
        small,
        "DROP TABLE IF EXISTS public.pages",
        "CREATE TABLE public.pages (id int PRIMARY KEY, hits int, pad text) WITH (fillfactor = 10)",
        "INSERT INTO public.pages SELECT n, 0, repeat('x', 500) FROM generate_series(1, 3000) n",
        "VACUUM ANALYZE public.pages",
    )
    async with desk(small.conninfo()) as work:
        scattered = "ARRAY(SELECT (random() * 2999)::int FROM generate_series(1, 200))"
        update = f"UPDATE public.pages SET hits = hits + 1 WHERE id = ANY ({scattered})"
        with repeated(small.conninfo(), update):
            finding = await work.measured("bgwriter.starved")
        assert finding.subject["setting"] == "bgwriter_lru_maxpages" and finding.subject["stops"] >= 1
        assert finding.subject["share_percent"] > 50
        assert (await work.remedy(finding))["verified"] is True
        assert loud(await work.triage(only="bgwriter")) == []


async def test_full_wal_buffers_are_noticed(small: EmbeddedServer) -> None:
    async with desk(small.conninfo()) as work:
        with wal_storm(small.conninfo()):
            finding = await work.measured("wal.volume")
        assert (finding.severity, finding.subject["setting"]) == ("warning", "wal_buffers")
        assert loud(await work.triage(only="wal.volume")) == []


async def test_a_failing_archive_makes_a_backlog_and_a_large_pg_wal_and_is_their_one_root(
    small: EmbeddedServer,
) -> None:
    with psycopg.connect(small.conninfo(), autocommit=True) as session:
        for _ in range(16):
            session.execute("SELECT pg_logical_emit_message(false, 'load', 'x')")
            session.execute("SELECT pg_switch_wal()")
    until(small, "SELECT failed_count >= 2 FROM pg_stat_archiver")
    async with desk(small.conninfo()) as work:
        report = await work.triage(only="wal")
        archiver = only(report, "wal.archive_failing")
        backlog, large = only(report, "wal.archive_backlog"), only(report, "wal.dir_size")
        assert (backlog.severity, backlog.subject["ready"] >= 16) == ("critical", True)
        assert large.subject["bytes"] >= 80 * MIB
        assert backlog.caused_by == (archiver.id,)
        assert archiver.id in large.caused_by and large.remedies == ()
        assert [one.condition for one in report.roots() if one.severity != "info"] == ["wal.archive_failing"]
        small.set(archive_command="true")
        until(small, "SELECT count(*) = 0 FROM pg_ls_archive_statusdir() WHERE name LIKE '%%.ready'")
        execute(small, "CHECKPOINT")
        assert loud(await work.triage(only="wal")) == []


async def test_a_slot_whose_wal_was_removed_is_lost_and_can_be_dropped(small: EmbeddedServer) -> None:
    slot = f"gone_{secrets.token_hex(3)}"
    small.set(archive_command="true", max_slot_wal_keep_size="16MB")
    with psycopg.connect(small.conninfo(), autocommit=True) as session:
        session.execute("SELECT pg_create_physical_replication_slot(%s, true)", [slot])
        for _ in range(6):
            session.execute("SELECT pg_logical_emit_message(false, 'load', 'x')")
            session.execute("SELECT pg_switch_wal()")
        session.execute("CHECKPOINT")
    until(small, "SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = %s", slot)
    async with desk(small.conninfo()) as work:
        finding = only(await work.triage(only="wal"), "wal.slot_lost")
        assert (finding.severity, finding.subject["slot"]) == ("critical", slot)
        assert (await work.remedy(finding))["verified"] is True
        assert loud(await work.triage(only="wal")) == []
