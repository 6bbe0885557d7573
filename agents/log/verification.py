"""Check the hash chain: of the whole log, or of one session."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from agents.log.chain import GENESIS, link
from agents.log.records import Break, Verdict

_COLUMNS = "seq, n, session, id, event, before_in_session, before_in_log, hash"


@dataclass(frozen=True, slots=True)
class _Link:
    seq: int
    n: int
    session: str
    id: str
    event: str
    before_in_session: str
    before_in_log: str
    hash: str

    def broken(self, reason: str) -> Break:
        return Break(self.seq, self.n, self.session, self.id, reason)


def verify_log(connection: sqlite3.Connection) -> Verdict:
    """Check every event, its place in the log and in its session, and that the newest ones are still there."""
    seq, before = 0, GENESIS
    sessions: dict[str, tuple[int, str]] = {}
    for item in _links(connection, "1 = 1", ()):
        if item.seq != seq + 1:
            return Verdict(False, seq, Break(seq + 1, 0, "", "", f"event {seq + 1} of the log is gone"))
        reason = _fault(item, sessions.get(item.session, (0, GENESIS)))
        if not reason and item.before_in_log != before:
            reason = "it does not follow the event before it in the log"
        if reason:
            return Verdict(False, seq, item.broken(reason))
        seq, before = item.seq, item.hash
        sessions[item.session] = (item.n, item.hash)
    return _whole(connection, seq)


def verify_session(connection: sqlite3.Connection, session: str) -> Verdict:
    """Check the chain of one session."""
    last = (0, GENESIS)
    for item in _links(connection, "session = ?", (session,)):
        reason = _fault(item, last)
        if reason:
            return Verdict(False, last[0], item.broken(reason))
        last = (item.n, item.hash)
    return Verdict(True, last[0])


def _links(connection: sqlite3.Connection, where: str, parameters: tuple[str, ...]) -> Iterator[_Link]:
    for row in connection.execute(f"SELECT {_COLUMNS} FROM events WHERE {where} ORDER BY seq", parameters):
        yield _Link(*row)


def _fault(item: _Link, last: tuple[int, str]) -> str:
    """Why this event does not hold after the last one of its session; empty where it does."""
    n, before = last
    if item.n != n + 1:
        return f"event {n + 1} of the session is gone"
    if item.before_in_session != before:
        return "it does not follow the event before it in the session"
    own = link(item.event, item.seq, item.n, item.before_in_session, item.before_in_log)
    return "" if own == item.hash else "its content is not what was hashed"


def _whole(connection: sqlite3.Connection, seq: int) -> Verdict:
    """The counter that SQLite keeps tells whether events at the end were cut off."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    if row and row[0] > seq:
        return Verdict(
            False, seq, Break(seq + 1, 0, "", "", f"events {seq + 1} to {row[0]} of the log are gone")
        )
    return Verdict(True, seq)
