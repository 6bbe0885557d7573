"""How far long work on the log has come."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int], None]
"""Called now and then with the number of events that are done."""
EVERY = 2_000
"""Events between two calls: some tens of milliseconds."""


def no_progress(_: int) -> None:
    """Nobody wants to know."""
