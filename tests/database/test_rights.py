"""The grant scripts: they run as printed, and they open what they say."""

from __future__ import annotations

import re
import secrets

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from agents.commands import grants
from agents.database.reading import Reader
from agents.database.tools import change_tools
from helpdesk_tui.demo.embedded import EmbeddedServer
from tests.conftest import Database
from tests.database.desk import desk

NEEDS_GRANT = ("GRANT ", "grant")


def _script(*options: str) -> str:
    printed = CliRunner().invoke(grants, list(options))
    assert printed.exit_code == 0, printed.output
    return printed.output


async def test_the_monitor_script_opens_every_condition(database: Database) -> None:
    role = f'mon "{secrets.token_hex(3)}'
    major = str(database.server.binaries.major)
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        try:
            admin.execute(_script("--role", role, "--server-version", major).encode())
            async with desk(database.conninfo(user=role)) as work:
                report = await work.triage()
            closed = [one for one in report.not_checked if any(word in one.remedy for word in NEEDS_GRANT)]
            assert closed == []
            denied = admin.execute(
                "SELECT has_function_privilege(%s, 'pg_reload_conf()', 'EXECUTE')", [role]
            ).fetchone()
            assert denied == (False,)
        finally:
            _drop(admin, role)


@pytest.mark.parametrize("purpose", ["monitor", "action"])
def test_the_script_runs_as_it_is_printed(pg: EmbeddedServer, purpose: str) -> None:
    role = f"r_{secrets.token_hex(4)}"
    script = _script("--for", purpose, "--role", role, "--server-version", str(pg.binaries.major))
    with psycopg.connect(pg.conninfo(), autocommit=True) as admin:
        try:
            admin.execute(script.encode())
            super_ = admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            assert super_ == (False,)
        finally:
            _drop(admin, role)


def test_every_act_is_named_in_the_action_script() -> None:
    words = set(re.findall(r"\w+", _script("--for", "action")))
    assert {name for name, tool in change_tools(Reader()).items() if name not in words} == set()


def _drop(admin: psycopg.Connection[tuple[object, ...]], role: str) -> None:
    name = sql.Identifier(role)
    admin.execute(sql.SQL("DROP OWNED BY {}").format(name))
    admin.execute(sql.SQL("DROP ROLE {}").format(name))
