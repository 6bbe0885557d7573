"""Statements typed by hand: what only reads runs within limits, and nothing else does anything."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from agents.database.free_functions import READER_PREFIX, READERS, refuse_volatile
from agents.database.free_sql import BYTES
from agents.database.free_statement import LONGEST, FreeStatement, read_statement
from agents.database.reading import ReadFailed
from agents.kernel import targets
from agents.kernel.records import Evidence
from agents.kernel.tool import Refused
from tests.commands.test_command_line import helpdesk
from tests.conftest import Database
from tests.database.desk import Desk, desk

NO_READ = [
    ("", "0 statements"),
    ("SELECT 1; DROP TABLE stock", "2 statements"),
    ("DELETE FROM stock", "DELETE is not run"),
    ("WITH gone AS (DELETE FROM stock RETURNING id) SELECT * FROM gone", "it holds DELETE"),
    ("SELECT (SELECT 1 FROM stock LIMIT 1 FOR UPDATE)", "locks rows"),
    ("SELECT * INTO copied FROM stock", "makes a table"),
    ("TABLE stock FOR KEY SHARE", "locks rows"),
    ("COPY stock TO PROGRAM 'true'", "COPY is not run"),
    ("EXPLAIN ANALYZE SELECT 1", "runs the statement"),
    ("EXPLAIN (ANALYZE true, COSTS off) SELECT 1", "runs the statement"),
    ("EXPLAIN (ANALYZE 1) SELECT 1", "runs the statement"),
    ("EXPLAIN EXECUTE prepared", "EXECUTE is not run"),
    ("DO $$ BEGIN END $$", "DO is not run"),
    ("SET work_mem = '1GB'", "is not run"),
    ("COMMIT", "is not run"),
    ("SELECT $1", "has no value"),
    ("SELECT\n 'ü' frm stock x", "line 2, column 10"),
    ("DECLARE c CURSOR FOR SELECT 1", "DECLARE CURSOR is not run"),
    ("EXPLAIN CREATE TABLE copied AS SELECT 1", "CREATE TABLE AS is not run"),
    ("SELECT '\x00'", r"holds \\x00"),
    ("SELECT '\udcff'", r"holds \\udcff"),
    ("SELECT " + "(" * (LONGEST // 2) + "1", "not understood"),
    ("SELECT " + "1," * LONGEST + "1", f"expected {LONGEST} at most"),
]
ACTS = [
    "SELECT pg_terminate_backend({pid})",
    "SELECT ({pid}).pg_terminate_backend",
    "SELECT pg_catalog.pg_cancel_backend({pid})",
    "EXPLAIN SELECT pg_reload_conf()",
    "SELECT * FROM (VALUES (nextval('ids'))) AS v",
    "SELECT setval('ids', 99)",
    "SELECT 1 WHERE EXISTS (SELECT pg_advisory_lock(1))",
    "SELECT set_config('work_mem', '1GB', false)",
    "SELECT * FROM pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT query_to_xml('SELECT nextval(''ids'')', true, true, '')",
    "SELECT pg_notify('a', 'b')",
    "SELECT pg_current_xact_id()",
    "SELECT pg_sleep(0)",
    "SELECT stock.act FROM stock",
    "SELECT shop.acts(1)",
    "SELECT 1 OPERATOR(shop.!!!) 1",
    "SELECT stock.acts_by_default FROM stock",
    "SELECT stock.acts_on_many FROM stock",
    "SELECT stock.acts_once_cast FROM stock",
    "SELECT made.acts_on_domain FROM shop.make() AS made",
    "SELECT shop.acting(id) FROM stock",
    r"""SELECT U&"\006eextval"('ids')""",
]
SCHEMA = """
CREATE TABLE stock (id int PRIMARY KEY, amount numeric, at timestamptz);
INSERT INTO stock SELECT g, 1.10, 'infinity' FROM generate_series(1, 1000) AS g;
CREATE SEQUENCE ids;
CREATE SCHEMA shop;
CREATE FUNCTION shop.acts(int) RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('public.ids') $$;
CREATE FUNCTION shop.acts(int, int) RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('public.ids') $$;
CREATE FUNCTION act(stock) RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('public.ids') $$;
CREATE FUNCTION acts_by_default(stock, int DEFAULT 1) RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('public.ids') $$;
CREATE FUNCTION acts_on_many(VARIADIC stock[]) RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('public.ids') $$;
CREATE FUNCTION acts_once_cast(int) RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('public.ids') $$;
CREATE FUNCTION shop.number(stock) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT 1 $$;
CREATE CAST (stock AS int) WITH FUNCTION shop.number(stock) AS IMPLICIT;
CREATE TYPE shop.pair AS (id int);
CREATE DOMAIN shop.named AS shop.pair;
CREATE FUNCTION acts_on_domain(shop.named) RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('public.ids') $$;
CREATE FUNCTION shop.make() RETURNS shop.named LANGUAGE sql STABLE AS $$ SELECT ROW(1)::shop.pair::shop.named $$;
CREATE FUNCTION shop.step(bigint, int) RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('public.ids') $$;
CREATE AGGREGATE shop.acting(int) (SFUNC = shop.step, STYPE = bigint, INITCOND = 0);
CREATE OPERATOR shop.!!! (LEFTARG = int, RIGHTARG = int, FUNCTION = shop.acts);
"""


async def run(work: Desk, statement: str, **limits: Any) -> Evidence:
    request = {
        "kind": "tool",
        "tool": "run_sql",
        "arguments": {"statement": statement, **limits},
    }
    events = await work.ask(request)
    return next(Evidence.from_json(event.body["evidence"]) for event in events if event.kind == "evidence")


@pytest.mark.parametrize(("statement", "why"), NO_READ, ids=range(len(NO_READ)))
def test_what_is_no_read_is_refused_before_anything_is_asked(statement: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refusal:
        read_statement(statement)
    assert len(str(refusal.value).splitlines()) == 1


async def test_functions_that_act_are_refused_and_do_nothing(database: Database) -> None:
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute(SCHEMA.encode())
        with psycopg.connect(database.conninfo(), autocommit=True) as victim:
            async with desk(database.conninfo()) as work:
                for statement in ACTS:
                    with pytest.raises(Refused, match=r"it may act|it is not run from here"):
                        await run(work, statement.format(pid=victim.info.backend_pid))
            assert victim.execute("SELECT 1").fetchone() == (1,)
        found = admin.execute("SELECT is_called FROM ids").fetchone()
        assert found == (False,)


async def test_a_string_ends_where_our_grammar_says(database: Database) -> None:
    """A server with the strings of old would see a call behind the backslash."""
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        name = sql.Identifier(database.name)
        admin.execute(sql.SQL("ALTER DATABASE {} SET standard_conforming_strings = off").format(name))
    async with desk(database.conninfo()) as work:
        text = r"a\', pg_catalog.pg_reload_conf() --"
        found = await run(work, f"SELECT '{text.replace(chr(39), chr(39) * 2)}'")
    assert found.rows == ((text,),)


async def test_every_function_of_the_server_that_may_act_is_known(database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(database.conninfo(), autocommit=True) as connection:
        cursor = await connection.execute("SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v'")
        volatile = {row[0] for row in await cursor.fetchall()}
        readers = {name for name in volatile if name in READERS or name.startswith(READER_PREFIX)}
        assert len(readers) > 50
        for name in volatile - readers:
            with pytest.raises(Refused, match=r"may act|acts"):
                await refuse_volatile(connection, FreeStatement("", frozenset({name})))
        await refuse_volatile(connection, FreeStatement("", frozenset(readers)))


async def test_reads_run_within_limits_under_the_monitor_role(database: Database) -> None:
    role, secret = f"watch_{secrets.token_hex(3)}", secrets.token_urlsafe(12)
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute(SCHEMA.encode())
        admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        admin.execute("CREATE TABLE hidden (id int)")
        admin.execute(sql.SQL("GRANT SELECT ON stock TO {}").format(sql.Identifier(role)))
    try:
        async with desk(database.conninfo()) as work:
            targets.tell(replace(targets.find(work.target), monitor_role=role))
            rows = await run(work, "TABLE stock ORDER BY id", rows=3)
            assert (rows.rows, rows.truncated) == (
                tuple((place, "1.10", "infinity") for place in (1, 2, 3)), True,
            )  # fmt: skip
            about = "SELECT current_user, current_setting('transaction_read_only'), current_setting('search_path')"
            assert (await run(work, about, schemas=["shop", "public"])).rows == (
                (role, "on", '"shop", "public"'),
            )
            with pytest.raises(ReadFailed, match="permission denied for table hidden"):
                await run(work, "SELECT * FROM hidden")
            with pytest.raises(ReadFailed, match="took longer than 1 s"):
                await run(work, "SELECT count(*) FROM generate_series(1, 10000000000)", seconds=1)
            large = await run(work, f"SELECT repeat('x', {BYTES}) FROM generate_series(1, 50)", rows=50)
            assert (large.truncated, len(large.rows) < 3) == (True, True)
            masked = await run(work, f"SELECT 'password={secret}' AS dsn")
            assert secret not in json.dumps(masked.to_json())
            assert (await run(work, "SHOW server_encoding")).rows == (("UTF8",),)
            assert (await run(work, "EXPLAIN (ANALYZE off) TABLE stock")).columns == ("QUERY PLAN",)
            reads = "SELECT pg_is_in_recovery(), 1 = 1, count(*), sum(id), max(stock.id) FROM stock"
            assert (await run(work, reads)).rows == ((False, True, 1000, 500500, 1000),)
    finally:
        with psycopg.connect(database.conninfo(), autocommit=True) as admin:
            admin.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


def test_the_command_shows_rows_and_what_it_does_not_promise(database18: Database) -> None:
    done = helpdesk("sql", database18.conninfo(), "VALUES (1, chr(27) || '[31m'), (2, NULL)")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:3] == ["1        \\x1b[31m", "2"]
    assert "Not promised" in done.stderr
