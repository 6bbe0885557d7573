"""Keep the screen ours: its real size counts, and what others write to standard error goes to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_BYTES = 2_000_000
"""The file starts anew once it has grown to this."""


@contextmanager
def terminal_for_screen(path: Path) -> Iterator[None]:
    """Send file descriptor 2 to `path` (0600) for as long as the block runs.

    Textual draws on `sys.__stderr__`, so that one gets a descriptor of its own that still is the terminal.
    """
    # Exported sizes would win over the real terminal and make every resize invisible.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    if path.exists() and path.stat().st_size > MAX_BYTES:
        path.unlink()
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    terminal, before = os.dup(2), sys.__stderr__
    screen = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
    sys.__stderr__ = screen  # type: ignore[misc]
    os.dup2(log, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        sys.__stderr__ = before  # type: ignore[misc]
        screen.close()
        for descriptor in (terminal, log):
            os.close(descriptor)
