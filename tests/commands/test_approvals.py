"""`helpdesk approvals` in its own words: ids by any part, what can be done, what is known where a line broke off."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from typing import Any

import psutil
import psycopg
import pytest

from agents.kernel.event import new_id
from agents.log import ApprovalRow, EventLog
from helpdesk_tui.cli import main
from inventory.paths import state_dir
from tests.commands.conftest import SETTING, shows
from tests.commands.test_command_line import HELPDESK, helpdesk
from tests.commands.test_governance import ask
from tests.conftest import Database
from tests.tui.story import SESSION, Story, approval

pytestmark = pytest.mark.timeout(400)
"""Several processes in one test, on machines that may be busy."""


def row_of(id: str) -> ApprovalRow:
    with EventLog.open() as log:
        row = log.approval(id)
    assert row is not None
    return row


def told(*events: tuple[str, dict[str, Any]], **more: Any) -> str:
    """A log with an approval and what came after; its id."""
    story = Story().open()
    asked = {**approval(), "expires_at": "2999-01-01T00:00:00.000000Z", "agent": "database", **more}
    story.add("approval.requested", {"approval": asked}, task="t", agent="database")
    for kind, body in events:
        story.add(kind, {"approval": asked["id"], **body}, task="t", agent="database")
    with EventLog.open() as log:
        log.append(*story.events)
    return str(asked["id"])


def test_an_approval_is_found_by_any_part_of_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    stem = secrets.token_hex(6)
    ids = [f"{stem}a{secrets.token_hex(6)}", f"{stem}b{secrets.token_hex(6)}"]
    for place, id in enumerate(ids):
        story = Story(session=f"{place}{new_id()[1:]}").open()
        story.add("approval.requested", {"approval": {**approval(), "id": id}}, agent="database")
        with EventLog.open() as log:
            log.append(*story.events)
    for part in (ids[1], ids[1][: len(stem) + 1], ids[1][-8:]):
        assert main(["approvals", "show", part, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["id"] == ids[1]
    for part, wanted in (
        (stem, f"ambiguous: {ids[0]}, {ids[1]}"),
        (secrets.token_hex(6), "helpdesk approvals list shows those that are"),
        (ids[1][:3], "4 or more characters"),
        ("", "4 or more characters"),
    ):
        assert main(["approvals", "deny", part]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and wanted in lines[0]
    assert all(row_of(id).decision is None for id in ids)


def test_the_whole_life_of_a_change_on_the_command_line(
    database18: Database, target: str, setting: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ask(target, "on")
    assert main(["approvals", "list", "--waiting"]) == 0
    assert "waits" in capsys.readouterr().out

    # What lacks is said as options, before anything is sent.
    assert main(["approvals", "approve", first.id]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "needs --unlock" in lines[0]

    assert main(["approvals", "edit", first.id[-8:], "name=track_io_timing"]) == 0
    asked = capsys.readouterr().out.split()[-1]
    assert main(["approvals", "list"]) == 0
    states = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]}
    assert states == {first.id: "replaced", asked: "waits"}
    edited = row_of(first.id)
    assert edited.outcome is not None
    assert [edited.outcome[when]["name"] for when in ("before", "after")] == [SETTING, "track_io_timing"]

    # Facts read again, the rows behind it, and what to do next; no word of keys.
    before = row_of(asked).approval["preview"]["captured_at"]
    assert main(["approvals", "show", asked, "--refresh", "--evidence"]) == 0
    shown = capsys.readouterr().out
    assert row_of(asked).approval["preview"]["captured_at"] > before
    assert f"- name {SETTING}" in shown and "+ name track_io_timing" in shown
    assert "pg_settings" in shown and "context          superuser" in shown
    assert f"helpdesk approvals show {asked} --evidence" in shown
    assert f"helpdesk approvals approve {asked} --unlock" in shown

    # Exactly the command that was shown; the screen's word for what came of it.
    (command,) = [line for line in shown.splitlines() if " approve " in line and line.startswith("helpdesk")]
    try:
        done = helpdesk(*command.split()[1:])
        assert (done.returncode, shows(database18, "track_io_timing"), setting()) == (0, "on", "off")
    finally:
        with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
            admin.execute("ALTER SYSTEM RESET track_io_timing")
            admin.execute("SELECT pg_reload_conf()")
    assert main(["approvals", "deny", asked]) == 1
    assert "it is done" in capsys.readouterr().err
    assert main(["approvals", "show", asked]) == 0
    assert f"helpdesk approvals undo {asked}" in capsys.readouterr().out


def test_a_decision_whose_agent_is_killed_is_told_to_be_in_doubt(database18: Database) -> None:
    """The agent is killed (SIGKILL) while its action runs: an index that waits for an older transaction."""
    table = f"t_{secrets.token_hex(3)}"
    with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE TABLE {table} AS SELECT 1 AS a")
    call = ("tool", "create_index_concurrently", f"relation=public.{table}", 'columns=["a"]')
    done = helpdesk(*call, "--target", database18.conninfo(), "--json")
    asked = json.loads(done.stdout)["id"]
    with psycopg.connect(database18.conninfo()) as older:
        older.execute(f"INSERT INTO {table} VALUES (2)")
        approving = subprocess.Popen(
            [*HELPDESK, "approvals", "approve", asked, "--unlock"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while row_of(asked).state != "started":
            assert approving.poll() is None
            time.sleep(0.02)
        (agent,) = psutil.Process(approving.pid).children()
        os.kill(agent.pid, signal.SIGKILL)
        out, err = approving.communicate(timeout=120)
        older.rollback()
    assert approving.returncode == 3 and out == ""
    assert len(err.splitlines()) == 1
    assert "it arrived: the approval is in doubt" in err and "look before you do anything again" in err
    assert f"look again: helpdesk approvals show {asked}" in err
    assert row_of(asked).state == "in doubt"


def test_a_decision_that_never_left_is_told_to_wait_still(capsys: pytest.CaptureFixture[str]) -> None:
    """The local experts do not start: their log cannot be written."""
    asked = told(cooling_off_s=600)
    assert main(["approvals", "show", asked]) == 0
    assert "what a newer version says in cooling_off_s" in capsys.readouterr().out
    (state_dir() / "logs").write_text("not a directory")
    assert main(["approvals", "approve", asked, "--unlock", "--confirm", "3931"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "it did not arrive: the approval waits for a decision" in line
    assert f"look again: helpdesk approvals show {asked}" in line
    assert row_of(asked).state == "pending"


def test_what_a_killed_process_left_running_is_shown_as_in_doubt(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is there to say it: the command line looks whether the process still lives."""
    started = {
        "tool": "session.terminate",
        "arguments": {},
        "call_sha256": "",
        "by": "operator:ana",
        "policy": {},
    }
    decided = {"decision": "approve", "by": "operator:ana", "reason": "", "given": []}
    id = told(("approval.decided", decided), ("action.started", {**started, "process": new_id()}))
    assert row_of(id).state == "started"
    assert main(["approvals", "show", id]) == 0
    assert "? IN DOUBT by operator:ana" in capsys.readouterr().out
    with EventLog.open() as log:
        kinds = [item.event.kind for item in log.events(SESSION)]
    assert kinds.count("action.in_doubt") == 1
