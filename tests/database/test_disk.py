"""Volumes, temporary files and temporary tables."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import psycopg
import pytest

from helpdesk_tui.demo.embedded import EmbeddedServer
from tests import servers
from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults
from tests.pairs import execute
from tests.servers import ServerFactory


@pytest.fixture(params=servers.AVAILABLE, ids=lambda major: f"pg{major}")
def own(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    server = server_factory.fresh(request.param, autovacuum="off")
    yield server
    server.destroy()


async def test_a_volume_is_measured_where_the_server_is_here(database18: Database) -> None:
    here = os.statvfs(database18.server.data_dir)
    async with desk(database18.conninfo()) as work:
        report = await work.triage({"disk.tablespace": {"used_warning": 0}}, only="disk")
        finding = only(report, "disk.tablespace")
        assert finding.subject["path"] == str(database18.server.data_dir)
        assert finding.subject["holds"] == ["data", "wal"]
        assert 0.5 < finding.subject["available_bytes"] / (here.f_bavail * here.f_frsize) < 2
        (kept,) = (one for one in report.evidence if one.tool == "host")
        assert finding.evidence[0] == kept.id
        assert "disk.tablespace" not in {one.condition for one in report.not_checked}


async def test_a_server_behind_a_tunnel_is_not_taken_for_one_here(server_factory: ServerFactory) -> None:
    """Over the loopback its own postmaster.pid must agree; here it is another server's."""
    own = server_factory.shared(18)
    execute(own, "CREATE ROLE tunnelled LOGIN SUPERUSER PASSWORD 'tunnelled'")
    pid_file = own.data_dir / "postmaster.pid"
    kept = pid_file.read_text()
    lines = kept.splitlines()
    lines[2] = str(int(lines[2]) - 5000)
    async with desk(own.conninfo(user="tunnelled", tcp=True, password="tunnelled")) as work:
        low = {"disk.tablespace": {"used_warning": 0}}
        assert only(await work.triage(low, only="disk"), "disk.tablespace").subject["path"]
        try:
            pid_file.write_text("\n".join(lines) + "\n")
            report = await work.triage(low, only="disk")
        finally:
            pid_file.write_text(kept)
        sizes = only(report, "disk.tablespace")
        assert sizes.severity == "info" and "postgres" in sizes.summary
        (blind,) = report.not_checked
        execute(own, "DROP ROLE tunnelled")
        assert blind.condition == "disk.tablespace" and "doesn't run on this host" in blind.reason


async def test_temporary_files_are_told_by_the_session_that_made_them(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        session = await faults.session("monthly-report")
        pid = session.info.backend_pid
        await session.execute("SET work_mem = '64kB'")
        await session.execute("BEGIN")
        await session.execute(
            "DECLARE sorted CURSOR FOR SELECT md5(n::text) AS k FROM generate_series(1, 60000) n ORDER BY k"
        )
        await session.execute("FETCH 1 FROM sorted")
        assert loud(await work.triage(only="temp")) == []
        finding = only(
            await work.triage({"temp.limit": {"bytes_warning": "1 MB"}}, only="temp"), "temp.limit"
        )
        assert finding.subject["pid"] == pid and finding.subject["bytes"] >= 1 << 20
        assert "monthly-report" in finding.title
        assert (await work.remedy(finding))["verified"] is True
        assert (await work.triage({"temp.limit": {"bytes_warning": "1 MB"}}, only="temp")).findings == ()


async def test_an_old_temporary_table_that_holds_the_freeze_horizon(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        session = await faults.session("notebook")
        await session.execute("CREATE TEMP TABLE scratch (id int)")
        only_temp = "unlogged_orphan_temp"
        assert (await work.triage(only=only_temp)).findings == ()
        finding = only(await work.triage({only_temp: {"horizon_warning": 0}}, only=only_temp), only_temp)
        assert finding.severity == "warning" and finding.subject["relation"].endswith(".scratch")
        if database.server.binaries.major >= 16:
            assert finding.subject["pid"] == session.info.backend_pid
            assert (await work.remedy(finding))["verified"] is True
        await faults.close(session)
        assert (await work.triage({only_temp: {"horizon_warning": 0}}, only=only_temp)).findings == ()


async def test_a_temporary_table_that_a_crash_left_over(own: EmbeddedServer) -> None:
    name = f"left_{secrets.token_hex(3)}"
    sessions = [psycopg.connect(own.conninfo(), autocommit=True) for _ in range(6)]
    sessions[-1].execute(f"CREATE TEMP TABLE {name} (id int)".encode())
    own.stop("immediate")
    for session in sessions:
        session.close()
    own.start()
    async with desk(own.conninfo()) as work:
        report = await work.triage(only="unlogged_orphan_temp")
        if own.binaries.major < 16:
            assert report.findings == ()  # this version doesn't tell whose it is
            return
        finding = only(report, "unlogged_orphan_temp")
        assert (finding.severity, finding.subject["pid"]) == ("info", None)
        assert finding.subject["relation"].endswith(f".{name}")
        execute(own, f"DROP TABLE {finding.subject['relation']}")
        assert (await work.triage(only="unlogged_orphan_temp")).findings == ()
