"""Data that can't be trusted, versions that are old, and who may come in."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest
from psycopg import sql

from agents.database.catalogue.versions import releases
from helpdesk_tui.demo.embedded import EmbeddedServer, system_user
from tests import servers
from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.pairs import execute, until
from tests.servers import ServerFactory


@pytest.fixture(params=servers.AVAILABLE, ids=lambda major: f"pg{major}", scope="module")
def own(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Iterator[EmbeddedServer]:
    """A server that is stopped, damaged and killed: each test leaves it running."""
    server = server_factory.fresh(request.param, autovacuum="off")
    yield server
    server.destroy()


async def test_a_page_that_fails_its_checksum(own: EmbeddedServer) -> None:
    execute(own, "CREATE TABLE public.ledger AS SELECT n FROM generate_series(1, 1000) n", "CHECKPOINT")
    with psycopg.connect(own.conninfo(), autocommit=True) as admin:
        row = admin.execute("SELECT pg_relation_filepath('public.ledger')").fetchone()
    assert row is not None
    own.stop()
    if own.binaries.major < 18:  # from 18 on initdb switches them on
        own.binaries.run("pg_checksums", "--enable", "-D", str(own.data_dir), user=system_user())
    with (own.data_dir / row[0]).open("r+b") as file:
        file.seek(4000)
        file.write(b"\xff" * 64)
    own.start()
    with (
        psycopg.connect(own.conninfo(), autocommit=True) as reader,
        pytest.raises(psycopg.errors.DataCorrupted),
    ):
        reader.execute("SELECT count(*) FROM public.ledger")
    until(own, "SELECT checksum_failures > 0 FROM pg_stat_database WHERE datname = 'postgres'")
    async with desk(own.conninfo()) as work:
        finding = only(await work.triage(), "corruption.checksum")
        assert (finding.severity, finding.subject["database"], finding.remedies) == (
            "critical",
            "postgres",
            (),
        )
        assert "zero_damaged_pages" in finding.summary


async def test_a_corrupt_index_is_found_on_request_and_rebuilt(server_factory: ServerFactory) -> None:
    if 15 not in servers.AVAILABLE:
        pytest.skip("needs contrib's amcheck")
    server = server_factory.shared(15)
    name = f"checked_{secrets.token_hex(3)}"
    execute(server, f"CREATE DATABASE {name}")
    try:
        async with desk(server.conninfo(dbname=name)) as work:
            execute(server, "CREATE TABLE public.empty (id int PRIMARY KEY)", dbname=name)
            report = await work.triage(only="corruption.index")
            assert "amcheck" in report.not_checked[0].reason
            execute(
                server,
                "CREATE EXTENSION amcheck",
                "CREATE FUNCTION public.bucket(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT n'",
                "CREATE TABLE public.parts AS SELECT n FROM generate_series(1, 500) n",
                "CREATE INDEX parts_bucket ON public.parts (public.bucket(n))",
                "CREATE INDEX parts_n ON public.parts (n)",
                dbname=name,
            )
            assert (await work.triage(only="corruption.index")).findings == ()
            execute(
                server,
                "CREATE OR REPLACE FUNCTION public.bucket(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT n + 1'",
                dbname=name,
            )
            assert "corruption.index" in {
                one.condition for one in (await work.triage(only="corruption")).not_checked
            }
            finding = only(await work.triage(only="corruption.index"), "corruption.index")
            assert (finding.severity, finding.subject["index"]) == ("critical", "public.parts_bucket")
            assert (await work.remedy(finding))["verified"] is True
            report = await work.triage(only="corruption.index")
            assert (report.findings, report.not_checked) == ((), ())
        execute(server, "DROP ROLE IF EXISTS checker", "CREATE ROLE checker LOGIN", dbname=name)
        async with desk(server.conninfo(user="checker", dbname=name)) as work:
            (blind,) = (await work.triage(only="corruption.index")).not_checked
            execute(server, blind.remedy, dbname=name)
            assert (await work.triage(only="corruption.index")).not_checked == ()
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)", "DROP ROLE IF EXISTS checker")


async def test_a_collation_of_another_version_names_the_indexes(database: Database) -> None:
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        found = admin.execute(
            "SELECT collname FROM pg_collation WHERE collversion IS NOT NULL ORDER BY collname LIMIT 1"
        ).fetchone()
        if found is None:
            pytest.skip("this build knows no collation with a version")
        admin.execute(
            sql.SQL("CREATE COLLATION public.shelf FROM {}").format(sql.Identifier("pg_catalog", found[0]))
        )
        admin.execute("CREATE TABLE public.books (title text COLLATE public.shelf)")
        admin.execute("CREATE INDEX books_title ON public.books (title)")
        admin.execute("UPDATE pg_collation SET collversion = '0.1' WHERE collname = 'shelf'")
        async with desk(database.conninfo()) as work:
            finding = only(await work.triage(only="collation"), "collation.mismatch")
            assert (finding.severity, finding.subject["name"]) == ("warning", "public.shelf")
            assert finding.subject["indexes"] == 1
            assert finding.remedies[0].arguments == {"index": "public.books_title"}
            done = await work.remedy(finding)
            assert done["verified"] is True and "has version mismatch" in done["text"]
            admin.execute("ALTER COLLATION public.shelf REFRESH VERSION")
            assert loud(await work.triage(only="collation")) == []


async def test_a_database_of_another_collation_version(database: Database) -> None:
    if database.server.binaries.major < 15:
        pytest.skip("14 doesn't record it")
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute("UPDATE pg_database SET datcollversion = '0.1' WHERE datname = current_database()")
    async with desk(database.conninfo()) as work:
        finding = only(await work.triage(only="collation"), "collation.mismatch")
        assert (finding.subject["kind"], finding.subject["name"]) == ("database", database.name)
        with psycopg.connect(database.conninfo(), autocommit=True) as admin:
            admin.execute("UPDATE pg_database SET datcollversion = NULL WHERE datname = current_database()")
        assert (await work.triage(only="collation")).findings == ()


async def test_an_extension_left_behind(database: Database) -> None:
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute("UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'plpgsql'")
        async with desk(database.conninfo()) as work:
            finding = only(await work.triage(only="extension"), "extension.drift")
            assert (finding.severity, finding.subject["extension"], finding.subject["installed"]) == (
                "info",
                "plpgsql",
                "0.9",
            )
            admin.execute("UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'plpgsql'")
            assert (await work.triage(only="extension")).findings == ()


async def test_releases_are_judged_by_the_table_that_comes_along(database: Database) -> None:
    as_of, majors = releases()
    assert majors[14].end_of_life == date(2026, 11, 12) and set(majors) >= {13, 14, 15, 16, 17, 18}
    version = database.server.binaries.major
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        minor = admin.info.server_version % 10000
    async with desk(database.conninfo()) as work:
        found = (await work.triage(only="version")).findings
        newest = majors[version].newest
        days = (majors[version].end_of_life - datetime.now(UTC).date()).days
        assert bool(found) == (days <= 180 or (newest is not None and minor < newest))
        early = {"version.outdated": {"support_info": "4000 d"}}
        finding = only(await work.triage(early, only="version"), "version.outdated")
        assert finding.severity == "info"
        assert finding.subject["end_of_life"] == majors[version].end_of_life.isoformat()
        assert as_of < datetime.now(UTC).date()


async def test_a_killed_process_is_told_from_a_clean_start(own: EmbeddedServer) -> None:
    soon = {"server.recent_restart": {"processes_later": 0.5}}
    async with desk(own.conninfo()) as work:
        clean = only(await work.triage(only="server.recent_restart"), "server.recent_restart")
        assert clean.severity == "info"
        with psycopg.connect(own.conninfo(), autocommit=True) as victim:
            until(own, "SELECT now() - pg_postmaster_start_time() > interval '1 s'")
            os.kill(victim.info.backend_pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                victim.execute("SELECT 1")
        async with asyncio.timeout(60):
            while True:  # until the server has noticed, and lets us in again
                report = await work.triage(soon, only="server.recent_restart")
                if any(
                    one.condition == "server.recent_restart" and one.severity == "warning"
                    for one in report.findings
                ):
                    break
                await asyncio.sleep(0.05)
        finding = only(report, "server.recent_restart")
        assert finding.subject["processes_up_s"] < finding.subject["up_s"]


async def test_roles_that_may_too_much_or_run_out(database: Database) -> None:
    tag = secrets.token_hex(3)
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute(f'CREATE ROLE "boss {tag}" LOGIN SUPERUSER'.encode())
        admin.execute(
            f"CREATE ROLE soon_{tag} LOGIN VALID UNTIL '{datetime.now(UTC).year + 1}-12-31'".encode()
        )
        admin.execute(f"ALTER ROLE soon_{tag} VALID UNTIL 'infinity'".encode())
        admin.execute(f"CREATE ROLE late_{tag} LOGIN".encode())
        admin.execute(
            f"DO $$ BEGIN EXECUTE format('ALTER ROLE late_{tag} VALID UNTIL %L', now() + interval '2 days'); END $$".encode()
        )
        admin.execute(f"CREATE ROLE gone_{tag} LOGIN VALID UNTIL '2001-01-01'".encode())
        admin.execute("SET password_encryption = 'md5'")
        admin.execute(f"CREATE ROLE old_{tag} LOGIN PASSWORD 'secret-{tag}'".encode())
        admin.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        try:
            async with desk(database.conninfo()) as work:
                report = await work.triage(only=["role", "schema"])
                mine = [one for one in report.findings if tag in str(one.subject)]
                assert {(one.condition, one.severity, str(one.subject.get("role"))) for one in mine} == {
                    ("role.superusers", "info", f"boss {tag}"),
                    ("role.expired", "warning", f"late_{tag}"),
                    ("role.expired", "info", f"gone_{tag}"),
                    ("role.md5_password", "info", "None"),
                }
                assert f"old_{tag}" in only(report, "role.md5_password").subject["roles"]
                assert f"secret-{tag}" not in str(report.to_json()) and "md5" + "0" not in str(
                    report.to_json()
                )
                assert only(report, "schema.public_create").subject["schema"] == "public"
                admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
                assert (await work.triage(only="schema")).findings == ()
        finally:
            for name in (f"boss {tag}", f"soon_{tag}", f"late_{tag}", f"gone_{tag}", f"old_{tag}"):
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


async def test_sessions_from_elsewhere_without_tls(server_factory: ServerFactory) -> None:
    address = _own_address()
    own = server_factory.fresh(18, listen_addresses="*")
    own.hba([f"host all all {address}/32 trust"])
    until(own, "SELECT count(*) > 0 FROM pg_hba_file_rules WHERE address = %s", address)
    target = f"host={address} port={own.port} user=postgres dbname=postgres"
    with psycopg.connect(target, autocommit=True) as remote:
        async with desk(own.conninfo()) as work:
            finding = only(await work.triage(only="ssl"), "ssl.plaintext")
            assert (finding.subject["client"], finding.subject["pids"]) == (
                address,
                [remote.info.backend_pid],
            )
            remote.close()
            until(own, "SELECT count(*) = 0 FROM pg_stat_activity WHERE client_addr IS NOT NULL")
            assert (await work.triage(only="ssl")).findings == ()
    own.destroy()


def _own_address() -> str:
    """This host's address on a network beside the loopback, without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this host has no network but the loopback")
        address = str(probe.getsockname()[0])
    if address.startswith("127."):
        pytest.skip("this host has no network but the loopback")
    return address
