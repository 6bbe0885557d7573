"""The tasks that a server keeps beside the log hold what was said in them: a purge takes them out too."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from inventory.errors import NOT_COMPLETED, UserError

STORE_FILE = "tasks.sqlite"
BUSY_TIMEOUT_S = 10.0


def forget(directory: Path, session: str) -> None:
    """Take the tasks of a session out of the store in `directory`, where there is one. Raises UserError (exit 3)."""
    path = directory / STORE_FILE
    if not path.exists():
        return
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'tasks'").fetchone():
            connection.execute("DELETE FROM tasks WHERE context_id = ?", (session,))
    except sqlite3.Error as error:
        raise UserError(
            f"{path}: the tasks of the session stay ({error}); purge again", NOT_COMPLETED
        ) from error
    finally:
        connection.close()
