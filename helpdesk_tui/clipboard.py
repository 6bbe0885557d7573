"""Copying over SSH: OSC 52 to the terminal, and a file, since tmux and many terminals drop OSC 52."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.errors import UserError
from inventory.masking import inert
from inventory.paths import ensure_private, state_dir

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

MAX_OSC52_BYTES = 74_994
"""Terminals cut or refuse longer ones; this is what a hundred thousand characters of base64 hold."""


def copy(text: str, what: str, to_terminal: Callable[[str], None]) -> tuple[str, SeverityLevel]:
    """Copy `text`, which is `what`, both ways; a line that says what was done, and how grave it is.

    It is inert, as it is shown: what is pasted into a shell must not end the paste, nor hide a command.
    """
    text = inert(text)
    try:
        path = keep(text)
    except (OSError, UserError) as error:
        return f"not copied: {error}", "error"
    if not fits_terminal(text):
        return f"{what}: too long for the terminal's clipboard; saved to {path}", "warning"
    to_terminal(text)
    return f"{what}: {len(text):,} characters copied (OSC 52) and saved to {path}", "information"


def keep(text: str) -> Path:
    """Write `text` to `clipboard.txt` in the state directory (0600), and return its path."""
    path = ensure_private(state_dir()) / "clipboard.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    return path


def fits_terminal(text: str) -> bool:
    """True where the text is short enough to be sent to the terminal's clipboard."""
    return len(text.encode("utf-8", "surrogateescape")) <= MAX_OSC52_BYTES
