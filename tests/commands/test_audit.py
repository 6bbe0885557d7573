"""`helpdesk audit purge`, `verify` and the roles behind them, as commands."""

from __future__ import annotations

import json
import secrets
import sqlite3
from pathlib import Path

from click.testing import CliRunner, Result

from agents.governance.roles import roles_path
from agents.kernel.event import Event
from agents.log import EventLog
from agents.log.outputs import DIRECTORY, keep_output
from agents.log.settings import audit_path, load_audit
from agents.protocol.kept_tasks import STORE_FILE
from helpdesk_tui.cli import root
from helpdesk_tui.session import operator
from inventory.errors import UserError
from inventory.paths import state_dir

OLD, NEW = "2026-01-01T00:00:00.000000Z", "2026-03-01T00:00:00.000000Z"


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(root, ["audit", *arguments], input=typed)


def told_log() -> tuple[str, str]:
    old, new = secrets.token_hex(8), secrets.token_hex(8)
    with EventLog.open() as log:
        for session, at in ((old, OLD), (new, NEW)):
            body = {"role": "operator", "text": f"why is {session} slow?"}
            log.append(Event("message", session, body, operator(), target="orders", at=at))
    with sqlite3.connect(state_dir() / STORE_FILE) as tasks:
        tasks.execute("CREATE TABLE tasks (id text, context_id text, history text)")
        tasks.executemany("INSERT INTO tasks VALUES (?, ?, 'words')", [("1", old), ("2", new)])
    return old, new


def test_old_sessions_are_purged_after_a_yes(isolated_home: Path) -> None:
    old, new = told_log()
    kept = run("purge", "--before", "2026-02-01", typed="n\n")
    assert kept.exit_code != 0
    assert f"why is {old} slow?" in kept.output
    assert new not in kept.output
    with EventLog.open() as log:
        assert log.verify().purges == ()
    for session in (old, new):
        keep_output(state_dir() / "log.sqlite", session, "E1", "words")
    done = run("purge", "--before", "2026-02-01", "--reason", "ticket 7", typed="y\n")
    assert done.exit_code == 0, done.output
    assert f"session {old}: 1 events purged" in done.output
    with sqlite3.connect(state_dir() / STORE_FILE) as tasks:
        assert tasks.execute("SELECT context_id FROM tasks").fetchall() == [(new,)]
    assert len(list((state_dir() / DIRECTORY).rglob("*.z"))) == 1
    verified = run("verify")
    assert verified.exit_code == 0
    assert f"session {old}: 1 events purged by {operator()}" in verified.output
    assert "(ticket 7), signed with this account's key" in verified.output
    key = load_audit().public_key
    assert run("verify", "--key", key).exit_code == 0
    other = run("verify", "--key", "ab" * 32)
    assert (other.exit_code, key in other.stderr) == (1, True)
    told = json.loads(run("verify", old, "--json").stdout)
    assert (told["ok"], told["purges"][0]["events"]) == (True, 1)
    assert "No session is that old." in run("purge", "--before", "2026-02-01", "--yes").output
    keep_output(state_dir() / "log.sqlite", old, "E1", "left by a purge that broke off")
    assert "0 events purged" in run("purge", "--session", old, "--yes").output
    assert len(list((state_dir() / DIRECTORY).rglob("*.z"))) == 1


def test_retention_comes_from_the_file_and_roles_say_who_may(isolated_home: Path) -> None:
    old, _ = told_log()
    missing = run("purge", "--yes")
    assert isinstance(missing.exception, UserError)
    assert str(audit_path()) in str(missing.exception)
    audit_path().parent.mkdir(parents=True, exist_ok=True)
    audit_path().write_text("keep_days = 1\n")
    roles_path().write_text(f'[[members]]\nprincipals = ["{operator()}"]\nrole = "approver"\n')
    refused = run("purge", "--yes")
    assert "may not purge on orders; roles.toml gives that to admin" in str(refused.exception)
    with EventLog.open() as log:
        assert log.search(old)
    roles_path().write_text(f'[[members]]\nprincipals = ["{operator()}"]\nrole = "admin"\n')
    done = run("purge", "--yes")
    assert done.exit_code == 0, done.output
    with EventLog.open() as log:
        assert log.sessions() == []
        assert log.verify().ok
    assert "keep_days = 1" in audit_path().read_text()
