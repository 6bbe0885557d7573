"""What is kept of a failure nobody foresaw: a traceback without local variables, in a private file."""

from __future__ import annotations

import os
import traceback

from agents.kernel.canonical import utc_now
from inventory.errors import UserError
from inventory.masking import inert, inert_line, mask
from inventory.paths import ensure_private, state_dir


def record_crash(error: BaseException) -> str:
    """Append the masked traceback to `crash.log` in the state directory; return one line for the terminal."""
    first = next((line for line in str(error).splitlines() if line.strip()), "no message")
    summary = f"{type(error).__name__}: {inert_line(mask(first))}"
    trace = inert(mask("".join(traceback.format_exception(error))))
    try:
        path = ensure_private(state_dir()) / "crash.log"
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8"
        ) as file:
            file.write(f"--- {utc_now()}\n{trace}")
    except (OSError, UserError):
        return f"an unforeseen error: {summary}"
    return f"an unforeseen error: {summary}; details are in {path}"
