"""The event log: append, order, idempotence, search, sessions, approvals, permissions."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from agents.kernel.event import Event, new_id
from agents.log import EventLog
from inventory.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "log.sqlite"


@pytest.fixture
def log(path: Path):
    with EventLog.open(path) as opened:
        yield opened


def note(session: str, text: str, **fields: str) -> Event:
    return Event("note", session, {"text": text}, "helpdesk", **fields)


def approval_events(session: str, expires_at: str = "2999-01-01T00:00:00.000000Z") -> tuple[str, Event]:
    approval_id = new_id()
    body = {"approval": {"id": approval_id, "expires_at": expires_at}}
    return approval_id, Event("approval.requested", session, body, "agent:x", task="t1", agent="x")


def test_events_come_back_in_order_with_places(log: EventLog) -> None:
    one, two = secrets.token_hex(4), secrets.token_hex(4)
    written = log.append(note(one, "a"), note(two, "b"), note(one, "c"))
    assert [(item.seq, item.n) for item in written] == [(1, 1), (2, 1), (3, 2)]
    assert [item.event.body["text"] for item in log.events(one)] == ["a", "c"]
    assert log.after(1) == written[1:]
    assert log.after(1, session=one) == [written[2]]
    assert log.events(one, kinds=["message"]) == []


def test_the_same_event_is_stored_once(log: EventLog) -> None:
    event = note("s", secrets.token_hex(4))
    first = log.append(event)
    assert log.append(event, event) == first + first
    assert log.after(0) == first


def test_a_second_process_sees_and_does_not_double(log: EventLog, path: Path) -> None:
    event = note("s", "shared")
    log.append(event)
    script = textwrap.dedent(
        """
        import json, sys
        from pathlib import Path
        from agents.kernel.event import Event
        from agents.log import EventLog
        log = EventLog.open(Path(sys.argv[1]))
        log.append(Event.from_json(json.loads(sys.argv[2])))
        log.append(Event("note", "s", {"text": "other"}, "helpdesk"))
        """
    )
    import json

    subprocess.run([sys.executable, "-c", script, str(path), json.dumps(event.to_json())], check=True)
    assert [item.event.body["text"] for item in log.events("s")] == ["shared", "other"]
    assert log.verify().ok


def test_odd_text_survives(log: EventLog) -> None:
    odd = "\x00\x1b[31m [/x] \u202e \ud800 “ü” 9007199254740993"
    log.append(Event("note", "s", {"text": odd, "big": 2**60 + 1}, "helpdesk"))
    (back,) = log.events("s")
    assert back.event.body == {"text": odd, "big": 2**60 + 1}
    assert log.verify().ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET hash = ''",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events (seq,n,event,before_in_session,before_in_log,hash) VALUES (1,1,'{}','','','')",
        "UPDATE claims SET event = ''",
        "DELETE FROM claims",
    ],
)
def test_nothing_is_changed_or_removed(log: EventLog, path: Path, statement: str) -> None:
    log.claim("a1", note("s", "kept"))
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    other.close()
    assert [item.event.body["text"] for item in log.events("s")] == ["kept"]
    assert not log.claim("a1", note("s", "again"))


def test_files_are_private(log: EventLog, path: Path) -> None:
    log.append(note("s", "x"))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_search_finds_words_and_never_breaks(log: EventLog) -> None:
    word = secrets.token_hex(6)
    log.append(
        Event(
            "evidence", "one", {"evidence": {"rows": [["idle in transaction", 4711, word]]}}, "agent:database"
        ),
        note("two", "unrelated"),
    )
    assert [item.event.session for item in log.search(f"IDLE {word[:8]}")] == ["one"]
    assert [item.event.session for item in log.search("4711")] == ["one"]
    assert log.search(word, session="two") == []
    for text in (
        '"',
        "a AND",
        "NEAR(",
        "*",
        "col:x",
        "-",
        "()",
        "' OR 1=1",
        "\x00",
        "\ud800",
        "",
        "^",
        "{a b}",
    ):
        log.search(text)


def test_sessions_newest_first_with_title_and_target(log: EventLog) -> None:
    log.append(
        Event("session.opened", "old", {}, "operator:u"),
        Event("message", "old", {"role": "agent", "text": "hello"}, "agent:database", target="orders"),
        Event(
            "message", "old", {"role": "operator", "text": "why is\n it slow?"}, "operator:u", target="orders"
        ),
        Event("session.opened", "new", {}, "operator:u"),
    )
    new, old = log.sessions()
    assert (new.id, new.title, new.target, new.events) == ("new", "", "", 1)
    assert (old.id, old.title, old.target, old.events) == ("old", "why is it slow?", "orders", 3)
    assert old.opened_at <= old.last_at


def test_approvals_fold_to_their_state(log: EventLog) -> None:
    pending, ask = approval_events("s")
    denied, ask_denied = approval_events("s")
    done, ask_done = approval_events("s")
    expired, ask_expired = approval_events("s", "2020-01-01T00:00:00Z")
    log.append(
        ask,
        ask_denied,
        ask_done,
        ask_expired,
        Event(
            "approval.decided", "s", {"approval": denied, "decision": "deny", "reason": "no"}, "operator:u"
        ),
        Event("approval.decided", "s", {"approval": done, "decision": "approve"}, "operator:u"),
        Event("action.finished", "s", {"approval": done, "ok": True, "text": "ended"}, "agent:x"),
        Event("action.refused", "s", {"approval": "never asked", "reason": "?"}, "agent:x"),
    )
    states = {row.id: row.state for row in log.approvals()}
    assert states == {pending: "pending", denied: "denied", done: "done", expired: "expired"}
    assert [row.id for row in log.approvals(pending_only=True)] == [pending]
    row = log.approval(done)
    assert row and row.outcome and row.outcome["text"] == "ended"


def test_a_refresh_replaces_what_is_shown(log: EventLog) -> None:
    approval_id, ask = approval_events("s")
    fresh = {"id": approval_id, "expires_at": "2999-01-01T00:00:00Z", "preview": "newer"}
    log.append(ask, Event("approval.refreshed", "s", {"approval": fresh}, "agent:x"))
    (row,) = log.approvals()
    assert (row.approval, row.state) == (fresh, "pending")


def test_a_claim_is_won_once_among_processes(path: Path) -> None:
    EventLog.open(path).close()
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from agents.kernel.event import Event
        from agents.log import EventLog
        log = EventLog.open(Path(sys.argv[1]))
        print("ready", flush=True)
        sys.stdin.readline()
        won = [n for n in range(100) if log.claim(f"a{n}", Event("action.started", "s", {"approval": f"a{n}"}, "x"))]
        print(len(won))
        """
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdout and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [int(racer.communicate()[0]) for racer in racers]
    assert sum(won) == 100
    with EventLog.open(path) as log:
        assert len(log.after(0)) == 100
        assert log.verify().ok


def test_a_claim_that_fails_uses_nothing_up(log: EventLog) -> None:
    bad = Event("action.started", "s", {"approval": "a", "value": float("nan")}, "x")
    with pytest.raises(ValueError):
        log.claim("a", bad)
    assert log.claim("a", Event("action.started", "s", {"approval": "a"}, "x"))


def test_a_newer_file_is_left_alone(path: Path) -> None:
    EventLog.open(path).close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(UserError, match="newer version") as caught:
        EventLog.open(path)
    assert caught.value.exit_code == 3


def test_a_damaged_or_foreign_file_is_told_in_one_line(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(os.urandom(8192))
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as other:
        other.execute("CREATE TABLE t (x)")
    for file in (damaged, foreign):
        before = file.read_bytes()
        with pytest.raises(UserError) as caught:
            EventLog.open(file)
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 3
        assert file.read_bytes()[100:] == before[100:]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("x")
    with pytest.raises(UserError) as caught:
        EventLog.open(blocker / "log.sqlite")
    assert caught.value.exit_code == 3
