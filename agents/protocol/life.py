"""Marks of running processes: a lock that the kernel lets go when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from agents.kernel.event import new_id
from inventory.paths import ensure_private


class Life:
    """The mark of this process, for as long as it runs."""

    def __init__(self, directory: Path) -> None:
        self._directory = ensure_private(directory)
        self.id = new_id()
        self._path = _path(self._directory, self.id)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def end(self) -> None:
        """Take the mark away; nothing of this process is going on any more."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)

    def alive(self, mark: str) -> bool:
        """As the function of this name."""
        return alive(self._directory, mark)


def lives_of(log: Path) -> Path:
    """Where the processes that write to this log keep their marks."""
    return log.parent / "lives"


def alive(directory: Path, mark: str) -> bool:
    """Whether the process with this mark still runs. The mark of a dead one is removed."""
    if not mark.isalnum():
        return False
    path = _path(directory, mark)
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(file)


def _path(directory: Path, mark: str) -> Path:
    return directory / f"{mark}.lock"
