"""Forgotten slots and a failing archiver."""

from __future__ import annotations

import secrets

import psycopg
import pytest

from agents.kernel.tool import Refused
from helpdesk_tui.demo.embedded import EmbeddedServer
from tests import servers
from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults, replication
from tests.servers import ServerFactory


async def test_an_inactive_slot_that_keeps_wal_is_named_and_dropped(database: Database) -> None:
    slot = f"dr_{secrets.token_hex(4)}"
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.slot(slot)
        assert loud(await work.triage()) == []
        await faults.spend_wal(5)
        finding = only(await work.triage(), "wal.slot_retention")
        assert (finding.severity, finding.subject["slot"], finding.subject["active"]) == (
            "warning",
            slot,
            False,
        )
        assert finding.subject["retained_bytes"] >= 64 << 20
        assert (
            only(
                await work.triage({"wal.slot_retention": {"inactive_critical": "64 MB"}}),
                "wal.slot_retention",
            ).severity
            == "critical"
        )
        body = await work.remedy(finding)
        assert body["verified"] is True
        assert await faults.value("SELECT count(*) FROM pg_replication_slots") == 0
        assert loud(await work.triage()) == []


async def test_a_logical_slot_of_another_database_can_be_dropped_too(database: Database) -> None:
    slot = f"cdc_{secrets.token_hex(4)}"
    async with Faults(database) as faults, desk(database.server.conninfo()) as work:
        await faults.admin.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])
        approval = await work.propose("drop_inactive_slot", {"slot_name": slot})
        assert approval.preview.victims[0].identity["database"] == database.name
        assert (await work.approve(approval)).body["verified"] is True


async def test_an_active_slot_with_small_lag_is_silent_and_never_dropped(database: Database) -> None:
    slot = f"standby_{secrets.token_hex(4)}"
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.slot(slot)
        with replication(database.server, slot):
            await faults.until("SELECT active FROM pg_replication_slots WHERE slot_name = %s", [slot])
            assert not [one for one in (await work.triage()).findings if one.condition.startswith("wal.")]
            with pytest.raises(Refused, match="is active"):
                await work.propose("drop_inactive_slot", {"slot_name": slot})
            walsender = await faults.value(
                "SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", [slot]
            )
            with pytest.raises(Refused, match="breaks replication"):
                await work.propose("terminate_session", await faults.identity(walsender))
        await faults.until("SELECT NOT active FROM pg_replication_slots WHERE slot_name = %s", [slot])


async def test_a_slot_taken_into_use_after_the_approval_is_kept(database18: Database) -> None:
    slot = f"standby_{secrets.token_hex(4)}"
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.slot(slot)
        approval = await work.propose("drop_inactive_slot", {"slot_name": slot})
        with replication(database18.server, slot):
            await faults.until("SELECT active FROM pg_replication_slots WHERE slot_name = %s", [slot])
            ended = await work.approve(approval)
            assert ended.kind == "action.refused" and "active" in ended.body["reason"]
        await faults.until("SELECT NOT active FROM pg_replication_slots WHERE slot_name = %s", [slot])


@pytest.mark.parametrize("major", servers.AVAILABLE)
async def test_a_failing_archiver_until_it_works_again(major: int, server_factory: ServerFactory) -> None:
    server = server_factory.fresh(major, archive_mode="on", archive_command="/bin/false")
    try:
        async with desk(server.conninfo()) as work:
            # The counters are as old as the data directory that the server is a copy of.
            await _value(server, "SELECT pg_stat_reset_shared('archiver') IS NOT NULL")
            await _until(server, "SELECT failed_count >= 2 FROM pg_stat_archiver", "SELECT pg_switch_wal()")
            finding = only(await work.triage(), "wal.archive_failing")
            assert (finding.severity, finding.remedies) == ("warning", ())
            assert "/bin/false" in finding.summary
            failed = await _value(server, "SELECT last_failed_wal FROM pg_stat_archiver")
            assert finding.subject["last_failed_wal"] == failed
            late = await work.triage({"wal.archive_failing": {"failing_critical": 0}})
            assert only(late, "wal.archive_failing").severity == "critical"
            server.set(archive_command="/bin/true")
            await _until(server, "SELECT last_archived_time > last_failed_time FROM pg_stat_archiver")
            assert loud(await work.triage()) == []
            server.set(archive_command="")
            await _until(server, "SELECT current_setting('archive_command') = ''")
            assert "no archive_command" in only(await work.triage(), "wal.archive_failing").title
    finally:
        server.destroy()


async def _value(server: EmbeddedServer, query: str) -> object:
    async with await psycopg.AsyncConnection.connect(server.conninfo(), autocommit=True) as admin:
        row = await (await admin.execute(query.encode())).fetchone()
        assert row is not None
        return row[0]


async def _until(server: EmbeddedServer, query: str, first: str = "") -> None:
    """Return once the query gives true; the archiver tries again by itself within a minute."""
    import asyncio

    if first:
        await _value(server, first)
    async with asyncio.timeout(100):
        while not await _value(server, query):
            await asyncio.sleep(0.1)
