"""A secret that a program prints, such as a password manager: an argument list, no shell, within limits."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from contextlib import suppress

from inventory.errors import NOT_COMPLETED, UserError

LIMIT_S = 20.0
"""Seconds a program has; one that asks for a password of its own on another screen never answers."""
LIMIT_BYTES = 64 * 1024
"""Bytes it may print: the secret is the first line."""
_HIDDEN_VARIABLES = ("GPG_TTY",)
"""By these a program would ask for a password on this terminal, in the middle of the screen."""

_lock = threading.Lock()
_known: dict[tuple[str, ...], str] = {}


def first_line_of(argv: tuple[str, ...], limit_s: float = LIMIT_S) -> str:
    """The first line that the program prints; it runs once for each process of ours. Blocks up to `limit_s`.

    Raises UserError (exit 3) that names the program, never what it printed.
    """
    with _lock:
        if argv not in _known:
            _known[argv] = _run(argv, limit_s)
        return _known[argv]


def _run(argv: tuple[str, ...], limit_s: float) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _HIDDEN_VARIABLES}
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds a NUL character"
        raise _failed(argv, f"cannot be started ({reason}); name a program and its arguments") from None
    with process:
        try:
            output = _output(process, argv, limit_s)
        finally:
            # Also what it started: nothing of it outlives the question.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    line = output.partition(b"\n")[0].removesuffix(b"\r")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise _failed(argv, "printed what is not UTF-8") from None
    if not text:
        raise _failed(argv, "printed nothing, expected the secret on the first line")
    return text


def _output(process: subprocess.Popen[bytes], argv: tuple[str, ...], limit_s: float) -> bytes:
    """All that it prints, once it has ended well."""
    assert process.stdout is not None
    ends, output = time.monotonic() + limit_s, b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, ends - time.monotonic())):
            chunk = os.read(process.stdout.fileno(), LIMIT_BYTES)
            output += chunk
            if len(output) > LIMIT_BYTES:
                raise _failed(argv, f"printed more than {LIMIT_BYTES // 1024} KiB")
            if not chunk:
                break
        try:
            code = process.wait(max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise _failed(
                argv, f"did not answer within {limit_s:g} s; it must not ask for anything"
            ) from None
    if code:
        raise _failed(argv, f"ended with code {code}; run it by hand to see why")
    return output


def _failed(argv: tuple[str, ...], what: str) -> UserError:
    return UserError(f"the secret's command {argv[0]} {what}", NOT_COMPLETED)
