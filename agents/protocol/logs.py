"""Where a process of agents writes what it has to say: a private, rotating file, masked; never the terminal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from io import TextIOBase
from logging.handlers import RotatingFileHandler
from pathlib import Path

from inventory.masking import inert, mask
from inventory.paths import ensure_private, state_dir

MAX_BYTES = 2_000_000
BACKUPS = 3


def logs_dir() -> Path:
    return ensure_private(ensure_private(state_dir()) / "logs")


def log_to_file(name: str, *, streams: bool = True) -> Path:
    """Send all logging to `<name>.log`, and with `streams` what Python writes to stdout and stderr; returns it."""
    path = logs_dir() / f"{name}.log"
    handler = _PrivateFile(
        path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8", errors="backslashreplace"
    )
    handler.setFormatter(_Masked("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    # What cannot be written must not be complained of on stderr, which leads here again.
    logging.raiseExceptions = False
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("agents").setLevel(logging.INFO)
    if streams:
        sys.stdout = _Lines("stdout")
        sys.stderr = _Lines("stderr")
    return path


class _PrivateFile(RotatingFileHandler):
    def _open(self):  # type: ignore[no-untyped-def]
        os.close(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return super()._open()


class _Masked(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return inert(mask(super().format(record)))


class _Lines(TextIOBase):
    """A stream whose lines become log records."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        self.writelines(lines)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        for line in lines:
            if line.strip():
                self._logger.warning("%s", line)

    def isatty(self) -> bool:
        return False
