"""The file behind the log: made private, connected, and what goes wrong with it in one line."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.log.schema import ForeignFile, NewerSchema
from inventory.errors import UserError

BUSY_TIMEOUT_S = 10.0
"""How long a write waits for another process's transaction; a transaction of ours takes milliseconds."""


def default_path() -> Path:
    """Where the log is, where nobody says otherwise."""
    from inventory.paths import state_dir

    return state_dir() / "log.sqlite"


def create_private(path: Path) -> None:
    """Make the file 0600 before SQLite does; its WAL takes over the mode."""
    from inventory.paths import ensure_private

    if not path.parent.exists():
        ensure_private(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def connect(path: Path) -> sqlite3.Connection:
    """A connection that is on disk when it says so. Raises what SQLite raises."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def one_line(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into one line for the operator."""
    try:
        yield
    except NewerSchema as error:
        raise UserError(
            f"{path}: the log was written by a newer version ({error}); update helpdesk-tui", exit_code=3
        ) from error
    except ForeignFile as error:
        raise UserError(f"{path}: not an event log: {error}; move it away", exit_code=3) from error
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{path}: the event log cannot be used: {error}; {_remedy(error)}", exit_code=3
        ) from error
    except OSError as error:
        raise UserError(
            f"{path}: the event log cannot be opened: {error.strerror}; give yourself write access to it"
            " or set HELPDESK_STATE_DIR",
            exit_code=3,
        ) from error


def error_name(error: sqlite3.Error) -> str:
    """SQLite's own name of the error, such as SQLITE_FULL; empty where it has none."""
    return getattr(error, "sqlite_errorname", "")


def _remedy(error: sqlite3.DatabaseError) -> str:
    match error_name(error).split("_")[1:2]:
        case _ if error_name(error) == "SQLITE_CORRUPT_VTAB":
            return "its search index is damaged: helpdesk audit reindex makes it anew"
        case ["NOTADB" | "CORRUPT"]:
            return "the file is damaged: move it away and start again, it is not overwritten"
        case ["FULL"]:
            return "the disk is full: free some space"
        case ["BUSY" | "LOCKED"]:
            return "another process holds it: try again"
        case _:
            return "check that the file and its directory are writable"
