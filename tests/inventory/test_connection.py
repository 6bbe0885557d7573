"""A session has its limits from the first statement on, and a refusal says why."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import psycopg
import pytest

from helpdesk_tui.demo.embedded import EmbeddedServer, free_port
from inventory.connection import ConnectFailed, connect
from inventory.errors import UserError
from inventory.secrets import SecretRef
from inventory.target import Target
from tests.conftest import Database
from tests.inventory.conftest import SLOTS, Guarded, sessions


async def shown(connection: psycopg.AsyncConnection[tuple[object, ...]], setting: str) -> str:
    row = await (await connection.execute("SELECT current_setting(%s)", (setting,))).fetchone()
    assert row is not None
    return str(row[0])


async def test_every_limit_is_there_before_the_first_statement(database: Database) -> None:
    name = secrets.token_hex(4)
    async with await connect(
        Target.from_dsn(database.conninfo()),
        application=name,
        statement_timeout_ms=1500,
        lock_timeout_ms=70,
        idle_timeout_ms=9000,
    ) as connection:
        expected = {
            "application_name": f"helpdesk/{name}",
            "statement_timeout": "1500ms",
            "lock_timeout": "70ms",
            "idle_in_transaction_session_timeout": "9s",
            "default_transaction_read_only": "on",
            "search_path": "pg_catalog",
            "jit": "off",
            "client_encoding": "UTF8",
            "TimeZone": "UTC",
        }
        assert {setting: await shown(connection, setting) for setting in expected} == expected
        assert connection.autocommit
        with psycopg.connect(database.conninfo(), autocommit=True) as admin:
            found = admin.execute(
                "SELECT state, query FROM pg_stat_activity WHERE application_name = %s", (f"helpdesk/{name}",)
            ).fetchall()
        assert [state for state, _ in found] == ["idle"]
        started = time.perf_counter()
        with pytest.raises(psycopg.errors.QueryCanceled):
            await connection.execute("SELECT pg_sleep(30)")
        assert time.perf_counter() - started < 25


async def test_a_session_writes_only_where_that_was_asked_for(database: Database) -> None:
    target = Target.from_dsn(database.conninfo())
    async with await connect(target, application="read") as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await connection.execute("CREATE TABLE public.t (a int)")
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = on')
    async with await connect(target, application="act", read_only=False) as connection:
        await connection.execute("CREATE TABLE public.t (a int)")
    with psycopg.connect(database.conninfo()) as admin:
        assert admin.execute("SELECT to_regclass('public.t') IS NOT NULL").fetchone() == (True,)


async def test_the_strings_own_options_hold_beside_ours(database: Database) -> None:
    dsn = f"{database.conninfo()} options='-c work_mem=3MB -c statement_timeout=77777'"
    async with await connect(Target.from_dsn(dsn), application="x") as connection:
        assert await shown(connection, "work_mem") == "3MB"
        assert await shown(connection, "statement_timeout") == "2s"


async def test_a_role_with_odd_settings_changes_nothing(database: Database) -> None:
    role = f"odd_{secrets.token_hex(4)}"
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
        for setting in (
            "datestyle = 'German, DMY'",
            "intervalstyle = 'sql_standard'",
            "search_path = public",
        ):
            admin.execute(f"ALTER ROLE {role} SET {setting}")
    try:
        async with await connect(
            Target.from_dsn(database.conninfo(user=role)), application="x"
        ) as connection:
            row = await (await connection.execute("SELECT now(), interval '1 day 2 hours'")).fetchone()
            assert row is not None
            assert row[0].utcoffset().total_seconds() == 0
            assert row[1].total_seconds() == 93600
    finally:
        with psycopg.connect(database.conninfo(), autocommit=True) as admin:
            admin.execute(f"DROP ROLE {role}")


async def test_text_of_a_database_with_another_encoding_does_not_cost_the_answer(pg: EmbeddedServer) -> None:
    name = f"latin_{secrets.token_hex(4)}"
    with psycopg.connect(pg.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        try:
            with psycopg.connect(pg.conninfo(dbname=name), autocommit=True) as foreign:
                foreign.execute("SELECT 'caf\u00e9'")
                async with await connect(Target.from_dsn(pg.conninfo()), application="x") as connection:
                    cursor = await connection.execute(
                        "SELECT query FROM pg_stat_activity WHERE datname = %s", (name,)
                    )
                    assert await cursor.fetchall() == [("SELECT 'caf\ufffd'",)]
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_failure_carries_its_condition_and_no_secret(guarded: Guarded) -> None:
    wrong = f"no-{guarded.password}"
    with pytest.raises(ConnectFailed) as raised:
        await connect(Target.from_dsn(guarded.tcp("scram", wrong)), application="x")
    failure = raised.value.failure
    assert (failure.condition, failure.sqlstate) == ("server.password_failed", "28P01")
    assert raised.value.__cause__ is None
    assert guarded.password not in str(raised.value) + repr(failure)


async def test_a_full_server_is_told_apart_by_the_driver_too(guarded: Guarded) -> None:
    async with sessions(guarded.tcp("trusted"), SLOTS):
        with pytest.raises(ConnectFailed) as raised:
            await connect(Target.from_dsn(guarded.tcp("trusted")), application="x")
    assert raised.value.failure.condition == "conn.exhaustion"


async def test_a_demand_of_the_string_that_the_server_does_not_meet(guarded: Guarded) -> None:
    with pytest.raises(ConnectFailed) as raised:
        await connect(
            Target.from_dsn(f"{guarded.tcp('trusted')} target_session_attrs=standby"), application="x"
        )
    assert raised.value.failure.condition == "server.unreachable"
    assert "target_session_attrs" in raised.value.failure.detail


async def test_a_password_comes_from_wherever_it_is(
    guarded: Guarded, isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conninfo = Target.from_dsn(guarded.tcp("scram")).conninfo
    secret = tmp_path / "secret"
    secret.write_text(guarded.password)
    secret.chmod(0o600)
    services = isolated_home / ".pg_service.conf"
    services.write_text(
        f"[shop]\nhost=127.0.0.1\nport={guarded.server.port}\nuser={guarded.role('scram')}\ndbname=postgres\n"
    )
    passfile = isolated_home / ".pgpass"
    passfile.write_text(f"*:*:*:*:{guarded.password}\n")
    passfile.chmod(0o600)
    two_hosts = conninfo.replace("host=127.0.0.1", "host=127.0.0.1,127.0.0.1")
    for target in (
        Target("file", conninfo, secret=SecretRef("file", str(secret))),
        Target("service", "service=shop"),
        Target("address", conninfo.replace("host=", "hostaddr=")),
        Target("hosts", two_hosts),
    ):
        async with await connect(target, application="x") as connection:
            assert connection.info.user == guarded.role("scram")
    passfile.unlink()
    monkeypatch.setenv("PGPASSWORD", guarded.password)
    await (await connect(Target("env", conninfo), application="x")).close()


async def test_a_password_that_cannot_be_read_matters_only_where_the_server_is_there(
    guarded: Guarded,
) -> None:
    secret = SecretRef("env", f"NO_{secrets.token_hex(4)}")
    up = Target("up", Target.from_dsn(guarded.tcp("scram")).conninfo, secret=secret)
    with pytest.raises(UserError, match=secret.name):
        await connect(up, application="x")
    down = Target("down", f"host=127.0.0.1 port={free_port()}", secret=secret)
    with pytest.raises(ConnectFailed) as raised:
        await connect(down, application="x")
    assert raised.value.failure.condition == "server.unreachable"


async def test_an_unknown_service_is_a_matter_for_the_user() -> None:
    with pytest.raises(UserError, match="nowhere"):
        await connect(Target("x", "service=nowhere"), application="x")
