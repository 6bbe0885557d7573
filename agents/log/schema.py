"""The log's tables, triggers and migrations."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x68647475
"""`hdtu`, so that a foreign SQLite file is not taken for a log."""

EVENTS_STAY = """\
CREATE TRIGGER events_stay BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event cannot be changed'); END;"""
"""Lifted for a purge alone, inside its transaction."""

WORDS = "CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2');"
"""The search index; it follows from the events, and can be made anew."""

_FIRST = f"""
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  n INTEGER NOT NULL,
  event TEXT NOT NULL,
  before_in_session TEXT NOT NULL,
  before_in_log TEXT NOT NULL,
  hash TEXT NOT NULL,
  id TEXT AS (json_extract(event, '$.id')) STORED NOT NULL,
  kind TEXT AS (json_extract(event, '$.kind')) STORED NOT NULL,
  session TEXT AS (json_extract(event, '$.session')) STORED NOT NULL,
  at TEXT AS (json_extract(event, '$.at')) STORED NOT NULL,
  target TEXT AS (json_extract(event, '$.target')) STORED NOT NULL,
  approval TEXT AS (
    CASE
      WHEN json_extract(event, '$.kind') NOT LIKE 'approval.%'
        AND json_extract(event, '$.kind') NOT LIKE 'action.%' THEN NULL
      WHEN json_type(event, '$.body.approval') = 'object' THEN json_extract(event, '$.body.approval.id')
      ELSE json_extract(event, '$.body.approval')
    END) STORED
) STRICT;
CREATE UNIQUE INDEX events_id ON events (id);
CREATE UNIQUE INDEX events_place ON events (session, n);
CREATE INDEX events_kind ON events (session, kind, seq);
CREATE INDEX events_approval ON events (approval, seq) WHERE approval IS NOT NULL;

CREATE TABLE claims (approval TEXT PRIMARY KEY, event TEXT NOT NULL) STRICT;
{WORDS}

{EVENTS_STAY}
CREATE TRIGGER events_remain BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event cannot be removed'); END;
CREATE TRIGGER events_grow BEFORE INSERT ON events
  WHEN NEW.seq IN (SELECT seq FROM events)
    OR json_extract(NEW.event, '$.id') IN (SELECT id FROM events)
  BEGIN SELECT RAISE(ABORT, 'the log is append-only: this place is taken'); END;
CREATE TRIGGER claims_stay BEFORE UPDATE ON claims
  BEGIN SELECT RAISE(ABORT, 'a claim cannot be changed'); END;
CREATE TRIGGER claims_remain BEFORE DELETE ON claims
  BEGIN SELECT RAISE(ABORT, 'a claim cannot be removed'); END;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""Statements that lead from version i to version i + 1; a landed one is never edited."""


class NewerSchema(Exception):
    """The file was written by a newer version; the text names both versions."""


class ForeignFile(Exception):
    """The file is a database, but not a log of ours."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to the newest version, each step in a transaction of its own.

    Raises NewerSchema or ForeignFile where the file must be left alone.
    """
    if _version(connection) == len(MIGRATIONS) and _ours(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _migrate_locked(connection)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _migrate_locked(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise NewerSchema(f"version {version}, this program knows {len(MIGRATIONS)}")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and not _ours(connection):
        raise ForeignFile("it holds tables of something else")
    for number in range(version, len(MIGRATIONS)):
        for statement in _statements(MIGRATIONS[number]):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number + 1}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _ours(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)


def _statements(script: str) -> list[str]:
    """Single statements; `executescript` would commit in between."""
    found: list[str] = []
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text) and text.strip():
            found.append(text)
            text = ""
    return found
