"""The one event log: SQLite in WAL mode, append-only, hash-chained, full-text indexed."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Self

from agents.kernel.canonical import utc_now, utc_text
from agents.kernel.event import Event
from agents.log.anchor import Anchor, departed, head
from agents.log.chain import GENESIS, event_text, link
from agents.log.masked import masked
from agents.log.opening import connect, create_private, default_path, one_line
from agents.log.progress import Progress, no_progress
from agents.log.purging import forget_pages, purge_session
from agents.log.reading import approval_rows, open_tasks, session_rows, stored, with_purpose
from agents.log.records import ApprovalRow, Break, SessionRow, StoredEvent, Verdict
from agents.log.schema import migrate
from agents.log.search import make_index, query_of, words_of
from agents.log.tombstone import Sign, tombstone
from agents.log.verification import broken_index, broken_outputs, verify_log, verify_session

_INSERT = (
    "INSERT INTO events (seq, n, event, before_in_session, before_in_log, hash) VALUES (?, ?, ?, ?, ?, ?)"
)


AT_ONCE = 500
"""Events in memory at a time, where all are gone through."""


class EventLog:
    """The log in one file. Thread-safe and synchronous; callers on an event loop use `asyncio.to_thread`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self.path = path

    @classmethod
    def open(cls, path: Path | None = None) -> Self:
        """Open the log at `path` (default: `log.sqlite` in the state directory), made and migrated as needed.

        Raises UserError (exit 3) where the file is of a newer version, damaged or not writable.
        """
        where = path if path is not None else default_path()
        with one_line(where):
            create_private(where)
            connection = connect(where)
            try:
                migrate(connection)
            except BaseException:
                connection.close()
                raise
        return cls(connection, where)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # writing

    def append(self, *events: Event) -> list[StoredEvent]:
        """Store `events`, without secrets, in one synchronous transaction.

        One whose id is there already is returned as stored.
        """
        if not events:
            return []
        clean = [masked(event) for event in events]
        with self._transaction():
            return [self._add(event) for event in clean]

    def claim(self, approval_id: str, started: Event) -> bool:
        """Use up an approval and store its `action.started` in one transaction; False if it was used before."""
        with self._transaction():
            used = self._connection.execute(
                "INSERT INTO claims (approval, event) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (approval_id, started.id),
            )
            if not used.rowcount:
                return False
            self._add(masked(started))
            return True

    def purge(self, session: str, by: str, reason: str, sign: Sign) -> tuple[int, bool]:
        """Take the content of a session out for good and leave a signed tombstone; how many events that were.

        The second value tells whether the file holds nothing of them any more: another process may keep its pages.
        Raises UserError where something in the session is still open.
        """
        with self._lock, one_line(self.path):
            self._connection.execute("PRAGMA secure_delete = ON")
            with self._transaction():
                buried = purge_session(
                    self._connection, session, lambda stubs: tombstone(session, stubs, by, reason, sign)
                )
                if buried is None:
                    return 0, True
                self._add(buried)
            return int(buried.body["events"]), forget_pages(self._connection)

    def _add(self, event: Event) -> StoredEvent:
        there = self._connection.execute(
            "SELECT seq, n, event, hash FROM events WHERE id = ?", (event.id,)
        ).fetchone()
        if there:
            return stored(there)
        last = self._connection.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        seq, before_in_log = (last[0] + 1, last[1]) if last else (1, GENESIS)
        own = self._connection.execute(
            "SELECT n, hash FROM events WHERE session = ? ORDER BY n DESC LIMIT 1", (event.session,)
        ).fetchone()
        n, before_in_session = (own[0] + 1, own[1]) if own else (1, GENESIS)
        text = event_text(with_purpose(self._connection, event))
        own_hash = link(text, seq, n, before_in_session, before_in_log)
        self._connection.execute(_INSERT, (seq, n, text, before_in_session, before_in_log, own_hash))
        self._connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (seq, words_of(event)))
        return StoredEvent(seq, n, Event.from_json(json.loads(text)), own_hash)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, one_line(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    # reading

    def events(self, session: str, after_seq: int = 0, kinds: Sequence[str] = ()) -> list[StoredEvent]:
        """Events of one session in order, from after `after_seq`, of all kinds or of `kinds`."""
        wanted = f" AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
        return self._stored(f"session = ? AND seq > ?{wanted} ORDER BY seq", (session, after_seq, *kinds))

    def chained(self, session: str) -> list[tuple[StoredEvent, str, str]]:
        """Events of one session in order, each with the hashes before it in the session and in the log."""
        with self._lock, one_line(self.path):
            rows = self._connection.execute(
                "SELECT seq, n, event, hash, before_in_session, before_in_log FROM events"
                " WHERE session = ? ORDER BY seq",
                (session,),
            )
            return [(stored(row[:4]), row[4], row[5]) for row in rows]

    def after(self, seq: int, session: str | None = None) -> list[StoredEvent]:
        """Events of all sessions (or of one) that came after place `seq`."""
        if session is not None:
            return self.events(session, after_seq=seq)
        return self._stored("seq > ? ORDER BY seq", (seq,))

    def of_kind(self, kind: str, target: str) -> list[StoredEvent]:
        """Events of a rare kind about one target, of all sessions, oldest first."""
        places = "SELECT seq FROM events INDEXED BY events_kind WHERE kind = ?"
        return self._stored(f"seq IN ({places}) AND target = ? ORDER BY seq", (kind, target))

    def kept_output(self, evidence: str, session: str | None = None) -> StoredEvent | None:
        """The event that tells where the whole output behind this evidence is; None where none was kept."""
        places = "SELECT seq FROM events INDEXED BY events_kind WHERE kind = 'output.kept'"
        found = self._stored(
            f"seq IN ({places}) AND (? IS NULL OR session = ?) AND json_extract(event, '$.body.evidence') = ?"
            " ORDER BY seq LIMIT 1",
            (session, session, evidence),
        )
        return next(iter(found), None)

    def find(self, event_id: str) -> StoredEvent | None:
        """The event with this id, or None."""
        return next(iter(self._stored("id = ?", (event_id,))), None)

    def search(self, text: str, session: str | None = None, limit: int = 50) -> list[StoredEvent]:
        """Events that hold every word of `text` (the last one as a prefix), newest first."""
        query = query_of(text)
        if not query:
            return []
        return self._stored(
            "seq IN (SELECT rowid FROM words WHERE words MATCH ?) AND (? IS NULL OR session = ?)"
            " ORDER BY seq DESC LIMIT ?",
            (query, session, session, limit),
        )

    def sessions(self) -> list[SessionRow]:
        """All sessions, the one used last first."""
        with self._lock, one_line(self.path):
            return session_rows(self._connection)

    def approvals(self, pending_only: bool = False) -> list[ApprovalRow]:
        """All approvals with what became of them, oldest first."""
        with self._lock, one_line(self.path):
            rows = approval_rows(self._connection)
        return [row for row in rows if row.state == "pending"] if pending_only else rows

    def approval(self, approval_id: str) -> ApprovalRow | None:
        """One approval with what became of it, or None where the log knows none of this id."""
        with self._lock, one_line(self.path):
            return next(iter(approval_rows(self._connection, approval_id)), None)

    def open_tasks(self) -> list[StoredEvent]:
        """The last `task` event of each task that was submitted or working when last heard of."""
        with self._lock, one_line(self.path):
            return open_tasks(self._connection)

    def each(
        self, after_seq: int = 0, session: str | None = None, since: str = "", until: str = ""
    ) -> Iterator[StoredEvent]:
        """Events in the log's order, a few at a time, from after `after_seq` and between two moments (as events tell them)."""
        where = (
            "seq > ? AND (? IS NULL OR session = ?) AND at >= ? AND (? = '' OR at < ?) ORDER BY seq LIMIT ?"
        )
        while True:
            found = self._stored(where, (after_seq, session, session, since, until, until, AT_ONCE))
            yield from found
            if len(found) < AT_ONCE:
                return
            after_seq = found[-1].seq

    def recent(self, kind: str, since: datetime) -> list[StoredEvent]:
        """Events of one kind in all sessions, from a moment on, oldest first."""
        return self._stored(
            "seq IN (SELECT seq FROM events INDEXED BY events_kind WHERE kind = ?) AND at >= ? ORDER BY seq",
            (kind, utc_text(since)),
        )

    def anchor(self) -> Anchor | None:
        """The head of the log as it is now, to be kept elsewhere; None where the log is empty."""
        with self._lock, one_line(self.path):
            return head(self._connection, utc_now())

    def verify(
        self, session: str | None = None, anchors: Iterable[Anchor] = (), progress: Progress = no_progress
    ) -> Verdict:
        """Check the hash chain of the whole log, or of one session, and what it binds; names the first event that breaks it.

        `anchors` are heads of the log that were kept elsewhere: they tell whether its end was cut off. Whole
        outputs beside the log are held against their hashes, and the search index against the events.
        """
        with self._lock, one_line(self.path):
            if session is None:
                verdict = verify_log(self._connection, progress)
            else:
                verdict = verify_session(self._connection, session)
            broken = next(self._broken(session, anchors), None) if verdict.ok else verdict.broken
            return replace(verdict, ok=broken is None, broken=broken)

    def _broken(self, session: str | None, anchors: Iterable[Anchor]) -> Iterator[Break]:
        """What a chain that holds does not tell."""
        for anchor in sorted(anchors, key=lambda anchor: anchor.seq):
            if broken := departed(self._connection, anchor):
                yield broken
        yield from broken_outputs(self._connection, self.path, session)
        if session is None:
            yield from broken_index(self._connection)

    def reindex(self, progress: Progress = no_progress) -> int:
        """Make the search index anew from the events; how many it holds then."""
        with self._transaction():
            return make_index(self._connection, progress)

    def _stored(self, where: str, parameters: Sequence[object]) -> list[StoredEvent]:
        with self._lock, one_line(self.path):
            rows = self._connection.execute(
                f"SELECT seq, n, event, hash FROM events WHERE {where}", parameters
            )
            return [stored(row) for row in rows]
