"""What a call has to say while it runs: text on its line of the trace."""

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

Tell = Callable[[str], None]

_tell: ContextVar[Tell] = ContextVar("tell", default=lambda _: None)


def teller() -> Tell:
    """Takes text about the call that is running here, from whatever task; without a call nobody hears it."""
    return _tell.get()


@contextmanager
def telling(recorder: Recorder, call: str) -> Iterator[None]:
    """Within, `teller` gives what records text about `call` (id of a call or of an approval)."""
    last = -PACE_S

    def tell(text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PACE_S:
            last = now
            recorder.emit("tool.progress", {"call": call, "text": inert_line(mask(text))[:LONGEST]})

    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)
