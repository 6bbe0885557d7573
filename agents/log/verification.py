"""Check the hash chain, of the whole log or of one session, and what it binds: outputs, and the search index."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agents.kernel.event import Event
from agents.log.chain import GENESIS, link
from agents.log.opening import error_name
from agents.log.outputs import KEPT, fault_of_output
from agents.log.progress import EVERY, Progress
from agents.log.records import Break, Purge, Verdict
from agents.log.tombstone import STUB, TOMBSTONE, Stub, fault_of, purge_of

REINDEX = "helpdesk audit reindex makes it anew"
_COLUMNS = "seq, n, session, id, event, before_in_session, before_in_log, hash, kind, at"


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
    kind: str
    at: str

    def broken(self, reason: str) -> Break:
        return Break(self.seq, self.n, self.session, self.id, reason)


def verify_log(connection: sqlite3.Connection, progress: Progress) -> Verdict:
    """Check every event, its place in the log and in its session, and that the newest ones are still there."""
    seq, before = 0, GENESIS
    purged = _Purged()
    sessions: dict[str, tuple[int, str]] = {}
    for item in _links(connection, "1 = 1", ()):
        if item.seq != seq + 1:
            return Verdict(False, seq, Break(seq + 1, 0, "", "", f"event {seq + 1} of the log is gone"))
        reason = _fault(item, sessions.get(item.session, (0, GENESIS))) or purged.take(item)
        if not reason and item.before_in_log != before:
            reason = "it does not follow the event before it in the log"
        if reason:
            return Verdict(False, seq, item.broken(reason))
        seq, before = item.seq, item.hash
        sessions[item.session] = (item.n, item.hash)
        if seq % EVERY == 0:
            progress(seq)
    return purged.told(_whole(connection, seq))


def verify_session(connection: sqlite3.Connection, session: str) -> Verdict:
    """Check the chain of one session."""
    last = (0, GENESIS)
    purged = _Purged()
    for item in _links(connection, "session = ?", (session,)):
        reason = _fault(item, last) or purged.take(item)
        if reason:
            return Verdict(False, last[0], item.broken(reason))
        last = (item.n, item.hash)
    return purged.told(Verdict(True, last[0]))


def broken_outputs(connection: sqlite3.Connection, log: Path, session: str | None) -> Iterator[Break]:
    """Events whose output beside the log is gone, or is not what was kept."""
    rows = connection.execute(
        "SELECT seq, n, session, id, json_extract(event, '$.body.sha256') FROM events WHERE seq IN"
        " (SELECT seq FROM events INDEXED BY events_kind WHERE kind = ? AND (? IS NULL OR session = ?))"
        " ORDER BY seq",
        (KEPT, session, session),
    )
    for seq, n, own, event_id, digest in rows:
        if reason := fault_of_output(log, own, digest):
            yield Break(seq, n, own, event_id, reason)


def broken_index(connection: sqlite3.Connection) -> Iterator[Break]:
    """Events that no search finds. Needs a moment without another writer."""
    try:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        lost = connection.execute(
            "SELECT seq, n, session, events.id FROM events LEFT JOIN words_docsize AS held ON held.id = seq"
            " WHERE held.id IS NULL AND kind <> ? ORDER BY seq LIMIT 1",
            (STUB,),
        ).fetchall()
    except sqlite3.DatabaseError as error:
        if error_name(error) != "SQLITE_CORRUPT_VTAB" and "no such table" not in str(error):
            raise
        yield Break(0, 0, "", "", f"the search index is damaged; {REINDEX}")
        return
    for seq, n, session, event_id in lost:
        yield Break(seq, n, session, event_id, f"the search index does not hold it; {REINDEX}")


class _Purged:
    """Events without content, until the tombstone of their session stands for them."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[_Link]] = {}
        self._purges: list[Purge] = []

    def take(self, item: _Link) -> str:
        """Why this event does not hold as a tombstone; empty where it does, and for every other event."""
        if item.kind == STUB:
            self._waiting.setdefault(item.session, []).append(item)
        if item.kind != TOMBSTONE:
            return ""
        event = Event.from_json(json.loads(item.event))
        stubs = [Stub(it.seq, it.n, it.id, it.at, it.hash) for it in self._waiting.pop(item.session, [])]
        if reason := fault_of(event, stubs):
            return reason
        self._purges.append(purge_of(event, item.seq))
        return ""

    def told(self, verdict: Verdict) -> Verdict:
        """The verdict with the purges; broken where content is gone and no tombstone says so."""
        if not verdict.ok:
            return verdict
        lost = sorted((it for items in self._waiting.values() for it in items), key=lambda it: it.seq)
        if lost:
            return Verdict(
                False, lost[0].seq - 1, lost[0].broken("its content is gone, and no tombstone says so")
            )
        return replace(verdict, purges=tuple(self._purges))


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
    if item.kind == STUB:
        # Its hash is bound by the event after it, and by the tombstone of its session.
        return ""
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
