"""Any record, any damage done straight in the file: checking names the first event that does not hold."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agents.kernel.event import Event
from agents.log import EventLog
from agents.log.anchor import Anchor
from agents.log.chain import link
from agents.log.outputs import DIRECTORY, KEPT, keep_output
from inventory.errors import UserError

EVENTS = 24
PURGED = "p"
SESSIONS = ("a", "b", PURGED)
STUBS = (17, 20, 23)
"""Places of what is left of the purged session; its tombstone is the last event."""
KEPT_AT = (5, 14)
"""Places of events that bind an output."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Anchor]:
    """A log of three sessions with outputs, one of them purged; and its head."""
    path = tmp_path_factory.mktemp("sound") / "log.sqlite"
    with EventLog.open(path) as log:
        for number in range(1, EVENTS):
            session = SESSIONS[number % 2] if number < 16 else SESSIONS[number % 3]
            body = {"text": f"word{number} {secrets.token_hex(4)}"}
            if number in KEPT_AT:
                log.append(
                    Event(KEPT, session, keep_output(path, session, f"E{number}", body["text"]), "agent:x")
                )
            else:
                log.append(Event("note", session, body, "operator:ann", target="orders"))
        assert log.purge(PURGED, "operator:ann", "", signed) == (len(STUBS), True)
        head = log.anchor()
        assert head and head.seq == EVENTS
        assert log.verify(anchors=[head]).ok
    return path, head


def signed(data: bytes) -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    return key.public_key().public_bytes_raw().hex(), key.sign(data).hex()


Do = Callable[[sqlite3.Connection, int, int], int]
"""Damages the file at a place (and another one); gives the place that must be named."""


def edit(file: sqlite3.Connection, at: int, other: int) -> int:
    """One character of the event's text, anywhere but where it would be no JSON any more."""
    (text,) = file.execute("SELECT event FROM events WHERE seq = ?", (at,)).fetchone()
    places = [place for place, char in enumerate(text) if char.isdigit()]
    place = places[other % len(places)]
    changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
    file.execute("UPDATE events SET event = ? WHERE seq = ?", (changed, at))
    return at


def delete(file: sqlite3.Connection, at: int, other: int) -> int:
    file.execute("DELETE FROM events WHERE seq = ?", (at,))
    return at


def close_ranks(file: sqlite3.Connection, at: int, other: int) -> int:
    """Deleted, and those after it moved up."""
    file.execute("DELETE FROM events WHERE seq = ?", (at,))
    file.execute("UPDATE events SET seq = -seq WHERE seq > ?", (at,))
    file.execute("UPDATE events SET seq = -seq - 1 WHERE seq < 0")
    return at


def truncate(file: sqlite3.Connection, at: int, other: int) -> int:
    file.execute("DELETE FROM events WHERE seq >= ?", (at,))
    return at


def truncate_with_care(file: sqlite3.Connection, at: int, other: int) -> int:
    """What SQLite counts is mended as well: the anchor alone tells."""
    file.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (at - 1,))
    truncate(file, at, other)
    # Without the tombstone there is nothing that stands for what is left of the purged events.
    return min(at, STUBS[0])


def reorder(file: sqlite3.Connection, at: int, other: int) -> int:
    first, second = sorted((at, other if other != at else at % EVENTS + 1))
    for seq, place in ((first, -1), (second, first), (-1, second)):
        file.execute("UPDATE events SET seq = ? WHERE seq = ?", (place, seq))
    return first


def other_hash(file: sqlite3.Connection, at: int, other: int) -> int:
    column = ("hash", "before_in_log", "before_in_session")[other % 3]
    file.execute(f"UPDATE events SET {column} = '{secrets.token_hex(32)}' WHERE seq = ?", (at,))
    return at


def emptied(file: sqlite3.Connection, at: int, other: int) -> int:
    """As a purge leaves it, without a tombstone; or the tombstone of others emptied."""
    file.execute(
        "UPDATE events SET event = json_set(event, '$.kind', 'purged', '$.body', json('{}')) WHERE seq = ?",
        (at,),
    )
    return STUBS[0] if at == EVENTS else at


def written_anew(file: sqlite3.Connection, at: int, other: int) -> int:
    """Changed, and all hashes from there on made to fit: the anchor alone tells, at its own place."""
    edit(file, at, other)
    rows = file.execute("SELECT seq, n, session, event FROM events ORDER BY seq").fetchall()
    last: dict[str, str] = {}
    before = ""
    for seq, n, session, text in rows:
        own = link(text, seq, n, last.get(session, ""), before)
        if seq >= at:
            file.execute(
                "UPDATE events SET hash = ?, before_in_log = ?, before_in_session = ? WHERE seq = ?",
                (own, before, last.get(session, ""), seq),
            )
        else:
            (own,) = file.execute("SELECT hash FROM events WHERE seq = ?", (seq,)).fetchone()
        last[session] = before = own
    return EVENTS


DAMAGE = (edit, delete, close_ranks, truncate, truncate_with_care, reorder, other_hash, emptied, written_anew)


def copied(sound: Path, to: Path) -> Path:
    """The log and its outputs in another directory."""
    directory = to / secrets.token_hex(4)
    shutil.copytree(sound.parent, directory)
    return directory / sound.name


def behind_its_back(file: sqlite3.Connection, do: Callable[[], int]) -> int:
    """Do something to the file behind the log's back; what came of it."""
    for trigger in ("events_stay", "events_remain", "events_grow"):
        file.execute(f"DROP TRIGGER {trigger}")
    return do()


@settings(max_examples=120, deadline=None)
@given(at=st.integers(1, EVENTS), other=st.integers(1, EVENTS), do=st.sampled_from(DAMAGE))
def test_any_damage_of_any_record_is_named(made: tuple[Path, Anchor], at: int, other: int, do: Do) -> None:
    assume(do is not emptied or at not in STUBS)
    sound, head = made
    file = sqlite3.connect(":memory:", isolation_level=None)
    with closing(sqlite3.connect(sound)) as source:
        source.backup(file)
    named = behind_its_back(file, lambda: do(file, at, other))
    with EventLog(file, sound) as log:
        verdict = log.verify(anchors=[head])
    assert not verdict.ok
    assert verdict.broken and verdict.broken.reason
    # What was left of a purged event is told by what binds it: the event after it, or the tombstone.
    told = (at, at + 1, EVENTS) if at in STUBS and do in (edit, other_hash) else (named,)
    assert verdict.broken.seq in told, (verdict.broken, do.__name__)


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_an_output_that_is_not_what_was_kept_is_named(
    made: tuple[Path, Anchor], tmp_path: Path, damage: str
) -> None:
    path = copied(made[0], tmp_path)
    with EventLog.open(path) as log:
        first, second = (log.after(place - 1)[0].event for place in KEPT_AT)
        files = {file.stem: file for file in (path.parent / DIRECTORY).rglob("*.z")}
        file = files[second.body["sha256"]]
        if damage == "gone":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:-1] + b"?")
        broken = log.verify().broken
        assert broken and (broken.seq, broken.id) == (KEPT_AT[1], second.id)
        assert file.name in broken.reason
        assert log.verify(second.session).broken == broken
        assert log.verify(first.session).ok


def hidden(file: sqlite3.Connection) -> int:
    """An event that no search finds any more."""
    file.execute("INSERT INTO words (words, rowid, text) VALUES ('delete', 3, 'note orders word3')")
    return 3


def torn(file: sqlite3.Connection) -> int:
    file.execute("DELETE FROM words_data WHERE id > 10")
    return 0


def unreadable(file: sqlite3.Connection) -> int:
    file.execute("DELETE FROM words_data")
    return 0


def lost(file: sqlite3.Connection) -> int:
    file.execute("DROP TABLE words_docsize")
    return 0


@pytest.mark.parametrize("do", [hidden, torn, unreadable, lost], ids=lambda do: str(do.__name__))
def test_a_damaged_search_index_is_named_and_made_anew(
    made: tuple[Path, Anchor], tmp_path: Path, do: Callable[[sqlite3.Connection], int]
) -> None:
    path = copied(made[0], tmp_path)
    with closing(sqlite3.connect(path)) as file:
        place = do(file)
        file.commit()
    with EventLog.open(path) as log:
        broken = log.verify().broken
        assert broken and broken.seq == place
        assert "helpdesk audit reindex" in broken.reason
        if do in (torn, unreadable):
            with pytest.raises(UserError, match="helpdesk audit reindex"):
                log.search("word3")
        if do is unreadable:
            with pytest.raises(UserError, match="helpdesk audit reindex"):
                log.append(Event("note", "a", {"text": "x"}, "helpdesk"))
        done: list[int] = []
        assert log.reindex(done.append) == EVENTS - len(STUBS)
        assert log.verify().ok
        assert [item.seq for item in log.search("word3")] == [3]
        assert log.append(Event("note", "a", {"text": "afterwards"}, "helpdesk"))
        assert log.search("afterwards")
