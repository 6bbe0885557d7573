"""The call that runs right here: whose it is, and what it has to say meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from agents.kernel.recorder import Recorder
from inventory.masking import inert_line, mask

PACE_S = 1.0
"""Least time between two events of one call; what comes sooner is passed over."""
LONGEST = 200
"""Characters."""


class Running:
    """One call of a tool, for the tool itself."""

    def __init__(self, recorder: Recorder, call: str) -> None:
        """`call`: id of the call, or of the approval whose action runs."""
        self.recorder = recorder
        self._call = call
        self._last = -PACE_S
        self.whole: Callable[[], str] | None = None

    def keep(self, whole: Callable[[], str]) -> None:
        """Keep the whole output of the call, where its evidence holds a part of it; made on a thread, later."""
        self.whole = whole

    def tell(self, text: str) -> None:
        """Record text for the call's line in the trace; at a pace that the log can take."""
        now = time.monotonic()
        if now - self._last >= PACE_S:
            self._last = now
            line = inert_line(mask(text))[:LONGEST]
            self.recorder.emit("tool.progress", {"call": self._call, "text": line})


_running: ContextVar[Running] = ContextVar("running")


def current() -> Running:
    """The call that this code runs for. LookupError where it runs for none."""
    return _running.get()


@contextmanager
def running(recorder: Recorder, call: str) -> Iterator[Running]:
    """What runs within is this call."""
    here = Running(recorder, call)
    token = _running.set(here)
    try:
        yield here
    finally:
        _running.reset(token)
