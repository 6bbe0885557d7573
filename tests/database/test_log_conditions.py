"""Faults that the log alone tells, made for real: found by reading the log as a file, through SQL, or of a dead server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest

from agents.database.logs.tools import LOG_CLASSES, SERVER_LOG, USUAL_BYTES
from agents.kernel.records import Evidence, Report
from agents.kernel.report import assemble
from helpdesk_tui.demo.embedded import EmbeddedServer
from helpdesk_tui.demo.faults import host, locks
from helpdesk_tui.demo.faults.fault import connected, prepare, until
from tests.database.desk import Desk, desk, loud, only
from tests.servers import AVAILABLE, ServerFactory

NEWEST = AVAILABLE[-1]
LOG_CONDITIONS = {"server.crashed", "disk.full", "config.prevents_start", "vacuum.cancelled"}


@pytest.fixture(params=AVAILABLE, ids=lambda major: f"pg{major}")
def each(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    made = server_factory.fresh(request.param)
    yield made
    made.destroy()


@pytest.fixture
def server(server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    made = server_factory.fresh(NEWEST)
    yield made
    made.destroy()


async def triage(conninfo: str) -> Report:
    async with desk(conninfo) as at:
        return await look(at)


async def look(at: Desk, **more: object) -> Report:
    """A triage of what logs tell; everything else would only take time."""
    return assemble(await at.ask({"kind": "triage", "only": [*LOG_CONDITIONS, "server.unreachable"], **more}))


async def read(at: Desk, tool: str, **arguments: object) -> Evidence:
    events = await at.ask({"kind": "tool", "tool": tool, "arguments": arguments})
    (body,) = [event.body["evidence"] for event in events if event.kind == "evidence"]
    return Evidence.from_json(body)


def unchecked(report: Report) -> dict[str, str]:
    return {one.condition: f"{one.reason} → {one.remedy}" for one in report.not_checked}


async def test_a_killed_session_is_a_crash(each: EmbeddedServer) -> None:
    assert not [one for one in (await triage(each.conninfo())).findings if one.condition == "server.crashed"]
    pid = await host.kill_session(each, "postgres")
    report = await triage(each.conninfo())
    finding = only(report, "server.crashed")
    assert finding.severity == "critical"
    assert finding.subject["pids"] == [pid]
    assert f"pid {pid}" in finding.title and "signal 9" in finding.summary
    assert not LOG_CONDITIONS & set(unchecked(report))


async def test_a_write_to_a_full_device(each: EmbeddedServer) -> None:
    async with host.disk_full(each, "postgres"):
        finding = only(await triage(each.conninfo()), "disk.full")
        assert finding.severity == "critical"
        assert finding.subject["area"] == "base"
        assert finding.subject["sqlstate"] == "53100"
        assert finding.subject["file"].startswith("base/")
    with psycopg.connect(each.conninfo(), autocommit=True) as admin:
        admin.execute("INSERT INTO public.audit VALUES ('there is room again')")
    async with desk(each.conninfo()) as at:
        later = await look(at, thresholds={"disk.full": {"recent": 0, "now": 0}})
    assert "disk.full" not in {one.condition for one in later.findings}


async def test_a_wrong_line_keeps_the_server_down(server: EmbeddedServer) -> None:
    await triage(server.conninfo())  # it was up once, and told where its log is
    async with host.wrong_configuration(server, "postgres"):
        report = await triage(server.conninfo())
        finding = only(report, "config.prevents_start")
        down = only(report, "server.unreachable")
        assert finding.severity == "critical"
        assert "shared_bufers" in finding.summary
        assert finding.subject["lines"][0].startswith(f"{server.data_dir}/postgresql.conf:")
        assert down.caused_by == (finding.id,)
        assert [one.id for one in report.roots() if one.severity != "info"] == [finding.id]
    server.start()
    assert not [one for one in (await triage(server.conninfo())).findings if one.condition in LOG_CONDITIONS]


async def test_a_server_that_died_names_its_crash(server: EmbeddedServer) -> None:
    await triage(server.conninfo())
    await host.kill_session(server, "postgres")
    server.stop("immediate")
    report = await triage(server.conninfo())
    assert only(report, "server.unreachable").caused_by == (only(report, "server.crashed").id,)


async def test_autovacuum_that_always_gives_way(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(NEWEST, **host.SLOW_AUTOVACUUM)
    await prepare(server, "shop")
    async with host.autovacuum_cancelled(server, "shop"), desk(server.conninfo(dbname="shop")) as at:
        finding = only(await look(at), "vacuum.cancelled")
        assert finding.subject["relation"] == "shop.public.events"
        assert finding.subject["last_hour"] >= 3
        ended = await at.remedy(finding)
        assert ended["verified"] is True
        assert "vacuum.cancelled" not in {one.condition for one in (await look(at)).findings}
    server.destroy()


async def test_a_deadlock_names_both_processes(server: EmbeddedServer) -> None:
    await prepare(server, "shop")
    pids = await locks.deadlock_once(server, "shop")
    async with desk(server.conninfo(dbname="shop")) as at:
        rows = {row["class"]: row for row in (await read(at, LOG_CLASSES)).dicts()}
        deadlock = rows["lock.deadlock"]
        assert set(deadlock["pids"]) == set(pids)
        assert (deadlock["code"], deadlock["sqlstate"], deadlock["total"]) == ("L73", "40P01", 1)
        assert "UPDATE public.orders" in deadlock["detail"]
        finding = only(await look(at, only=["lock.deadlocks"], interval=0.1), "lock.deadlocks")
        assert finding.severity == "info" and set(finding.subject["last_pids"]) == set(pids)
        assert "UPDATE public.orders" in finding.summary
        shown = (await read(at, SERVER_LOG, **{"class": "lock.deadlock"})).dicts()
        assert [row["sqlstate"] for row in shown] == ["40P01"]
        assert shown[0]["pid"] in pids


@pytest.fixture(params=["stderr", "csvlog", "jsonlog"])
def remote(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    """A server that is reached by an address which isn't known to be this host's."""
    made = server_factory.fresh(
        NEWEST, listen_addresses="127.0.0.2", logging_collector="on", log_destination=request.param
    )  # fmt: skip
    made.hba(["host all all 127.0.0.0/8 trust"])
    yield made
    made.destroy()


def over_tcp(server: EmbeddedServer, user: str) -> str:
    return f"host=127.0.0.2 port={server.port} user={user} dbname=postgres"


async def test_through_sql_with_the_least_that_is_enough(remote: EmbeddedServer) -> None:
    role, mark = f"reader_{secrets.token_hex(3)}", f"x{secrets.token_hex(6)}"
    with psycopg.connect(remote.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN".encode())
        for grant in ("", f"GRANT pg_monitor TO {role}"):
            admin.execute(grant.encode() or b"SELECT 1")
            blind = unchecked(await triage(over_tcp(remote, role)))
            assert blind.keys() >= LOG_CONDITIONS
            asked = "pg_read_binary_file" if grant else "pg_monitor"
            assert (
                f"GRANT {'EXECUTE ON FUNCTION pg_catalog.' if grant else ''}{asked}"
                in blind["server.crashed"]
            )
            assert f'TO "{role}"' in blind["server.crashed"]
        admin.execute(blind["server.crashed"].partition(" → ")[2].encode())
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            admin.execute(f"SELECT '{mark}'::int".encode())
    async with desk(over_tcp(remote, role)) as at:
        report = await look(at)
        assert not LOG_CONDITIONS & set(unchecked(report))
        assert not [one for one in loud(report) if one[0] in LOG_CONDITIONS]
        evidence = await read(at, SERVER_LOG)
        assert "through pg_read_binary_file" in evidence.statement
        assert [row["sqlstate"] for row in evidence.dicts() if mark in row["message"]] == ["22P02"]


async def test_rotated_files_and_a_bounded_tail(remote: EmbeddedServer) -> None:
    async with connected(remote, "postgres") as admin, desk(over_tcp(remote, "postgres")) as at:
        await admin.execute("SET client_min_messages = error")
        for number in range(150):
            if number == 75:
                remote.set(log_filename="later.log")
                await until(admin, "SELECT count(*) > 0 FROM pg_ls_logdir() WHERE name LIKE 'later%%'", [])
            warn = f"DO $$ BEGIN RAISE WARNING 'entry % %', {number}, repeat('x', 700); END $$"
            await admin.execute(warn.encode())
        evidence = await read(at, SERVER_LOG, severity="WARNING")
        entries = [
            row["message"].split()[1] for row in evidence.dicts() if row["message"].startswith("entry")
        ]
        assert evidence.statement.count("bytes of") > 1  # more than one file
        assert entries == [str(number) for number in range(149, -1, -1)]
        small = await read(at, SERVER_LOG, severity="WARNING", bytes=5000)
        assert small.truncated and 1 <= len(small.rows) <= 6
    assert USUAL_BYTES <= 4 << 20


async def test_a_log_whose_lines_have_no_time(server: EmbeddedServer) -> None:
    server.set(log_line_prefix="[%p] ")
    async with desk(server.conninfo()) as at:
        said = unchecked(await look(at))
    assert "log_line_prefix = '[%p] '" in said["server.crashed"]
    assert "ALTER SYSTEM SET log_line_prefix = '%m" in said["server.crashed"]


async def test_secrets_and_undecodable_bytes_in_the_log(server: EmbeddedServer) -> None:
    secret = secrets.token_urlsafe(12)
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        with pytest.raises(psycopg.errors.UndefinedObject):
            admin.execute(
                f"ALTER ROLE nobody_{secret[:4].lower().replace('-', 'a')} PASSWORD '{secret}'".encode()
            )
        with server.log_file.open("ab") as log:
            log.write(b"2026-01-01 00:00:00.000 UTC [1] ERROR:  caf\xe9 \xff\xfe\n")
    async with desk(server.conninfo()) as at:
        evidence = await read(at, SERVER_LOG, minutes=10080)
        assert secret not in str(evidence.to_json())
        assert "***" in str(evidence.to_json())


async def test_a_server_elsewhere_that_is_down_has_no_log_for_us(server_factory: ServerFactory) -> None:
    report = await triage("host=127.0.0.3 port=1 user=postgres dbname=postgres connect_timeout=2")
    assert "its host is another one" in unchecked(report)["server.crashed"]
    assert only(report, "server.unreachable").caused_by == ()
