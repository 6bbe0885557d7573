"""The catalogue as data: complete, consistent, and every statement runs on every server there is."""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from agents.commands import conditions
from agents.database.catalogue import all_conditions
from agents.database.expert import DatabaseExpert
from agents.database.logs.tools import LOG_CLASSES
from agents.database.measuring import MEASURES
from agents.database.statement import SCHEMA, Statement, all_statements, parse_statement
from agents.database.wording import granted
from inventory.errors import UserError
from tests.conftest import Database

ARGUMENTS = {
    "pid": 1,
    "slot_name": "none",
    "relation": "public.none",
    "index": "public.none",
    "name": "fsync",
    "constraint_name": "none",
    "trigger_name": "none",
    "query_id": 1,
    "gid": "none",
}

BEYOND_MONITOR = {"file_errors", "hba_rules", "password_hashes", "index_check", "setting_in_files"}
"""Statements that need a grant of their own."""


def test_the_conditions_of_the_first_landing_are_there() -> None:
    wanted = {
        "lock.blocking_tree", "lock.ddl_queue", "session.idle_in_transaction", "session.long_query",
        "conn.exhaustion", "wal.slot_retention", "wal.archive_failing", "vacuum.disabled_table",
        "vacuum.starvation", "config.durability_off", "index.invalid", "server.unreachable",
        "server.password_failed", "server.hba_reject", "server.database_missing", "access.insufficient_privilege",
    }  # fmt: skip
    assert wanted <= set(all_conditions())


def test_every_condition_refers_to_what_there_is() -> None:
    catalogue, statements, tools = all_conditions(), all_statements(), DatabaseExpert().tools
    for condition in catalogue.values():
        assert set(condition.statements()) <= {*statements, *MEASURES, LOG_CLASSES}, condition.id
        assert {cause.condition for cause in condition.causes} <= set(catalogue), condition.id
        assert set(condition.remedies) <= set(tools), condition.id
        assert condition.find or condition.refused, condition.id
        assert bool(condition.find) == bool(condition.needs or condition.rates), condition.id
        for threshold in condition.thresholds.values():
            assert threshold.source and threshold.value >= 0, condition.id
    assert {tool for condition in catalogue.values() for tool in condition.remedies} == {
        name for name, tool in tools.items() if tool.risk != "read" and not tool.by_hand
    } - {"reload_configuration"}


def test_every_statement_is_bounded_and_names_its_schema() -> None:
    for statement in all_statements().values():
        for variant in statement.variants:
            assert variant.sql.endswith("LIMIT %(row_limit)s"), statement.name
            assert set(re.findall(r"%\((\w+)\)s", variant.sql)) == {"row_limit", *statement.parameters}
            bare = re.findall(r"(?<![\w.])(pg_(?!catalog\b)\w+)", re.sub(r"'[^']*'", "", variant.sql))
            assert not bare, (statement.name, bare)


def test_every_statement_runs_as_a_login_with_pg_monitor(database: Database) -> None:
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS only_monitor")
        admin.execute("CREATE ROLE only_monitor LOGIN")
        admin.execute("GRANT pg_monitor TO only_monitor")
        there = {name for name in _extensions() if _create(admin, name)}
    with psycopg.connect(database.conninfo(user="only_monitor"), autocommit=True) as monitor:
        for statement in all_statements().values():
            there_is = not statement.extension or statement.extension in there
            if there_is and statement.name not in BEYOND_MONITOR:
                _run(monitor, statement)
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        admin.execute("DROP ROLE only_monitor")


def test_the_grants_of_a_statement_open_it(database: Database) -> None:
    with (
        psycopg.connect(database.conninfo(), autocommit=True) as admin,
        psycopg.connect(database.conninfo(), autocommit=True) as login,
    ):
        for name in BEYOND_MONITOR - {"index_check"}:
            statement, role = all_statements()[name], f"opened_{name}"
            admin.execute(f"CREATE ROLE {role} LOGIN".encode())
            login.execute(f"SET SESSION AUTHORIZATION {role}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                _run(login, statement)
            admin.execute(granted(statement.grant, role).encode())
            _run(login, statement)
            login.execute("RESET SESSION AUTHORIZATION")
            admin.execute(f"DROP OWNED BY {role}".encode())
            admin.execute(f"DROP ROLE {role}".encode())


def _run(login: psycopg.Connection[Any], statement: Statement) -> None:
    text = statement.variant_for(login.info.server_version).sql.replace(SCHEMA, "public")
    login.execute(text.encode(), {**ARGUMENTS, "row_limit": 1})


def _extensions() -> set[str]:
    return {statement.extension for statement in all_statements().values() if statement.extension}


def _create(admin: psycopg.Connection[Any], extension: str) -> bool:
    """Install an extension where its files are there."""
    found = admin.execute("SELECT FROM pg_available_extensions WHERE name = %s", [extension]).fetchone()
    if found is not None:
        admin.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension)))
    return found is not None


def test_a_newer_server_gets_the_newest_variant_and_an_older_one_the_oldest() -> None:
    statement = parse_statement(
        "sample", "-- summary: s\n-- [server >= 16]\nSELECT 16\n-- [server >= 14]\nSELECT 14\n"
    )
    chosen = [statement.variant_for(number).sql for number in (130000, 140001, 150004, 160000, 220000)]
    assert chosen == ["SELECT 14", "SELECT 14", "SELECT 14", "SELECT 16", "SELECT 16"]


@pytest.mark.parametrize(
    "text", ["", "-- summary: s", "SELECT 1", "-- summary: s\nnonsense\n-- [server >= 14]\nSELECT 1"]
)
def test_a_statement_that_says_too_little_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"sample\.sql"):
        parse_statement("sample", text)


def test_the_command_lists_what_is_built() -> None:
    listed = CliRunner().invoke(conditions, ["list", "--json"])
    assert listed.exit_code == 0
    described = {one["id"]: one for one in json.loads(listed.output)["conditions"]}
    assert set(described) == set(all_conditions())
    tree = described["lock.blocking_tree"]
    assert tree["thresholds"]["wait_critical"] == {
        "value": 60,
        "unit": "s",
        "source": tree["thresholds"]["wait_critical"]["source"],
    }
    assert {"tool": "terminate_session", "risk": "destructive"}.items() <= tree["remedies"][0].items()
    plain = CliRunner().invoke(conditions, ["list"])
    assert [line.split()[0] for line in plain.output.splitlines()] == list(all_conditions())


def test_the_command_shows_statements_as_a_version_gets_them() -> None:
    old, new = (
        CliRunner()
        .invoke(conditions, ["show", "wal.slot_retention", "--sql", "--server-version", version])
        .output
        for version in ("16", "18")
    )
    assert "inactive_since" in new and "inactive_since" not in old
    assert "64.0 MiB" in old and "%(" not in old
    with pytest.raises(UserError, match=r"did you mean wal\.slot_retention"):
        CliRunner().invoke(conditions, ["show", "wal.slot_retension"], catch_exceptions=False)
