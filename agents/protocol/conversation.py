"""One exchange with an agent: what is sent, all that comes back, and what is done when the stream breaks off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx
from a2a.client import A2AClientError, Client, ClientCallContext
from a2a.types import (
    GetTaskRequest,
    Message,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
)
from a2a.utils.errors import A2AError

from agents.kernel.event import Event
from agents.kernel.recorder import Item
from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.wire import ENDED, WAITING, items_of, messages_of

logger = logging.getLogger(__name__)

WATCH_S = 15.0
"""After this long without a word the agent is asked whether it still lives."""
PROBE_LIMIT_S = 10.0
RETRIES_S = (0.0, 0.2, 0.5, 1.0, 2.0)
"""Waits before the task is looked up again after its stream broke off."""
SETTLE_S = 0.05
"""A stream may end a moment before the task's end is stored."""


@dataclass
class Seen:
    """What was handed on already, so that a snapshot or a second stream repeats nothing."""

    messages: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)


class Conversation:
    """Sends one message and hands on every event and piece of text, once and in order."""

    def __init__(
        self,
        client: Client,
        agent: str,
        session: str,
        seen: Seen,
        give: Callable[[Item], None],
        *,
        local: bool,
    ) -> None:
        self._client = client
        self._agent = agent
        self._session = session
        self.seen = seen
        self._give = give
        self._local = local
        self._state = 0
        self._heard = 0
        self.task = ""

    @property
    def finished(self) -> bool:
        """Whether the task ended, or waits for an answer."""
        return self._state in ENDED | WAITING

    @property
    def ended(self) -> bool:
        return self._state in ENDED

    async def run(self, message: Message) -> None:
        """Send the message and listen to the end. Raises AgentLost or AgentRefused."""
        self.task = message.task_id
        self._state = 0
        watched = asyncio.create_task(self._listen(message))
        try:
            await self._watch(watched)
        finally:
            watched.cancel()

    async def _listen(self, message: Message) -> None:
        trouble = "its stream ended early"
        try:
            await self._take_all(self._client.send_message(SendMessageRequest(message=message)))
        except (A2AClientError, httpx.HTTPError, OSError) as error:
            self._raise_refusal(error)
            trouble = str(error) or type(error).__name__
        except A2AError as error:
            raise AgentRefused(self._agent, str(error)) from error
        if not self.finished:
            logger.warning("%s: task %s: %s; following up", self._agent, self.task, trouble)
            await self._follow(trouble)

    async def _follow(self, trouble: str) -> None:
        """The stream broke off without an end: look the task up, and listen again while it works."""
        waits = list(RETRIES_S)
        while self.task and waits:
            await asyncio.sleep(waits.pop(0))
            heard = self._heard
            try:
                await self._look()
                if not self.finished:
                    await asyncio.sleep(SETTLE_S)
                    await self._look()
                if not self.finished:
                    await self._take_all(self._client.subscribe(SubscribeToTaskRequest(id=self.task)))
            except (A2AClientError, httpx.HTTPError, OSError) as error:
                trouble = str(error) or type(error).__name__
                if self._local and isinstance(error.__cause__, httpx.ConnectError):
                    break
            except A2AError as error:
                # It ended between the two calls: the next look tells how.
                trouble = str(error)
            if self.finished:
                return
            if self._heard > heard:
                waits = list(RETRIES_S)
        raise AgentLost(self._agent, trouble)

    async def _watch(self, listening: asyncio.Task[None]) -> None:
        """Wait for the end; after a long silence ask whether there is anyone left to wait for."""
        while True:
            heard = self._heard
            done, _ = await asyncio.wait({listening}, timeout=WATCH_S)
            if done:
                return await listening
            if self._heard == heard and self.task:
                await self._probe()
                if self.finished:
                    return

    async def _probe(self) -> None:
        try:
            await self._look(PROBE_LIMIT_S)
        except (A2AError, httpx.HTTPError, OSError) as error:
            raise AgentLost(self._agent, f"silent, and it does not answer: {error}") from error

    async def _look(self, limit_s: float = PROBE_LIMIT_S) -> None:
        context = ClientCallContext(timeout=limit_s)
        self._take(await self._client.get_task(GetTaskRequest(id=self.task), context=context))

    async def _take_all(self, stream: AsyncIterator[StreamResponse]) -> None:
        async for response in stream:
            self._take(response)

    def _take(self, response: StreamResponse | Task) -> None:
        self._heard += 1
        self._note_state(response)
        for message in messages_of(response):
            if message.message_id in self.seen.messages:
                continue
            self.seen.messages.add(message.message_id)
            for item in items_of(message):
                self._take_item(item)

    def _take_item(self, item: Item) -> None:
        if isinstance(item, Event):
            if item.id in self.seen.events:
                return
            if (item.session, item.task) != (self._session, self.task):
                logger.warning("%s: an event of another task or session was dropped", self._agent)
                return
            self.seen.events.add(item.id)
        self._give(item)

    def _note_state(self, response: StreamResponse | Task) -> None:
        if isinstance(response, Task):
            self.task, self._state = response.id, response.status.state
            return
        match response.WhichOneof("payload"):
            case "task":
                self._note_state(response.task)
            case "status_update":
                self.task, self._state = response.status_update.task_id, response.status_update.status.state

    def _raise_refusal(self, error: Exception) -> None:
        """An HTTP status is an answer: the agent is there and will not."""
        if isinstance(error.__cause__, httpx.HTTPStatusError):
            raise AgentRefused(self._agent, f"HTTP {error.__cause__.response.status_code}") from error
