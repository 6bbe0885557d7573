"""Names and texts made to break a statement, a record or a screen."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from agents.database.catalogue import all_conditions
from tests.conftest import Database
from tests.database.desk import desk, loud, only, unchecked
from tests.database.faults import Faults
from tests.servers import ServerFactory

NAMES = [
    'say "please"; DROP TABLE stock; --',
    "line\nfeed\tand\rreturn",
    "\x1b[31mred\x1b]0;title\x07",
    "[/x][bold]markup[link=https://x]",
    "\u202egnp.exe\u200b\u2066",
    "ж" * 31,
    "數據" * 10,
    "%s %(pid)s {} {0} %%",
    "password=hunter2-and-more",
    "\\x00 \\u0000 '' $$",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_hostile_table_names_are_named_exactly_and_mended(database18: Database, name: str) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        schema = sql.Identifier(name[::-1])
        await faults.admin.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        table = sql.SQL("{}.{}").format(schema, sql.Identifier(name))
        await faults.admin.execute(
            sql.SQL("CREATE TABLE {} (id int) WITH (autovacuum_enabled = off)").format(table)
        )
        report = await work.triage()
        finding = only(report, "vacuum.disabled_table")
        exact = await faults.value(
            "SELECT format('%%I.%%I', relnamespace::regnamespace::name, relname) FROM pg_class WHERE relname = %s",
            [name],
        )
        quoted = await faults.value("SELECT quote_ident(%s) || '.' || quote_ident(%s)", [name[::-1], name])
        assert finding.subject["relation"] == quoted, exact
        assert not [
            char
            for char in finding.title + finding.summary
            if ord(char) < 32 or char in "\u202e\u200b\u2066\x9b"
        ]
        assert (await work.remedy(finding))["verified"] is True
        assert loud(await work.triage()) == []


@pytest.mark.parametrize("name", NAMES[:6], ids=range(6))
async def test_hostile_roles_and_databases(server_factory: ServerFactory, name: str) -> None:
    server = server_factory.shared(18)
    unique = f"{secrets.token_hex(2)}{name}"
    while len(unique.encode()) > 63:
        unique = unique[:-1]
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unique)))
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(unique)))
    other = psycopg.connect(server.conninfo(), autocommit=True)
    try:
        async with desk(server.conninfo(user=unique, dbname=unique)) as work:
            report = await work.triage()
            finding = only(report, "access.insufficient_privilege")
            with psycopg.connect(server.conninfo(), autocommit=True) as admin:
                admin.execute(finding.subject["grant"].encode())
            assert "access.insufficient_privilege" not in {
                one.condition for one in (await work.triage()).findings
            }
            text = json.dumps(report.to_json())
            assert "\x1b" not in text and "\n" not in text
    finally:
        other.close()
        with psycopg.connect(server.conninfo(), autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(unique)))
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(unique)))


async def test_a_megabyte_of_query_is_cut(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18, track_activity_query_size="1MB")
    try:
        for database in _databases(server):
            async with Faults(database) as faults, desk(database.conninfo()) as work:
                root = await faults.idle_writer()
                session = await faults.session("[/bold]")
                filler = "x\x1b[2J" * 170_000
                statement = f"/* {filler} */ UPDATE public.stock SET amount = 2 WHERE id = 1"
                faults.run(session.execute(statement.encode()))
                await faults.until_waiting(session.info.backend_pid)
                report = await work.triage({"session.long_query": {"run_warning": 0}})
                tree = only(report, "lock.blocking_tree")
                assert tree.subject["root"] == root.info.backend_pid
                assert len(json.dumps(report.to_json())) < 300_000
                approval = await work.request(tree)
                assert len(json.dumps(approval.to_json())) < 60_000
                assert (await work.approve(approval)).body["freed"] == [session.info.backend_pid]
    finally:
        server.destroy()


async def test_a_schema_that_shadows_the_catalogs_is_never_looked_into(database: Database) -> None:
    async with Faults(database) as faults:
        await faults.admin.execute(SHADOWS.encode())
        role = sql.Identifier(faults.role)
        for statement in (
            "GRANT USAGE ON SCHEMA evil TO {}",
            "GRANT pg_monitor TO {}",
            "ALTER ROLE {} SET search_path = evil, pg_catalog",
        ):
            await faults.admin.execute(sql.SQL(statement).format(role))
        root, _ = await faults.chain(3)
        async with desk(database.conninfo(user=faults.role)) as work:
            report = await work.triage()
        assert only(report, "lock.blocking_tree").subject["root"] == root
        needing_more = {
            one.id for one in all_conditions().values() if any("pg_monitor" not in g for g in one.grants)
        }
        assert unchecked(report) <= needing_more
        assert await faults.value("SELECT count(*) FROM evil.traces") == 0


SHADOWS = """
CREATE SCHEMA evil;
CREATE TABLE evil.traces (who text);
GRANT ALL ON evil.traces TO PUBLIC;
CREATE FUNCTION evil.trap() RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO evil.traces VALUES (current_user); RETURN 'trapped'; END $$;
CREATE VIEW evil.pg_stat_activity AS SELECT 1 AS pid, evil.trap() AS query;
CREATE VIEW evil.pg_locks AS SELECT evil.trap() AS locktype;
CREATE FUNCTION evil.pg_blocking_pids(int) RETURNS int[] LANGUAGE sql AS $$ SELECT ARRAY[length(evil.trap())] $$;
CREATE FUNCTION evil.left(text, int) RETURNS text LANGUAGE sql AS $$ SELECT evil.trap() $$;
CREATE FUNCTION evil.quote_ident(text) RETURNS text LANGUAGE sql AS $$ SELECT evil.trap() $$;
CREATE FUNCTION evil.same(oid, oid) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.trap() IS NULL $$;
CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.same);
"""


def _databases(server: object) -> Iterator[Database]:
    from helpdesk_tui.demo.embedded import EmbeddedServer
    from tests.conftest import make_database

    assert isinstance(server, EmbeddedServer)
    return make_database(server)
