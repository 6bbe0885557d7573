"""A purge takes the content, leaves the chain whole, and says by whom; whatever else empties an event is found."""

from __future__ import annotations

import json
import secrets
import sqlite3
from pathlib import Path

import pytest

from agents.governance import Approval
from agents.governance.approval import binding
from agents.kernel.canonical import utc_now
from agents.kernel.event import Event
from agents.kernel.tool import Preview, ToolCall
from agents.log import EventLog
from agents.log.chain import link
from agents.log.settings import audit_path, load_audit, sign
from inventory.errors import UserError

SECRET = secrets.token_hex(16)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "log.sqlite"
    with EventLog.open(path) as log:
        for number in range(1, 9):
            session = "ab"[number % 2]
            log.append(Event("note", session, {"text": f"{SECRET}{session} {number}"}, "helpdesk"))
    return path


def test_what_is_purged_is_gone_and_the_chain_says_so(place: Path) -> None:
    with EventLog.open(place) as log:
        anchor = log.anchor()
        assert anchor
        before = log.verify("b").checked
        assert log.purge("a", "operator:ann", "GDPR", sign) == (4, True)
        verdict = log.verify(anchors=[anchor])
        assert (verdict.ok, verdict.checked, before) == (True, 9, 4)
        (told,) = verdict.purges
        assert (told.session, told.by, told.reason, told.events) == ("a", "operator:ann", "GDPR", 4)
        assert told.key == load_audit().public_key
        assert log.verify("a").purges == (told,)
        assert log.verify("b").purges == ()
        assert log.search(f"{SECRET}a") == []
        assert len(log.search(f"{SECRET}b")) == 4
        assert [row.id for row in log.sessions()] == ["b"]
        assert {item.event.kind for item in log.events("a")} == {"purged", "log.purged"}
        assert log.purge("a", "operator:ann", "", sign) == (0, True)
        # Used again, and purged again.
        log.append(Event("note", "a", {"text": SECRET}, "helpdesk"))
        assert [row.id for row in log.sessions()] == ["a", "b"]
        assert log.purge("a", "operator:ann", "again", sign)[0] == 1
        assert [purge.events for purge in log.verify().purges] == [4, 1]
    files = b"".join(path.read_bytes() for path in place.parent.glob("log.sqlite*"))
    assert f"{SECRET}b".encode() in files
    assert f"{SECRET}a".encode() not in files


def tampered(place: Path, script: str) -> EventLog:
    """The log after a change behind its back; the last event is hashed anew, as one would who knows how."""
    other = sqlite3.connect(place)
    for name in ("events_stay", "events_remain", "events_grow"):
        other.execute(f"DROP TRIGGER {name}")
    other.executescript(script)
    seq, n, text, *before = other.execute(
        "SELECT seq, n, event, before_in_session, before_in_log FROM events ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    other.execute("UPDATE events SET hash = ? WHERE seq = ?", (link(text, seq, n, *before), seq))
    other.commit()
    other.close()
    return EventLog.open(place)


SET = "UPDATE events SET event = json_set(event, {}) WHERE seq = {}"


@pytest.mark.parametrize(
    ("script", "broken_at", "told"),
    [
        (SET.format("'$.kind', 'purged', '$.body', json('{}')", 3), 3, "no tombstone says so"),
        (SET.format("'$.at', '2020-01-01T00:00:00.000000Z'", 2), 9, "does not stand for"),
        (SET.format("'$.body.by', 'operator:eve'", 9), 9, "signature"),
        (SET.format("'$.body.events', 3", 9), 9, "does not stand for"),
        (SET.format("'$.body.key', 'zz'", 9), 9, "signature"),
        ("UPDATE events SET hash = substr(hash, 2) || '0' WHERE seq = 4", 5, "does not follow"),
    ],
    ids=["emptied", "time", "by", "count", "key", "hash"],
)
def test_what_else_is_changed_is_named(place: Path, script: str, broken_at: int, told: str) -> None:
    with EventLog.open(place) as log:
        log.purge("a", "operator:ann", "", sign)
    with tampered(place, script) as log:
        verdict = log.verify()
    assert not verdict.ok
    assert verdict.broken
    assert (verdict.broken.seq, told in verdict.broken.reason) == (broken_at, True), verdict.broken


def test_what_is_open_stays(place: Path) -> None:
    with EventLog.open(place) as log:
        call = ToolCall("t", {}, "here")
        preview = Preview("do it", (), (), "no", (), "here", utc_now())
        approval = Approval(
            "x" * 26, call, "write", preview, binding(call, {}, ()), "agent:a", {}, {}, {"name": "here"}, "",
            "t1", "a", "a", utc_now(), "2999-01-01T00:00:00Z",
        )  # fmt: skip
        log.append(
            Event("approval.requested", "a", {"approval": approval.to_json()}, "agent:a", "t1", "a", "here")
        )
        with pytest.raises(UserError, match="waits for a decision; decide it first"):
            log.purge("a", "operator:ann", "", sign)
        log.append(Event("task", "b", {"state": "working", "text": ""}, "agent:a", "t2", "a", "here"))
        with pytest.raises(UserError, match="task t2 is under way"):
            log.purge("b", "operator:ann", "", sign)
        assert log.verify().purges == ()
        assert len(log.search(SECRET)) == 8


def test_the_key_is_kept_once_and_is_nobody_elses(place: Path) -> None:
    first, _ = sign(b"x")
    again, _ = sign(b"y")
    assert first == again == load_audit().public_key
    text = audit_path().read_text()
    assert "secret = " in text or "[signing.key.secret]" in text
    kept = load_audit().key
    assert kept
    if kept.kind == "file":
        path = Path(kept.name)
        assert path.stat().st_mode & 0o077 == 0
        assert path.read_text().strip() not in text


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("keep_days = 0\n", 1, "expected days from 1"),
        ("[anchor]\n", 1, "'anchor' is not known"),
        ("[anchors]\nevery = 3\n", 2, "'every' is not known"),
        ("[anchors]\nevery_minutes = 0\n", 2, "up to 10080"),
        ('[anchors]\nsyslog = "loghost"\n', 2, "[tcp:]HOST:PORT"),
        ('[anchors]\nwebhook = "https://x"\nbearer = 5\n', 3, "bearer is not understood"),
        ('[signing.key]\npublic = "aa"\n', 1, "expected public and secret"),
    ],
    ids=["days", "table", "key", "minutes", "syslog", "bearer", "signing"],
)
def test_settings_are_refused_with_their_place(tmp_path: Path, text: str, line: int, told: str) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_audit(path)
    assert f"{path}:{line}: " in str(error.value)
    assert told in str(error.value)


def test_tombstones_are_plain_json_for_others_to_check(place: Path) -> None:
    """The signature can be checked with nothing but the log and a library for Ed25519."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    with EventLog.open(place) as log:
        log.purge("a", "operator:ann", "why", sign)
        (item,) = log.events("a", kinds=("log.purged",))
    body = dict(item.event.body)
    key, signature = bytes.fromhex(body.pop("key")), bytes.fromhex(body.pop("signature"))
    told = {"id": item.event.id, "at": item.event.at, "session": "a", **body}
    signed = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
