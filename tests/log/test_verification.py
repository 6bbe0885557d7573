"""Whatever is done to the file behind the log's back, checking the chain names the first broken event."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.kernel.event import Event
from agents.log import EventLog

SQL = str


@pytest.fixture
def tampered(tmp_path: Path) -> Callable[[SQL], EventLog]:
    path = tmp_path / "log.sqlite"
    with EventLog.open(path) as log:
        for number in range(1, 7):
            log.append(Event("note", "ab"[number % 2], {"text": f"text {number}"}, "helpdesk"))
        assert log.verify().ok
        assert log.verify().checked == 6
        assert log.verify("a").checked == 3

    def tamper(script: SQL) -> EventLog:
        other = sqlite3.connect(path)
        for name in ("events_stay", "events_remain", "events_grow"):
            other.execute(f"DROP TRIGGER {name}")
        other.executescript(script)
        other.close()
        return EventLog.open(path)

    return tamper


@pytest.mark.parametrize(
    ("script", "broken_at"),
    [
        ("UPDATE events SET event = replace(event, 'text 3', 'text X') WHERE seq = 3", 3),
        ("UPDATE events SET event = replace(event, 'helpdesk', 'operator:u') WHERE seq = 1", 1),
        ("UPDATE events SET event = replace(event, '\"at\":\"20', '\"at\":\"19') WHERE seq = 5", 5),
        ("DELETE FROM events WHERE seq = 2", 2),
        ("DELETE FROM events WHERE seq = 1", 1),
        ("DELETE FROM events WHERE seq >= 5", 5),
        ("UPDATE events SET seq = 99 WHERE seq = 3; UPDATE events SET seq = 3 WHERE seq = 5", 3),
        ("UPDATE events SET hash = substr(hash, 2) || '0' WHERE seq = 4", 4),
    ],
)  # fmt: skip
def test_the_first_broken_event_is_named(
    tampered: Callable[[SQL], EventLog], script: SQL, broken_at: int
) -> None:
    with tampered(script) as log:
        verdict = log.verify()
    assert not verdict.ok
    assert verdict.broken
    assert verdict.broken.seq == broken_at
    assert verdict.checked == broken_at - 1
    assert verdict.broken.reason


def test_one_session_is_checked_alone(tampered: Callable[[SQL], EventLog]) -> None:
    with tampered("UPDATE events SET event = replace(event, 'text 4', '') WHERE seq = 4") as log:
        broken = log.verify("a").broken
        assert broken and (broken.seq, broken.n, broken.session) == (4, 2, "a")
        assert log.verify("b").ok
        assert not log.verify().ok


def test_an_event_cut_out_of_one_session_is_named(tampered: Callable[[SQL], EventLog]) -> None:
    with tampered("DELETE FROM events WHERE seq = 4") as log:
        broken = log.verify("a").broken
    assert broken and "event 2 of the session is gone" in broken.reason
