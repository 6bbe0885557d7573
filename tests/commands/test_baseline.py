"""`helpdesk baseline` as real processes on a real server: kept once, compared later, shown while it is down."""

from __future__ import annotations

import json
import secrets

import psycopg
from psycopg import sql

from tests.commands.test_command_line import helpdesk, one_line
from tests.conftest import Database


def alter(database: Database, change: str) -> None:
    with psycopg.connect(database.server.conninfo(), autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} " + change).format(sql.Identifier(database.name)))


def test_a_baseline_tells_what_was_changed_since_and_is_there_without_its_server(
    database18: Database,
) -> None:
    dsn, work_mem = database18.conninfo(), f"{64 + secrets.randbelow(1000)}kB"
    refused = helpdesk("baseline", "diff", dsn)
    assert (refused.returncode, "no baseline of" in one_line(refused)) == (2, True)
    alter(database18, "SET lock_timeout = 4321")
    kept = helpdesk("baseline", "keep", dsn)
    assert (kept.returncode, kept.stderr) == (0, "")
    same = helpdesk("baseline", "diff", dsn)
    assert (same.returncode, same.stdout) == (0, "Set up as in the baseline.\n")

    alter(database18, "RESET lock_timeout")
    alter(database18, f"SET work_mem = '{work_mem}'")
    told = helpdesk("baseline", "diff", dsn, "--json")
    assert told.returncode == 1
    where = f"setting of database {database18.name}"
    assert json.loads(told.stdout)["changes"] == [
        {"kind": where, "name": "lock_timeout", "then": "4321", "now": None, "change": "removed"},
        {"kind": where, "name": "work_mem", "then": None, "now": work_mem, "change": "added"},
    ]

    shown = helpdesk("baseline", "show", dsn, "--json")
    facts = {(fact["kind"], fact["name"]): fact["value"] for fact in json.loads(shown.stdout)["facts"]}
    assert facts[(where, "lock_timeout")] == "4321"
    assert facts[("extension", "plpgsql")]
    assert json.loads(shown.stdout)["id"] in kept.stdout
