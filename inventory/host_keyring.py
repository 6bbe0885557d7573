"""The host's keyring, asked within a limit: a locked one may wait for ever for its own password on another screen."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

from inventory.errors import NOT_COMPLETED, UserError

SERVICE = "helpdesk"
TIMEOUT_S = 5.0
"""Seconds to wait for the keyring."""
RETRY_S = 30.0
"""Seconds in which one that was silent is not waited for again: many secrets in it must not add up."""
INSTEAD = 'use { env = "VARIABLE" } or { file = "/path" } (0600) in its place instead'

T = TypeVar("T")

_silent_until = 0.0


def keyring_backend() -> str:
    """Name of the keyring that would be asked; empty where this host has none. Imports the library.

    Raises UserError (exit 3) where it fails or does not answer.
    """
    return _limited("what it is", _backend_name)


def keyring_trouble() -> str:
    """Why the keyring cannot be read, in one line; empty where it answers. It is asked for an entry that is not there."""
    try:
        ask_keyring("doctor")
    except UserError as error:
        return str(error)
    return ""


def ask_keyring(name: str, store: str | None = None) -> str | None:
    """The keyring's secret `name`, or None; with `store`, put that there instead. Raises UserError (exit 3)."""

    def asked() -> str | None:
        keyring = _library()
        if store is not None:
            keyring.set_password(SERVICE, name, store)
        found: str | None = keyring.get_password(SERVICE, name)
        return found

    return _limited(f'for "{name}"', asked)


def _limited(what: str, ask: Callable[[], T]) -> T:
    """What `ask` gives, asked on a thread that nobody waits for at the end."""
    global _silent_until
    answers: queue.SimpleQueue[tuple[T] | Exception] = queue.SimpleQueue()

    def asking() -> None:
        try:
            answers.put((ask(),))
        except Exception as error:  # whatever a backend raises ends as one line for the operator
            answers.put(error)

    if time.monotonic() < _silent_until:
        raise _silent(what)
    threading.Thread(target=asking, name="keyring", daemon=True).start()
    try:
        answer = answers.get(timeout=TIMEOUT_S)
    except queue.Empty:
        _silent_until = time.monotonic() + RETRY_S
        raise _silent(what) from None
    if isinstance(answer, Exception):
        raise UserError(f"the keyring cannot be asked {what}: {_reason(answer)}; {INSTEAD}", NOT_COMPLETED)
    return answer[0]


def _silent(what: str) -> UserError:
    return UserError(
        f"the keyring did not answer within {TIMEOUT_S:g} s, asked {what} (is it locked?); unlock it or {INSTEAD}",
        NOT_COMPLETED,
    )


def _reason(error: Exception) -> str:
    if type(error).__name__ == "NoKeyringError":
        return "there is none on this machine"
    return str(error) or type(error).__name__


def _backend_name() -> str:
    from keyring.backends import chainer, fail

    backend = _library().get_keyring()
    if isinstance(backend, fail.Keyring):
        return ""
    used = backend.backends if isinstance(backend, chainer.ChainerBackend) else [backend]
    return ", then ".join(type(one).__module__.rpartition(".")[2] for one in used)


def _library() -> ModuleType:
    if sys.platform != "darwin":
        # Elsewhere the search for its libraries would start a compiler; without it the backend steps aside.
        sys.modules.setdefault("keyring.backends.macOS.api", None)  # type: ignore[arg-type]
    import keyring

    return keyring
