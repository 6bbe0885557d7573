"""A head that was kept elsewhere tells of a log that was cut short or written anew; the chain alone cannot."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.kernel.event import Event
from agents.log import EventLog
from agents.log.anchor import Anchor, read_anchors
from inventory.errors import UserError


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog.open(tmp_path / "log.sqlite") as opened:
        yield opened


def note(text: str, session: str = "s1") -> Event:
    return Event("note", session, {"text": text}, "helpdesk")


def anchored(log: EventLog) -> Anchor:
    anchor = log.anchor()
    assert anchor
    return anchor


def test_an_empty_log_has_no_head(log: EventLog) -> None:
    assert log.anchor() is None


def test_a_log_that_grows_holds_its_anchors(log: EventLog) -> None:
    anchors = []
    for number in range(5):
        log.append(note(f"{number}", session=f"s{number % 2}"))
        anchors.append(anchored(log))
    verdict = log.verify(anchors=anchors)
    assert verdict.ok and verdict.checked == 5
    assert log.verify("s1", anchors).ok


def cut(path: Path, after: int) -> None:
    """Cut the end off and mend what SQLite counts, as one would who knows the file."""
    with sqlite3.connect(path) as direct:
        direct.execute("DROP TRIGGER events_remain")
        direct.execute("DELETE FROM events WHERE seq > ?", (after,))
        direct.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (after,))


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_log_cut_short_is_seen_by_its_anchor_alone(log: EventLog, after: int) -> None:
    log.append(*(note(secrets.token_hex(4)) for _ in range(5)))
    anchor = anchored(log)
    cut(log.path, after)
    assert log.verify().ok
    verdict = log.verify(anchors=[anchor])
    assert not verdict.ok
    assert verdict.broken and verdict.broken.seq == after + 1
    assert f"events {after + 1} to 5 are gone" in verdict.broken.reason


def test_a_log_written_anew_is_seen_by_its_anchor(log: EventLog) -> None:
    log.append(*(note(secrets.token_hex(4)) for _ in range(5)))
    anchor = anchored(log)
    cut(log.path, 2)
    log.append(*(note("nothing happened") for _ in range(9)))
    assert log.verify().ok
    verdict = log.verify(anchors=[anchor])
    assert not verdict.ok and verdict.broken and verdict.broken.seq == 5


def test_anchors_come_back_from_their_file(log: EventLog, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    anchors = []
    for _ in range(3):
        log.append(note(secrets.token_hex(4)))
        anchors.append(anchored(log))
    file.write_text("\n\n".join(anchor.line() for anchor in anchors) + "\n")
    assert read_anchors(file) == anchors


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no anchor"),
        ("{}", ":1: no anchor"),
        ("nonsense", ":1: no anchor"),
        (
            json.dumps({"format": "helpdesk.anchor/1", "seq": "5", "hash": "", "id": "", "at": ""}),
            "expected seq",
        ),
    ],
)
def test_what_is_no_anchor_is_named(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "anchors"
    file.write_text(text)
    with pytest.raises(UserError, match=told):
        read_anchors(file)
    with pytest.raises(UserError, match="cannot be read"):
        read_anchors(tmp_path / "none")
