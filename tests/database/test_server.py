"""Servers that refuse, and servers that go away in the middle."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from agents.kernel.records import Report
from agents.kernel.tool import Refused
from helpdesk_tui.demo.embedded import EmbeddedServer, free_port
from tests import servers
from tests.conftest import Database, make_database
from tests.database.desk import Desk, desk, loud, only, unchecked
from tests.database.faults import Faults
from tests.servers import ServerFactory, create

LOADED_S = 30.0
"""For what takes a moment, on a machine that has much else to do."""


@pytest.fixture(params=servers.AVAILABLE, ids=lambda major: f"pg{major}", scope="module")
def own(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    """A server that tests may break; each leaves it running and open to its private socket."""
    server = server_factory.fresh(request.param)
    yield server
    server.destroy()


async def test_nobody_listens(server_factory: ServerFactory) -> None:
    port = free_port()
    async with desk(f"host=127.0.0.1 port={port} user=app dbname=shop connect_timeout=2") as work:
        report = await work.triage()
        finding = only(report, "server.unreachable")
        assert (finding.severity, finding.subject["port"], finding.subject["stage"]) == (
            "critical",
            port,
            "tcp",
        )
        (evidence,) = report.evidence
        assert finding.evidence == (evidence.id,) and evidence.tool == "probe_connection"
        assert report.server == {}
        assert "lock.blocking_tree" in {item.condition for item in report.not_checked}
        assert "server.unreachable" not in {item.condition for item in report.not_checked}


@pytest.mark.parametrize(
    ("condition", "hba", "change"),
    [
        ("server.password_failed", "host all all 127.0.0.1/32 scram-sha-256", {"password": "wrong"}),
        ("server.hba_reject", "host all all 127.0.0.1/32 reject", {}),
        ("server.hba_no_entry", "host replication all 127.0.0.1/32 trust", {}),
        ("server.database_missing", "host all all 127.0.0.1/32 trust", {"dbname": "nowhere"}),
        ("server.role_missing", "host all all 127.0.0.1/32 trust", {"user": "nobody_here"}),
        ("server.tls_mismatch", "host all all 127.0.0.1/32 trust", {"sslmode": "require"}),
    ],
)
async def test_a_refusal_is_told_apart_and_gone_once_it_is_put_right(
    own: EmbeddedServer, condition: str, hba: str, change: dict[str, str]
) -> None:
    _execute(own, "DROP ROLE IF EXISTS app", "CREATE ROLE app LOGIN PASSWORD 'right-one'")
    _execute(own, "GRANT pg_monitor TO app")
    good = {"host": "127.0.0.1", "port": str(own.port), "user": "app", "dbname": "postgres"}
    await _rules_in_force(own, hba)
    async with desk(psycopg.conninfo.make_conninfo(**{**good, **change})) as work:
        report = await work.triage()
        finding = only(report, condition)
        assert finding.severity == "critical"
        assert [one.condition for one in report.findings] == [condition]
    await _rules_in_force(own, "local all all trust", "host all all 127.0.0.1/32 trust")
    async with desk(psycopg.conninfo.make_conninfo(**good)) as work:
        assert loud(await work.triage()) == []


async def test_no_slot_left_for_us_is_exhaustion_by_the_servers_own_word(
    server_factory: ServerFactory,
) -> None:
    server = server_factory.fresh(18, max_connections="6", superuser_reserved_connections="3")
    sessions = []
    try:
        _execute(server, "CREATE ROLE app LOGIN")
        for _ in range(3):
            sessions.append(psycopg.connect(server.conninfo(user="app")))
        async with desk(server.conninfo(user="app")) as work:
            assert only(await work.triage(), "conn.exhaustion").subject["sqlstate"] == "53300"
        sessions.pop().close()
        async with desk(server.conninfo(user="app")) as work:
            finding = only(await _until_connected(work), "conn.exhaustion")
            assert finding.subject["used"] == 3  # one connection is enough for a sweep
    finally:
        for session in sessions:
            session.close()
        server.destroy()


async def test_a_connection_limit_of_the_role(own: EmbeddedServer) -> None:
    _execute(own, "DROP ROLE IF EXISTS narrow", "CREATE ROLE narrow LOGIN CONNECTION LIMIT 1")
    with psycopg.connect(own.conninfo(user="narrow")):
        async with desk(own.conninfo(user="narrow")) as work:
            assert only(await work.triage(), "conn.role_db_limit").subject["sqlstate"] == "53300"


async def test_a_standby_is_read_like_any_other_and_changed_in_nothing(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    primary = server_factory.fresh(18)
    _execute(primary, "CREATE TABLE public.carts (id int) WITH (autovacuum_enabled = off)")
    primary.stop()
    copy = tmp_path / "standby"
    shutil.copytree(primary.data_dir, copy)
    (copy / "standby.signal").touch()
    standby = create(primary.binaries, copy)
    try:
        standby.start()
        async with desk(standby.conninfo()) as work:
            report = await work.triage()
            assert (report.server["role"], unchecked(report)) == ("standby", set())
            assert loud(report) == []
            with pytest.raises(Refused, match="standby"):
                await work.request(only(report, "vacuum.disabled_table"))
    finally:
        standby.destroy()
        primary.destroy()


async def test_a_server_stopped_in_mid_sweep_keeps_what_was_found(own: EmbeddedServer) -> None:
    slot = f"dr_{secrets.token_hex(3)}"
    for database in make_database(own):
        async with Faults(database) as faults, desk(database.conninfo()) as work:
            await faults.slot(slot)
            await faults.spend_wal(5)
            sweep = await _in_second_look(faults, work)
            await asyncio.to_thread(own.stop, "immediate")
            report = await sweep
            own.start()
            await faults.reconnect()
        assert only(report, "wal.slot_retention").subject["slot"] == slot
        lost = only(report, "server.unreachable")
        assert lost.severity == "critical"
        assert only(report, "lock.blocking_tree").subject["waiters"]


async def test_a_session_ended_in_mid_sweep_is_told_from_a_lost_server(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        sweep = await _in_second_look(faults, work)
        await faults.admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'helpdesk/read'"
        )
        report = await sweep
        assert only(report, "server.unreachable").severity == "warning"
        assert only(report, "lock.blocking_tree").subject["waiters"]


async def test_a_frozen_server_is_a_finding_and_keeps_what_was_found(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18)
    try:
        for database in make_database(server):
            async with Faults(database) as faults, desk(database.conninfo()) as work:
                sweep = await _in_second_look(faults, work, seconds=1.5)
                with _frozen(server):
                    report = await sweep
                lost = only(report, "server.unreachable")
                assert (lost.severity, lost.subject["stage"]) == ("critical", "startup")
                assert only(report, "lock.blocking_tree").subject["waiters"]
    finally:
        server.destroy()


async def test_a_sweep_of_a_frozen_server_can_be_cancelled(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18)
    try:
        for database in make_database(server):
            async with Faults(database) as faults, desk(database.conninfo()) as work:
                sweep = await _in_second_look(faults, work, seconds=1.5)
                with _frozen(server):
                    called = _calls(work)
                    async with asyncio.timeout(LOADED_S):
                        while _calls(work) == called:
                            await asyncio.sleep(0.02)
                    began = time.monotonic()
                    sweep.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await sweep
                    assert time.monotonic() - began < LOADED_S
    finally:
        server.destroy()


@contextmanager
def _frozen(server: EmbeddedServer) -> Iterator[None]:
    """Every process of the server stands still while the context is open."""
    postmaster = server.postmaster_pid()
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    processes = [postmaster, *(pid for pid, parent in pairs if parent == postmaster)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def _calls(work: Desk) -> int:
    return len(work.log.events(work.session, kinds=("tool.called",)))


async def _in_second_look(faults: Faults, work: Desk, seconds: float = 4) -> asyncio.Task[Report]:
    """A sweep that has read everything once and waits to look again."""
    await faults.chain(3, settle_s=0)
    sweep = asyncio.create_task(work.triage({"lock.blocking_tree": {"stalled": seconds}}))
    async with asyncio.timeout(LOADED_S):
        while "invalid_indexes" not in await asyncio.to_thread(_tools_returned, work):
            await asyncio.sleep(0.02)
    return sweep


def _tools_returned(work: Desk) -> set[str]:
    events = [item.event for item in work.log.events(work.session, kinds=("evidence",))]
    return {event.body["evidence"]["tool"] for event in events}


def _execute(server: EmbeddedServer, *statements: str) -> None:
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement.encode())


async def _rules_in_force(server: EmbeddedServer, *rules: str) -> None:
    """Replace pg_hba.conf's rules; returns once the postmaster has read them."""
    before = _value(server, "SELECT pg_conf_load_time()")
    server.hba(rules)
    async with asyncio.timeout(LOADED_S):
        while _value(server, "SELECT pg_conf_load_time()") == before:
            await asyncio.sleep(0.02)


def _value(server: EmbeddedServer, query: str) -> object:
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        row = admin.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


async def _until_connected(work: Desk) -> Report:
    """A report of a sweep that got in; a closed session takes a moment to leave its slot."""
    async with asyncio.timeout(LOADED_S):
        while True:
            report = await work.triage()
            if report.server:
                return report
            await asyncio.sleep(0.05)
