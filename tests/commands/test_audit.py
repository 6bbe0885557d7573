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


def test_a_session_that_is_used_after_its_purge_is_told_as_such(isolated_home: Path, tmp_path: Path) -> None:
    old, _ = told_log()
    assert run("purge", "--session", old, "--reason", "GDPR", "--yes").exit_code == 0
    gone = CliRunner().invoke(root, ["session", "show", old])
    assert "not in" in str(gone.exception)
    assert json.loads(run("export", "--session", old, "--kind", "log.*").stdout)["message"].endswith("GDPR")
    with EventLog.open() as log:
        log.append(Event("note", old, {"text": "again"}, operator()))
    shown = CliRunner().invoke(root, ["session", "show", old])
    assert f"1 events purged by {operator()} (GDPR)" in shown.output
    file = tmp_path / "bundle.tar.gz"
    made = CliRunner().invoke(root, ["bundle", "create", "--session", old, "-o", str(file)])
    assert made.exit_code == 0, made.output
    checked = CliRunner().invoke(root, ["bundle", "verify", str(file)])
    assert (checked.exit_code, "(1 purged)" in checked.output) == (0, True), checked.output
    assert run("verify").exit_code == 0


def test_what_is_open_holds_up_no_other_and_bad_input_is_told(isolated_home: Path) -> None:
    old, new = told_log()
    with EventLog.open() as log:
        log.append(Event("task", new, {"state": "working", "text": ""}, "agent:x", "t1", "x", "orders"))
    done = run("purge", "--before", "2999-01-01", "--yes")
    assert f"session {old}: 1 events purged" in done.output
    assert "t1 is under way" in str(done.exception)
    with EventLog.open() as log:
        assert [row.id for row in log.sessions()] == [new]
        # An agent that was silent for a day is not waited for.
        log.append(Event("task", "silent", {"state": "working", "text": ""}, "agent:x", "t2", "x", at=OLD))
    assert run("purge", "--session", "silent", "--yes").exit_code == 0
    for arguments in (
        ("purge", "--before", "yesterday"), ("purge", "--before", "2026-01-01", "--session", old),
        ("purge", "--session", "nobody's"), ("verify", "--key", "zz"), ("verify", "nobody's"), ("export", "--since", "noon"),
    ):  # fmt: skip
        told = run(*arguments).exception
        assert isinstance(told, UserError), arguments
        assert told.exit_code == 2


def test_a_head_is_sent_where_the_settings_say(isolated_home: Path, tmp_path: Path) -> None:
    told_log()
    nowhere = run("anchor", "--send").exception
    assert isinstance(nowhere, UserError)
    assert "no place under [anchors]" in str(nowhere)
    audit_path().parent.mkdir(parents=True, exist_ok=True)
    audit_path().write_text(f'[anchors]\nfile = "{tmp_path}/heads"\n')
    sent = run("anchor", "--send")
    assert sent.exit_code == 0, sent.output
    assert json.loads(sent.stdout)["hash"] == json.loads((tmp_path / "heads").read_text())["hash"]
    assert run("verify", "--anchor", str(tmp_path / "heads")).exit_code == 0
    audit_path().write_text('[anchors]\nsyslog = "tcp:127.0.0.1:1"\n')
    refused = run("anchor", "--send").exception
    assert isinstance(refused, UserError)
    assert (refused.exit_code, "cannot be reached" in str(refused)) == (3, True)


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
    named = run("purge", "--session", old, "--yes")
    assert named.exception
    with EventLog.open() as log:
        assert log.search(old)
        [told] = [item.event for item in log.events(old, kinds=("note",))]
        assert (told.principal, told.body["by"]) == (operator(), operator())
        assert "may not purge" in told.body["text"]
    roles_path().write_text(f'[[members]]\nprincipals = ["{operator()}"]\nrole = "admin"\n')
    done = run("purge", "--yes")
    assert done.exit_code == 0, done.output
    with EventLog.open() as log:
        assert [row.id for row in log.sessions()] == [old], "the attempt is of today"
        assert log.verify().ok
    assert "keep_days = 1" in audit_path().read_text()
