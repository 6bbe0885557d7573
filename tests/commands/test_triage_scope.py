"""`helpdesk triage --only --interval` and `helpdesk grants` as real processes."""

from __future__ import annotations

import pytest

from tests.commands.test_command_line import helpdesk, one_line, triage
from tests.conftest import Database


def test_only_what_was_asked_for_is_read(database18: Database) -> None:
    code, report = triage(database18.conninfo(), "--only", "lock.blocking_tree", "--only", "session")
    assert code == 0
    assert {one["tool"] for one in report["evidence"]} <= {
        "server", "waiting_locks", "sessions", "locks_held", "horizon", "tables_to_vacuum"
    }  # fmt: skip


def test_the_interval_is_the_time_between_two_samples(database18: Database) -> None:
    _, report = triage(database18.conninfo(), "--only", "conn.churn", "--interval", "0.3")
    counters = [one for one in report["evidence"] if one["tool"] == "database_counters"]
    assert len(counters) == 2
    assert report["timing"]["total_ms"] >= 300


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "lokc"], "did you mean lock"),
        (["--interval", "0"], "interval: expected 0.1 to 600 seconds, got 0"),
        (["--interval", "soon"], "not a valid float"),
    ],
)
def test_a_scope_that_is_not_understood_is_exit_2(
    database18: Database, options: list[str], said: str
) -> None:
    done = helpdesk("triage", database18.conninfo(), *options)
    assert done.returncode == 2
    assert said in one_line(done)


def test_the_grants_are_printed_for_a_version() -> None:
    old, new = (
        helpdesk("grants", "--for", "action", "--server-version", major).stdout for major in ("14", "18")
    )
    assert 'GRANT pg_maintain TO "helpdesk_action";' in new.splitlines()
    assert '-- PostgreSQL 17 and later: GRANT pg_maintain TO "helpdesk_action";' in old.splitlines()
    assert helpdesk("grants", "--for", "everything").returncode == 2
