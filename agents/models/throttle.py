"""How many calls and tokens go out: so many in any minute, so many at once, for the whole process."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be asked of models, and how long anybody waits for them."""

    requests_per_minute: int = 50
    tokens_per_minute: int = 100_000
    """Read anew and written; what comes from a vendor's cache does not count."""
    at_once: int = 10
    wait_s: float = 60.0
    """Seconds that a call waits for its turn, or for a vendor that asks for patience, before it fails."""
    retries: int = 3
    retry_s: float = 1.0
    """Seconds before the first retry; each further one waits twice as long."""
    silence_s: float = 300.0
    """Seconds without a word from the vendor after which a call counts as cut."""
    rounds: int = 5
    """Times in one turn that the model may ask for tools."""
    output_tokens: int = 8192
    """Longest answer, thinking included: some models think for thousands of tokens before they say a word."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the gateway sees it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    """From 0 to 1, for jitter: many clients must not come back at the same moment."""


@dataclass(slots=True)
class Ticket:
    """One call in the window."""

    time: float
    tokens: int
    """Estimated when the call is made, as counted by the vendor once it is over."""


class Busy(Exception):
    """The limits leave no room within the time that a call may wait; the text says which."""


class Throttle:
    """The calls of the last minute and the places for those that run now."""

    def __init__(self, limits: Limits, before: Throttle | None = None) -> None:
        self.limits = limits
        self._places = asyncio.Semaphore(limits.at_once)
        self._window: deque[Ticket] = before._window if before else deque()

    @property
    def full(self) -> bool:
        return self._places.locked()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of the places for calls at the same time. Raises Busy."""
        if self.full:
            await self._wait_for_place()
        else:
            await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()

    async def _wait_for_place(self) -> None:
        try:
            await asyncio.wait_for(self._places.acquire(), self.limits.wait_s)
        except TimeoutError:
            waited = f"{self.limits.wait_s:.3g} s"
            raise Busy(f"{self.limits.at_once} calls to models are running; waited {waited}") from None

    def delay(self, tokens: int, now: float) -> tuple[float, str]:
        """Seconds until a call of so many tokens fits into the window, and the limit that holds it back.

        Raises Busy where it never will.
        """
        if tokens > self.limits.tokens_per_minute:
            raise Busy(
                f"the request has about {tokens} tokens, more than the limit of"
                f" {self.limits.tokens_per_minute} a minute"
            )
        while self._window and self._window[0].time <= now - WINDOW_S:
            self._window.popleft()
        surplus = len(self._window) + 1 - self.limits.requests_per_minute
        if surplus > 0:
            freed = self._window[surplus - 1].time + WINDOW_S
            return freed - now, f"limit of {self.limits.requests_per_minute} requests a minute"
        return self._tokens_freed(tokens) - now, f"limit of {self.limits.tokens_per_minute} tokens a minute"

    def take(self, tokens: int, now: float) -> Ticket:
        """Enter a call into the window."""
        ticket = Ticket(now, tokens)
        self._window.append(ticket)
        return ticket

    def _tokens_freed(self, tokens: int) -> float:
        """When enough tokens will have left the window; minus infinity where they fit now."""
        surplus = sum(ticket.tokens for ticket in self._window) + tokens - self.limits.tokens_per_minute
        freed = float("-inf")
        for ticket in self._window:
            if surplus <= 0:
                break
            surplus -= ticket.tokens
            freed = ticket.time + WINDOW_S
        return freed


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, Throttle] = WeakKeyDictionary()


def shared(limits: Limits) -> Throttle:
    """The throttle of this process (of its event loop: a process has one).

    Where the limits changed, the calls of the last minute still count.
    """
    loop = asyncio.get_running_loop()
    found = _shared.get(loop)
    if found is None or found.limits != limits:
        found = _shared[loop] = Throttle(limits, found)
    return found
