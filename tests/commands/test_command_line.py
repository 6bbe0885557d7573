"""The command line as a stranger meets it: real processes, exit codes, one clear line for bad input."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agents.kernel.records import Evidence, Report
from helpdesk_tui.demo.embedded import EmbeddedServer
from helpdesk_tui.report_text import report_text
from tests.conftest import Database

HELPDESK = [sys.executable, "-m", "helpdesk_tui"]


def helpdesk(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [*HELPDESK, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        check=False,
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The only line on stderr; nothing is on stdout."""
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("helpdesk: ")
    return lines[0]


def triage(conninfo: str, *more: str) -> tuple[int, dict[str, Any]]:
    done = helpdesk("triage", conninfo, "--json", *more)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_healthy_server_is_exit_0_and_the_object_is_whole(database: Database) -> None:
    code, report = triage(database.conninfo())
    assert code == 0
    assert report["schema"] == "helpdesk.triage/1"
    assert report["target"]["database"] == database.name
    assert report["server"]["version_num"] // 10000 == database.server.binaries.major
    assert {
        "id",
        "tool",
        "statement",
        "target",
        "captured_at",
        "duration_ms",
        "columns",
        "rows",
        "truncated",
    } <= set(report["evidence"][0])
    assert report["timing"]["total_ms"] > 0
    assert [f for f in report["findings"] if f["severity"] != "info"] == []


def test_a_finding_is_exit_1_with_evidence_and_remedy(database18: Database) -> None:
    table = f"t_{secrets.token_hex(3)}"
    with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE TABLE {table} AS SELECT 1 AS a")
    with psycopg.connect(database18.conninfo()) as root, psycopg.connect(database18.conninfo()) as waiter:
        root.execute(f"LOCK TABLE {table}")
        import threading

        waiting = threading.Thread(target=lambda: waiter.execute(f"SELECT * FROM {table}"))
        waiting.start()
        with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
            blocked = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
            while admin.execute(blocked, [waiter.info.backend_pid]).fetchone() != (True,):
                pass
        limits = Path.home() / "limits.toml"
        limits.write_text('["lock.blocking_tree"]\nwait_warning = 0\nstalled = 0\n')
        done = helpdesk("triage", database18.conninfo(), "--json", "--thresholds", str(limits))
        pid = root.info.backend_pid
        root.rollback()
        waiting.join()
    code, report = done.returncode, json.loads(done.stdout)
    tree = next(f for f in report["findings"] if f["condition"] == "lock.blocking_tree")
    assert code == 1
    assert tree["subject"]["pid"] == pid
    assert set(tree["evidence"]) <= {e["id"] for e in report["evidence"]}
    assert tree["remedies"][0]["arguments"]["pid"] == pid


def test_a_server_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    code, report = triage(f"host={tmp_path} port=5499 dbname=none user=nobody")
    assert code == 1
    assert [finding["condition"] for finding in report["findings"]] == ["server.unreachable"]


def test_wrong_password_is_a_finding_and_never_shown(server_factory: Any) -> None:
    server: EmbeddedServer = server_factory.shared(18)
    role, right, wrong = (f"r_{secrets.token_hex(3)}", secrets.token_hex(9), secrets.token_hex(9))
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{right}'")
    uri = f"postgresql://{role}:{wrong}@127.0.0.1:{server.port}/postgres"
    for more in ([], ["--json"]):
        done = helpdesk("triage", uri, *more)
        assert done.returncode == 1
        assert "server.password_failed" in done.stdout
        assert wrong not in done.stdout + done.stderr
    exported = helpdesk("session", "export").stdout
    assert "server.password_failed" in exported and wrong not in exported


def test_unknown_target_names_the_near_one() -> None:
    config = Path.home() / "config"
    config.mkdir()
    (config / "inventory.toml").write_text('[databases.orders-prod]\ndsn = "host=/tmp dbname=orders"\n')
    done = helpdesk("triage", "order-prod")
    assert done.returncode == 2
    assert "orders-prod" in one_line(done)


@pytest.mark.parametrize("dsn", ["host=a port", "postgresql://u:hunter2secret@h:port/db", "host='x"])
def test_malformed_dsn_is_one_line_without_its_secret(dsn: str) -> None:
    done = helpdesk("triage", dsn)
    assert done.returncode == 2
    assert "hunter2secret" not in one_line(done)


def test_unreadable_toml_names_file_and_line() -> None:
    config = Path.home() / "config"
    config.mkdir()
    file = config / "inventory.toml"
    file.write_text('[databases.a]\ndsn = "host=/tmp"\nenvironment = produktion\n')
    done = helpdesk("triage", "a")
    assert done.returncode == 2
    assert f"{file}:3" in one_line(done)


def test_bad_thresholds_are_exit_2(database18: Database, tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    for text, expected in (
        ('["lock.blocking_tre"]\nwarning = 1\n', "lock.blocking_tree"),
        ('["lock.blocking_tree"]\nwait_warnin = 1\n', "wait_warning"),
        ('["lock.blocking_tree"]\nwait_warning = "x"\n', "number"),
        ("[lock", ":1"),
    ):
        file.write_text(text)
        done = helpdesk("triage", database18.conninfo(), "--thresholds", str(file))
        assert done.returncode == 2
        assert expected in one_line(done)


def test_a_store_that_cannot_be_written_is_exit_3(database18: Database, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a directory")
    for arguments in (("triage", database18.conninfo()), ("session", "list")):
        done = helpdesk(*arguments, HELPDESK_STATE_DIR=str(blocker / "state"))
        assert done.returncode == 3
        assert str(blocker) in one_line(done)
    assert blocker.read_text() == "not a directory"


@pytest.mark.parametrize("arguments", [(), ("host=/tmp dbname=a",)])
def test_the_workbench_says_that_it_needs_a_terminal(arguments: tuple[str, ...]) -> None:
    done = helpdesk(*arguments)
    assert done.returncode == 2
    assert "terminal" in one_line(done)


@pytest.mark.parametrize(
    "arguments",
    [
        ("triage",),
        ("triage", "a", "b"),
        ("session", "shwo"),
        ("session", "show", "none"),
        ("approvals", "show", "none"),
        ("conditions", "show", "lock.none"),
        ("bundle", "verify", "/nonexistent.tar.gz"),
        ("policy", "check", "x" * 300),
        ("agents", "serve", "none"),
        ("ask", "host=/tmp", " "),
        ("--nonsense",),
    ],
)
def test_usage_errors_are_exit_2_and_one_line(arguments: tuple[str, ...]) -> None:
    done = helpdesk(*arguments)
    assert done.returncode == 2
    one_line(done)


def test_an_edited_event_is_named(database18: Database) -> None:
    import sqlite3

    triage(database18.conninfo())
    log = Path.home() / "state" / "log.sqlite"
    with sqlite3.connect(log) as direct:
        direct.execute("DROP TRIGGER events_stay")
        direct.execute("UPDATE events SET event = replace(event, 'Diagnose', 'Ignore') WHERE n = 2")
        direct.execute("UPDATE events SET event = event WHERE n = 2")
        event = direct.execute("SELECT id FROM events WHERE n = 2").fetchone()[0]
    done = helpdesk("audit", "verify", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["broken"]["id"] == event


def test_hostile_names_never_reach_the_output_raw(database18: Database) -> None:
    evil = 'x\x1b[31m"[/b]\u202e' + secrets.token_hex(4)
    quoted = evil.replace('"', '""')
    with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
        admin.execute(f'CREATE TABLE "{quoted}" (a int) WITH (autovacuum_enabled = off)')
        admin.execute(f'INSERT INTO "{quoted}" SELECT generate_series(1, 1000)')
    for more in ([], ["--json"]):
        shown = helpdesk("triage", database18.conninfo(), *more).stdout
        assert evil[-8:] in shown
        assert "\x1b[31m" not in shown and "\u202e" not in shown


def test_completion_and_version() -> None:
    assert helpdesk("--version").stdout.startswith("helpdesk ")
    assert "_HELPDESK_COMPLETE" in helpdesk(_HELPDESK_COMPLETE="bash_source").stdout


def test_a_closed_pipe_is_no_traceback(database18: Database) -> None:
    triage(database18.conninfo())
    done = subprocess.run(
        [sys.executable, "-c", f"import subprocess; p = subprocess.Popen({[*HELPDESK, 'session', 'export']!r},"
         " stdout=subprocess.PIPE, stderr=subprocess.PIPE); p.stdout.close(); print(p.stderr.read().decode())"],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ""


def test_one_is_said_as_one_and_an_address_once() -> None:
    evidence = Evidence("E1", "locks", "SELECT 1", "t", "2026-11-20T02:11:09Z", 1.0, ("a",), ((1,),))
    target = {"host": "db1", "port": 5432, "database": "shop", "environment": "test"}
    for name, heading in (("db1:5432/shop", "db1:5432/shop [test]"), ("shop", "shop db1:5432/shop [test]")):
        report = Report({**target, "name": name}, {}, (), (evidence,), (), {"total_ms": 3.0})
        lines = [" ".join(line.split()) for line in report_text(report).splitlines()]
        assert (lines[0], lines[-1]) == (heading, "0 findings, 1 piece of evidence, 3 ms")
