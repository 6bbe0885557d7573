"""Words of an event for the full-text index, and a user's words as a query that cannot break."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

from agents.kernel.event import Event
from agents.log.progress import EVERY, Progress
from agents.log.schema import WORDS
from agents.log.tombstone import STUB

INDEXED_CHARACTERS = 200_000
"""Words of one event beyond this many characters are not indexed; the event itself is kept whole."""

_WORD = re.compile(r"\w+")


def words_of(event: Event) -> str:
    """All text and numbers in the event's body, its kind, agent and target.

    What was sent to a model repeats the evidence, and every tool's description: nobody means that when searching.
    """
    body = {key: value for key, value in event.body.items() if (event.kind, key) != ("model.called", "sent")}
    text = " ".join((event.kind, event.agent, event.target, *_leaves(body, [])))
    kept = text[:INDEXED_CHARACTERS]
    return kept if kept.isascii() else kept.encode("utf-8", "replace").decode()


def query_of(text: str) -> str:
    """An FTS5 query for events that hold every word of `text`, the last one as a prefix; empty for no words."""
    words = _WORD.findall(text.encode("utf-8", "ignore").decode())
    if not words:
        return ""
    return " ".join(f'"{word}"' for word in words) + "*"


def make_index(connection: sqlite3.Connection, progress: Progress) -> int:
    """Make the index anew, inside a transaction of the caller; how many events it holds."""
    # What SQLite cannot open it does not drop: an empty structure can be opened, whatever was there.
    connection.execute("INSERT OR REPLACE INTO words_data (id, block) VALUES (10, x'00000000000000')")
    connection.execute("DROP TABLE words")
    connection.execute(WORDS)
    count = 0
    rows = connection.execute("SELECT seq, event FROM events WHERE kind <> ? ORDER BY seq", (STUB,))
    for count, (seq, text) in enumerate(rows, start=1):
        words = words_of(Event.from_json(json.loads(text)))
        connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (seq, words))
        if count % EVERY == 0:
            progress(count)
    return count


def _leaves(value: Any, found: list[str]) -> list[str]:
    """`found` with all text and numbers in `value`. No generator: an event may hold some ten thousand cells."""
    match value:
        case str():
            found.append(value)
        case dict():
            for item in value.values():
                _leaves(item, found)
        case list() | tuple():
            for item in value:
                _leaves(item, found)
        case bool() | None:
            pass
        case _:
            found.append(str(value))
    return found
