"""Configuration files, pending restarts, overrides, memory and reloads, made and mended for real."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg import sql

from agents.kernel.tool import Refused
from helpdesk_tui.demo.embedded import EmbeddedServer
from tests import servers
from tests.conftest import Database
from tests.database.desk import Desk, desk, loud, only
from tests.pairs import execute, until
from tests.servers import ServerFactory


@pytest.fixture(params=servers.AVAILABLE, ids=lambda major: f"pg{major}", scope="module")
def own(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    """A server whose files the tests may break; each puts them back."""
    server = server_factory.fresh(request.param)
    yield server
    server.destroy()


async def test_a_setting_that_waits_for_a_restart_is_withdrawn(own: EmbeddedServer) -> None:
    execute(own, "ALTER SYSTEM SET max_connections = 77", "SELECT pg_reload_conf()")
    until(own, "SELECT pending_restart FROM pg_settings WHERE name = 'max_connections'")
    async with desk(own.conninfo()) as work:
        report = await work.triage(only="config")
        finding = only(report, "config.pending_restart")
        assert (finding.severity, finding.subject["setting"]) == ("warning", "max_connections")
        assert [one.condition for one in report.findings if one.severity != "info"] == [
            "config.pending_restart"
        ]
        assert (await work.remedy(finding))["verified"] is True
        assert loud(await work.triage(only="config")) == []
        with pytest.raises(Refused, match="not one of the settings"):
            await work.propose("reset_setting", {"name": "max_connections"})
        with pytest.raises(Refused, match="no setting"):
            await work.propose("reset_setting", {"name": "nonsense"})


async def test_a_line_that_cant_be_read_is_named_and_blocks_the_reload(own: EmbeddedServer) -> None:
    file = own.data_dir / "helpdesk.conf"
    good = file.read_text()
    line = len(good.splitlines()) + 1
    file.write_text(good + "work_mem = 'plenty'\n")
    try:
        async with desk(own.conninfo()) as work:
            finding = only(await work.triage(only="config"), "config.file_error")
            assert (finding.severity, finding.subject["line"]) == ("critical", line)
            assert finding.subject["file"].endswith("helpdesk.conf")
            with pytest.raises(Refused, match="1 error"):
                await work.propose("reload_configuration", {})
            file.write_text(good + "work_mem = '5MB'\n")
            assert loud(await work.triage(only="config")) == []
            body = await _reload(work)
            assert body["verified"] is True
            until(own, "SELECT current_setting('work_mem') = '5MB'")
    finally:
        file.write_text(good)
        own.reload()


async def test_a_wrong_line_in_pg_hba_and_rules_that_let_everybody_in(own: EmbeddedServer) -> None:
    file = own.data_dir / "pg_hba.conf"
    good = file.read_text()
    lines = len(good.splitlines())
    file.write_text(
        f"{good.rstrip()}\nhost all all 10.0.0.0/8 trust\nhost all app 0.0.0.0/0 password\n"
        "host all all 127.0.0.0/8 trust\nhost all all ::1/128 trust\nhostssl all all 10.0.0.0/8 password\n"
        "host all all 10.0.0.0/8 sram\n"
    )
    try:
        async with desk(own.conninfo()) as work:
            report = await work.triage(only="auth")
            wrong = {
                one.subject["line"] - lines: one.severity
                for one in report.findings
                if one.condition == "auth.hba_error"
            }
            assert wrong == {5: "info", 6: "critical"}  # hostssl is of no use without ssl
            opened = {
                one.subject["line"]: one for one in report.findings if one.condition == "auth.hba_trust"
            }
            assert {number - lines for number in opened} == {1, 2}
            assert "without a password" in opened[lines + 1].title
            assert "app" in opened[lines + 2].title and "clear text" in opened[lines + 2].title
            with pytest.raises(Refused, match="error"):
                await work.propose("reload_configuration", {})
            file.write_text(good)
            assert (await work.triage(only="auth")).findings == ()
            assert (await _reload(work))["verified"] is True
    finally:
        file.write_text(good)


async def _reload(work: Desk) -> Mapping[str, Any]:
    ended = await work.approve(await work.propose("reload_configuration", {}))
    assert ended.kind == "action.finished", ended.body
    return ended.body


async def test_overrides_that_surprise_are_named_with_their_reset(database: Database) -> None:
    role = f"etl {secrets.token_hex(3)}"
    name = sql.Identifier(role)
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {}").format(name))
        for setting in ("enable_seqscan = off", "work_mem = '1GB'", "session_replication_role = replica"):
            admin.execute(sql.SQL("ALTER ROLE {} SET " + setting).format(name))
        admin.execute(sql.SQL("ALTER ROLE {} SET jit = off").format(name))
        admin.execute(f"ALTER DATABASE {database.name} SET statement_timeout = 0")
        try:
            async with desk(database.conninfo()) as work:
                report = await work.triage(only="config.role_override")
                found = {one.subject["setting"]: one for one in report.findings}
                assert set(found) == {
                    "enable_seqscan",
                    "work_mem",
                    "session_replication_role",
                    "statement_timeout",
                }
                assert found["session_replication_role"].severity == "warning"
                assert (found["work_mem"].severity, found["work_mem"].subject["role"]) == ("info", role)
                for finding in report.findings:
                    admin.execute(finding.summary.partition("Take it back: ")[2].rstrip(".").encode())
                assert (await work.triage(only="config.role_override")).findings == ()
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(name))


async def test_memory_that_the_host_doesnt_have(database18: Database) -> None:
    async with desk(database18.conninfo()) as work:
        low = {"config.memory": {"total_warning": "1 %"}}
        finding = only(await work.triage(low, only="config.memory"), "config.memory")
        assert finding.severity == "warning"
        assert finding.subject["worst_bytes"] == (128 + 100 * 4) << 20
        assert finding.subject["memory_bytes"] > 0
        assert loud(await work.triage(only="config.memory")) == []


async def test_what_a_setting_may_become(database18: Database) -> None:
    async with desk(database18.conninfo()) as work:
        for name, value, said in (
            ("max_wal_size", "much", "is a number in MB"),
            ("max_wal_size", "1kB", "goes from"),
            ("wal_compression", "sometimes", "is one of"),
            ("archive_command", "true", "must be one of"),
        ):
            with pytest.raises(Refused, match=said):
                await work.propose("set_setting", {"name": name, "value": value})
        approval = await work.propose("set_setting", {"name": "max_wal_size", "value": "2GB"})
        assert (await work.approve(approval)).body["verified"] is True
        with pytest.raises(Refused, match="already"):
            await work.propose("set_setting", {"name": "max_wal_size", "value": "2048MB"})
        assert (await work.approve(await work.undo(approval))).body["verified"] is True
        assert loud(await work.triage(only="config")) == []
