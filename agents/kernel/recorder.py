"""The recorder: every event of a task goes to the log first, in order, and then to whoever watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agents.kernel.event import Event
from agents.log import EventLog

BATCH_S = 0.05
"""Least time between two batches on the stream: fast enough for an eye, and few enough to keep messages few."""
STORE_S = 0.02
"""Least time between two transactions that nobody waits for: each is a write to the disk that lasts."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of text that streams by; not kept."""

    text: str


Item = Event | Delta
Sink = Callable[[Sequence[Item]], Awaitable[None]]
"""Given each batch once its events are in the log; what it raises ends the streaming, not the work."""


async def nobody(_: Sequence[Item]) -> None:
    """A sink for work that nobody watches."""


class Recorder:
    """Events of one task, made by one agent. Use as `async with`; leaving writes everything out."""

    def __init__(
        self,
        log: EventLog,
        *,
        session: str,
        task: str,
        agent: str,
        target: str,
        sink: Sink = nobody,
        caller: str = "",
        purpose: str = "",
        purpose_note: str = "",
    ) -> None:
        """`caller`: the authenticated principal this is done for; `purpose`: what the session says it is for."""
        self.log = log
        self.session = session
        self.task = task
        self.agent = agent
        self.target = target
        self.sink = sink
        self.caller = caller
        self.purpose = purpose
        self.purpose_note = purpose_note
        self._items: list[Item] = []
        self._stored: list[Item] = []
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._stop = asyncio.Event()
        self._storing = asyncio.Lock()
        self._showing = asyncio.Lock()
        self._failure: BaseException | None = None
        self._pumps: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Recorder:
        self._pumps = [asyncio.create_task(pump) for pump in (self._store_soon(), self._show_soon())]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Write out what is left and stop; what comes later is written by `flush` alone.

        Where the log took nothing any more, that was raised before, and what is left is lost.
        """
        self._stop.set()
        self._wake.set()
        self._news.set()
        await asyncio.shield(asyncio.gather(*self._pumps))
        if self._failure is None:
            await self.flush()

    def event(self, kind: str, body: Mapping[str, Any], principal: str = "") -> Event:
        """An event of this task, not recorded yet."""
        return Event(
            kind,
            self.session,
            body,
            principal or f"agent:{self.agent}",
            task=self.task,
            agent=self.agent,
            target=self.target,
            purpose=self.purpose,
            purpose_note=self.purpose_note,
        )

    def emit(self, kind: str, body: Mapping[str, Any], principal: str = "") -> Event:
        """Record an event soon, after those before it. Raises what kept an earlier one from the log."""
        if self._failure is not None:
            raise self._failure
        event = self.event(kind, body, principal)
        self._items.append(event)
        self._wake.set()
        return event

    def say(self, text: str) -> None:
        """Stream text, after the events before it."""
        self._items.append(Delta(text))
        self._wake.set()

    async def commit(self, kind: str, body: Mapping[str, Any], principal: str = "") -> Event:
        """Record an event and return once it is on disk, with all before it."""
        event = self.emit(kind, body, principal)
        await self.flush()
        return event

    async def passed(self, *events: Event) -> None:
        """Show events that are in the log already to whoever watches."""
        await self.flush()
        self._items.extend(events)
        await self.flush()

    async def flush(self) -> None:
        """Return once everything recorded so far is on disk and handed on."""
        await self._store()
        await self._show()

    async def _store(self) -> None:
        async with self._storing:
            items, self._items = self._items, []
            if items:
                await _to_the_end(self._write(items))

    async def _write(self, items: Sequence[Item]) -> None:
        events = [item for item in items if isinstance(item, Event)]
        try:
            stored = iter(await asyncio.to_thread(self.log.append, *events))
        except Exception as error:
            self._failure = self._failure or error
            raise
        # As they are in the log: without secrets.
        self._stored.extend(next(stored).event if isinstance(item, Event) else item for item in items)
        self._news.set()

    async def _show(self) -> None:
        async with self._showing:
            items, self._stored = self._stored, []
            if items:
                await _to_the_end(self._hand_on(items))

    async def _hand_on(self, items: Sequence[Item]) -> None:
        try:
            await self.sink(_merged(items))
        except Exception:
            logger.exception("nobody listens to task %s any more", self.task)
            self.sink = nobody

    async def _store_soon(self) -> None:
        """To the log at once, and then at a pace: what is recorded meanwhile makes the next transaction."""
        while not self._stop.is_set():
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._store()
            except Exception:
                logger.exception("events of task %s could not be kept", self.task)
                return
            await self._pause(STORE_S)

    async def _show_soon(self) -> None:
        while not self._stop.is_set():
            await self._news.wait()
            self._news.clear()
            await self._show()
            await self._pause(BATCH_S)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()


async def _to_the_end(writing: Coroutine[Any, Any, None]) -> None:
    """Let a write that is under way end, even where the task is cancelled meanwhile."""
    task = asyncio.create_task(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _merged(items: Sequence[Item]) -> list[Item]:
    """Neighbouring pieces of text as one."""
    merged: list[Item] = []
    for item in items:
        last = merged[-1] if merged else None
        if isinstance(item, Delta) and isinstance(last, Delta):
            merged[-1] = Delta(last.text + item.text)
        else:
            merged.append(item)
    return merged
