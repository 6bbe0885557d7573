"""A text written in the operator's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from inventory.errors import UserError

FALLBACK = "vi"
"""POSIX has it everywhere."""


def written(text: str, environment: Mapping[str, str]) -> str:
    """What `text` has become in `$VISUAL` or `$EDITOR`; the terminal must be free. Raises UserError.

    The file is 0600 in the state directory, and gone afterwards.
    """
    from inventory.paths import ensure_private, state_dir

    named = environment.get("VISUAL") or environment.get("EDITOR") or FALLBACK
    try:
        command = shlex.split(named)
    except ValueError as error:
        raise UserError(
            f"EDITOR {named!r} is not understood ({error}), expected a command such as vim"
        ) from None
    descriptor, path = tempfile.mkstemp(".md", "question-", ensure_private(state_dir()))
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        _run([*command, path])
        return Path(path).read_text(encoding="utf-8", errors="replace").rstrip("\n")
    finally:
        Path(path).unlink(missing_ok=True)


def _run(command: list[str]) -> None:
    try:
        # Standard error goes to a file while the screen is ours; an editor wants the terminal.
        done = subprocess.run(command, check=False, stderr=sys.__stderr__)
    except OSError as error:
        raise UserError(f"{command[0]}: cannot be run ({error.strerror}); set EDITOR") from error
    if done.returncode:
        raise UserError(f"{command[0]} ended with {done.returncode}; the question is as it was")
