"""One session is checked alone; damage of the whole log is in test_damage."""

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
