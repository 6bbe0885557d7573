"""`helpdesk policy`, `approvals` and `audit` as one meets them: real processes, a real server, real files."""

from __future__ import annotations

import json
import secrets
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents.governance import Approval
from agents.governance.policy_file import policy_path
from agents.governance.roles import roles_path
from agents.kernel.event import Event, new_id
from agents.log import EventLog
from helpdesk_tui.exchange import carry
from helpdesk_tui.session import operator
from tests.commands.conftest import SETTING
from tests.commands.test_command_line import helpdesk, one_line, triage
from tests.conftest import Database

pytestmark = pytest.mark.timeout(400)
"""Many processes or transactions in one test, on machines that may be busy."""


def ask(target: str, value: str, session: str = "", token: str | None = None) -> Approval:
    """Have the database expert ask for a change, as the workbench would."""
    with EventLog.open() as log:
        session = session or new_id()
        if not log.events(session):
            log.append(Event("session.opened", session, {"target": None}, operator()))
    request = {"kind": "tool", "tool": "set_setting", "arguments": {"name": SETTING, "value": value}}

    def asking(client: Any) -> AsyncIterator[Any]:
        asked: AsyncIterator[Any] = client.ask("database", "set it", request, session, target)
        return asked

    events = carry(asking, agent="database", session=session, token=token)
    asked = [event.body["approval"] for event in events if event.kind == "approval.requested"]
    assert asked, [(event.kind, event.body) for event in events]
    return Approval.from_json(asked[-1])


def test_check_says_what_is_in_force_and_init_writes_what_is_the_same() -> None:
    done = helpdesk("policy", "check")
    assert done.returncode == 0
    assert "built-in policy is in force" in done.stdout and "read-only" in done.stdout
    assert helpdesk("policy", "init").returncode == 0
    assert stat.S_IMODE(policy_path().stat().st_mode) == 0o600
    done = helpdesk("policy", "check")
    assert done.returncode == 0 and "2 rules" in done.stdout
    again = helpdesk("policy", "init")
    assert again.returncode == 2
    assert "is there already" in one_line(again)


def test_check_names_file_line_and_reason_and_doubts(tmp_path: Path) -> None:
    file = tmp_path / "candidate.toml"
    file.write_text('[[rules]]\nname = "a"\neffect = "dney"\n')
    done = helpdesk("policy", "check", str(file))
    assert done.returncode == 2
    assert f"{file}:3: effect is 'dney'" in one_line(done)
    file.write_text('[[rules]]\nname = "none"\neffect = "deny"\n\n[[rules]]\nname = "go"\neffect = "allow"\n')
    done = helpdesk("policy", "check", str(file))
    assert done.returncode == 0
    assert f"{file}:5: rule go: shadowed: none denies" in done.stdout
    notes = json.loads(helpdesk("policy", "check", str(file), "--json").stdout)["notes"]
    assert [note["line"] for note in notes] == [5]
    assert helpdesk("policy", "check", str(tmp_path / "no.toml")).returncode == 2


def test_explain(target: str) -> None:
    path = policy_path()
    path.write_text(
        '[[rules]]\nname = "two"\neffect = "approve"\nrisk = ["destructive"]\napprovers = 2\nmax_victims = 2\n'
        'tags = ["eu"]\n[[rules]]\nname = "freeze"\neffect = "deny"\nnot_purpose = ["emergency"]\n'
        'schedule = { days = ["sat", "sun"], timezone = "Europe/Berlin" }\n'
    )
    saturday, monday = "2026-11-21T10:00", "2026-11-23T10:00"
    call = ("policy", "explain", "terminate_session", target)
    told = json.loads(helpdesk(*call, "--at", saturday, "--json").stdout)
    assert (told["effect"], told["rule"]) == ("deny", "freeze")
    told = json.loads(helpdesk(*call, "--at", saturday, "--purpose", "emergency", "--json").stdout)
    assert (told["effect"], told["rule"], told["approvers"]) == ("approve", "two", 2)
    told = json.loads(helpdesk(*call, "--at", monday, "--victims", "3", "--json").stdout)
    assert told["effect"] == "deny" and "the most is 2" in told["changes"][0]
    text = helpdesk(*call, "--at", monday, "--as", "ann").stdout
    assert "for operator:ann" in text and "two (approve) decides" in text
    roles_path().write_text('[[members]]\nprincipals = ["operator:ann"]\nrole = "viewer"\n')
    told = json.loads(helpdesk(*call, "--as", "ann", "--json").stdout)
    assert (told["effect"], told["rule"]) == ("deny", "roles")
    assert "did you mean terminate_session" in one_line(
        helpdesk("policy", "explain", "terminate_sesion", target)
    )


def test_edit_approve_and_undo_on_a_real_server(target: str, setting: Any) -> None:
    assert setting() == "off"
    approval = ask(target, "on")
    done = helpdesk("approvals", "edit", approval.id, "nonsense")
    assert done.returncode == 2 and "NAME=VALUE" in one_line(done)
    done = helpdesk("approvals", "edit", approval.id, "name=nonsense")
    assert done.returncode == 1 and "Not accepted" in done.stdout
    second = ask(target, "on")
    done = helpdesk("approvals", "edit", second.id, "name=track_io_timing")
    assert done.returncode == 0, done.stdout + done.stderr
    new = done.stdout.split()[-1]
    shown = helpdesk("approvals", "show", new).stdout
    assert f"in place of {second.id}" in shown
    assert helpdesk("approvals", "approve", second.id, "--unlock").returncode == 1
    assert setting() == "off"
    done = helpdesk("approvals", "approve", approval.id, "--unlock")
    assert done.returncode == 0, done.stdout
    assert setting() == "on"
    done = helpdesk("approvals", "undo", approval.id)
    assert done.returncode == 0, done.stdout
    assert setting() == "on"
    undo = done.stdout.split()[-1]
    assert f"the action of approval {approval.id}" in helpdesk("approvals", "show", undo).stdout
    assert helpdesk("approvals", "approve", undo).returncode == 0
    assert setting() == "off"
    assert helpdesk("approvals", "undo", approval.id).returncode == 1
    assert helpdesk("audit", "verify").returncode == 0


def test_a_grant_and_its_end(target: str, setting: Any) -> None:
    first = ask(target, "on")
    assert "30 minutes" in one_line(helpdesk("approvals", "grant", first.id, "--for", "30 minutes"))
    done = helpdesk("approvals", "grant", first.id, "--count", "2", "--for", "10m", "--unlock")
    assert done.returncode == 0, done.stdout + done.stderr
    assert setting() == "on"
    listed = json.loads(helpdesk("approvals", "grants", "--json").stdout)
    assert [(item["count"], item["used"], item["live"]) for item in listed] == [(2, 0, True)]
    by_grant = ask(target, "off", first.session)
    with EventLog.open() as log:
        row = log.approval(by_grant.id)
    assert row and row.state == "done" and row.decision and row.decision["grant"] == listed[0]["id"]
    done = helpdesk("approvals", "revoke", listed[0]["id"], "--reason", "enough")
    assert done.returncode == 0 and "1 of 2" in done.stdout
    assert setting() == "off"
    waiting = ask(target, "on", first.session)
    assert setting() == "off"
    assert helpdesk("approvals", "deny", waiting.id).returncode == 0


def test_two_people_on_one_store_by_their_tokens(target: str, setting: Any, tmp_path: Path) -> None:
    """Four eyes and a quorum of two, in two terminals: the account's user asks, two others approve."""
    members = "".join(
        f'[[members]]\nprincipals = ["operator:{name}"]\nrole = "approver"\n' for name in ("ben", "eve")
    )
    mine = f'[[members]]\nprincipals = ["{operator()}"]\nrole = "admin"\n'
    callers = ""
    for name in ("ben", "eve"):
        done = helpdesk("policy", "token", name, "-o", str(tmp_path / name))
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert (tmp_path / name).read_text().strip() not in done.stdout
        callers += done.stdout
    roles_path().write_text(mine + members + callers)
    policy_path().write_text(
        '[[rules]]\nname = "reads"\neffect = "allow"\nrisk = ["read"]\n'
        '[[rules]]\nname = "two"\neffect = "approve"\nrisk = ["write"]\napprovers = 2\nfour_eyes = true\n'
    )
    approval = ask(target, "on")
    assert (approval.approvers, approval.four_eyes, approval.asked_by) == (2, True, operator())
    approve = ("approvals", "approve", approval.id, "--unlock")
    done = helpdesk(*approve)
    assert done.returncode == 1 and "four eyes" in done.stdout
    for _ in range(2):
        done = helpdesk(*approve, "--token-file", str(tmp_path / "ben"))
        assert done.returncode == 1
    assert "approved it already" in done.stdout
    assert "1 of 2: operator:ben" in helpdesk("approvals", "show", approval.id).stdout
    stranger = tmp_path / "stranger"
    stranger.write_text(secrets.token_urlsafe(32))
    stranger.chmod(0o600)
    assert helpdesk(*approve, "--token-file", str(stranger)).returncode == 3
    assert setting() == "off"
    done = helpdesk(*approve, "--token-file", str(tmp_path / "eve"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert setting() == "on"
    with EventLog.open() as log:
        decided = [item.event for item in log.after(0) if item.event.kind == "approval.decided"]
    assert [event.principal for event in decided] == ["operator:eve"]
    assert decided[0].body["given"] == ["operator:ben", "operator:eve"]


def test_a_purpose_is_on_every_event_that_follows(target: str, setting: Any) -> None:
    policy_path().write_text(
        '[[rules]]\nname = "reads"\neffect = "allow"\nrisk = ["read"]\n'
        '[[rules]]\nname = "fix"\neffect = "approve"\npurpose = ["remediation"]\nrisk = ["write"]\n'
    )
    triage(target)
    with EventLog.open() as log:
        session = log.sessions()[0].id
    with pytest.raises(AssertionError, match="no rule is for this call"):
        ask(target, "on", session)
    done = helpdesk("policy", "purpose", "remediation", "--note", "INC-7")
    assert done.returncode == 0 and session in done.stdout
    assert ask(target, "on", session).purpose == "remediation"
    with EventLog.open() as log:
        said = log.events(session, kinds=("session.purpose",))[-1]
        later = [item.event for item in log.events(session, after_seq=said.seq)]
    assert said.event.body["note"] == "INC-7"
    assert {event.purpose for event in later} == {"remediation"}


def test_an_anchor_sees_what_the_chain_cannot(database18: Database, tmp_path: Path) -> None:
    import sqlite3

    anchors = tmp_path / "anchors"
    assert helpdesk("audit", "anchor").returncode == 2
    for _ in range(2):
        triage(database18.conninfo())
        done = helpdesk("audit", "anchor", "-o", str(anchors))
        assert done.returncode == 0
    assert len(anchors.read_text().splitlines()) == 2
    assert stat.S_IMODE(anchors.stat().st_mode) == 0o600
    last = json.loads(anchors.read_text().splitlines()[-1])
    assert json.loads(helpdesk("audit", "anchor").stdout)["hash"] == last["hash"]
    done = helpdesk("audit", "verify", "--anchor", str(anchors))
    assert done.returncode == 0 and "2 anchors hold" in done.stdout
    with sqlite3.connect(Path.home() / "state" / "log.sqlite") as direct:
        direct.execute("DROP TRIGGER events_remain")
        direct.execute("DELETE FROM events WHERE seq = ?", (last["seq"],))
        direct.execute("UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'events'")
    assert helpdesk("audit", "verify").returncode == 0
    done = helpdesk("audit", "verify", "--anchor", str(anchors), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["broken"]["seq"] == last["seq"]


@pytest.mark.parametrize("kind", ["unix", "udp"])
def test_an_anchor_goes_to_a_syslog(kind: str, tmp_path: Path) -> None:
    import socket

    with EventLog.open() as log:
        log.append(Event("note", new_id(), {"text": "first"}, "helpdesk"))
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "log") if kind == "unix" else ("127.0.0.1", 0))
        listener.settimeout(60)
        address = str(tmp_path / "log") if kind == "unix" else f"127.0.0.1:{listener.getsockname()[1]}"
        done = helpdesk("audit", "anchor", "--syslog", address)
        assert done.returncode == 0, done.stderr
        assert listener.recv(4096).decode() == f"<86>helpdesk: {done.stdout.strip()}"
    done = helpdesk("audit", "anchor", "--syslog", str(tmp_path / "nobody"))
    assert done.returncode == 3 and "cannot be reached" in one_line(done)
