"""Take the content of a session out of the log, in one transaction, and leave a signed tombstone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from agents.kernel.canonical import utc_text
from agents.kernel.event import Event
from agents.log.reading import approval_rows, open_tasks
from agents.log.schema import EVENTS_STAY
from agents.log.search import words_of
from agents.log.tombstone import STUB, TOMBSTONE, Stub, stub_text
from inventory.errors import UserError

_OPEN = {"pending": "decide it first", "started": "wait for its end"}
SILENT_S = 86_400.0
"""An agent that has said nothing for a day does not come back to what it worked on; an approval waits for minutes."""


def purge_session(
    connection: sqlite3.Connection, session: str, bury: Callable[[list[Stub]], Event]
) -> Event | None:
    """Empty the events of a session, inside a transaction of the caller; the tombstone, not yet in the log.

    None where nothing is left to purge. Raises UserError where something in the session is still open.
    """
    _check_over(connection, session)
    rows = connection.execute(
        "SELECT seq, n, event, hash FROM events WHERE session = ? AND kind NOT IN (?, ?) ORDER BY seq",
        (session, STUB, TOMBSTONE),
    ).fetchall()
    if not rows:
        return None
    stubs = []
    connection.execute("DROP TRIGGER events_stay")
    for seq, n, text, own_hash in rows:
        event = Event.from_json(json.loads(text))
        connection.execute(
            "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (seq, words_of(event))
        )
        connection.execute("UPDATE events SET event = ? WHERE seq = ?", (stub_text(event.to_json()), seq))
        stubs.append(Stub(seq, n, event.id, event.at, own_hash))
    connection.execute(EVENTS_STAY)
    return bury(stubs)


def forget_pages(connection: sqlite3.Connection) -> bool:
    """Let go of what purged events left in the file; False where another process holds it just now."""
    try:
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        connection.execute("VACUUM")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError:
        return False
    return not busy


def _check_over(connection: sqlite3.Connection, session: str) -> None:
    """Raise UserError where somebody may still work on what the session holds."""
    last = connection.execute("SELECT max(at) FROM events WHERE session = ?", (session,)).fetchone()[0]
    if last is None or last < utc_text(datetime.now(UTC) - timedelta(seconds=SILENT_S)):
        return
    for row in approval_rows(connection):
        if row.session == session and row.state in _OPEN:
            raise UserError(f"session {session}: approval {row.id} {row.said}; {_OPEN[row.state]}")
    for item in open_tasks(connection):
        if item.event.session == session:
            raise UserError(
                f"session {session}: task {item.event.task} is under way; wait for its end, or cancel it"
            )
