"""The pulse of the inventory: each target in turn, a few at a time, and only while someone looks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inventory.pulse import Pulse
    from inventory.target import Target

logger = logging.getLogger(__name__)

INTERVAL_S = 5.0
"""Time for one round over all targets, in seconds; longer where there are many."""
MIN_GAP_S = 0.1
"""Shortest time between the starts of two readings: ten new connections a second at most."""
AT_ONCE = 8


class PulseWatch:
    """Reads the health of targets for as long as `run` runs."""

    def __init__(
        self,
        targets: Callable[[], Mapping[str, Target]],
        wanted: Callable[[], bool],
        deliver: Callable[[str, Pulse], None],
    ) -> None:
        self._targets = targets
        self._wanted = wanted
        self._deliver = deliver
        self._now = asyncio.Event()
        self._reading: dict[str, asyncio.Task[None]] = {}

    def now(self) -> None:
        """Start a round at once."""
        self._now.set()

    async def run(self) -> None:
        """Read for ever; cancelled by whoever started it."""
        try:
            while True:
                if self._wanted() or self._now.is_set():
                    self._now.clear()
                    await self._round()
                else:
                    await self._pause(1.0)
        finally:
            for task in self._reading.values():
                task.cancel()

    async def _round(self) -> None:
        targets = list(self._targets().items())
        gap = max(INTERVAL_S / max(len(targets), 1), MIN_GAP_S)
        for name, target in targets:
            if name not in self._reading and len(self._reading) < AT_ONCE:
                task = asyncio.create_task(self._read(name, target))
                self._reading[name] = task
                task.add_done_callback(partial(self._read_done, name))
            await self._pause(gap if len(targets) > 1 else INTERVAL_S)
        if not targets:
            await self._pause(INTERVAL_S)

    async def _read(self, name: str, target: Target) -> None:
        from inventory.pulse import read_pulse

        self._deliver(name, await read_pulse(target))

    def _read_done(self, name: str, task: asyncio.Task[None]) -> None:
        self._reading.pop(name, None)
        if not task.cancelled() and (error := task.exception()):
            logger.error("the pulse of %s could not be read", name, exc_info=error)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._now.wait(), seconds)
