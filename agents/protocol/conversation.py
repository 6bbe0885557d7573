"""One exchange with an agent: what is sent, all that comes back, and what is done when the stream breaks off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
from a2a.client import A2AClientError, ClientCallContext
from a2a.client.service_parameters import ServiceParametersFactory, with_a2a_extensions
from a2a.types import (
    GetTaskRequest,
    Message,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
)
from a2a.utils.errors import A2AError, MethodNotFoundError, UnsupportedOperationError

from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.line import Peer
from agents.protocol.reading import Heard, Reader
from agents.protocol.wire import ENDED, WAITING

logger = logging.getLogger(__name__)

WATCH_S = 15.0
"""After this long without a word the agent is asked whether it still lives."""
PROBE_LIMIT_S = 10.0
BLOCKING_LIMIT_S = 600.0
"""How long an agent that cannot stream may take for one answer; models take a minute or two."""
RETRIES_S = (0.0, 0.2, 0.5, 1.0, 2.0)
"""Waits before the task is looked up again after its stream broke off."""
REMOTE_RETRIES_S = (*RETRIES_S, 4.0, 8.0)
"""A host that restarts needs longer than a process that does."""
SETTLE_S = 0.05
"""A stream may end a moment before the task's end is stored."""
POLL_S = 1.0
"""Between two looks at a task of an agent that cannot stream."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
_CANNOT_STREAM = (MethodNotFoundError, UnsupportedOperationError)


class Conversation:
    """Sends one message and hands on every event and piece of text, once and in order."""

    def __init__(
        self, peer: Peer, agent: str, reader: Reader, give: Callable[[Heard], None], *, local: bool
    ) -> None:
        self._peer = peer
        self._agent = agent
        self._give = give
        self._local = local
        self._state = 0
        self._heard = 0
        self._replied = False
        self._nudged = asyncio.Event()
        self._streams = bool(peer.card.capabilities.streaming)
        self.reader = reader
        self.task = reader.task

    @property
    def finished(self) -> bool:
        """Whether the task ended, or waits for an answer, or the answer came without a task."""
        return self._replied or self._state in ENDED | WAITING

    @property
    def ended(self) -> bool:
        return self._state in ENDED

    def nudge(self) -> None:
        """Look at the task at once: some agents leave a stream open when its task is cancelled."""
        self._nudged.set()

    async def run(self, message: Message) -> None:
        """Send the message and listen to the end. Raises AgentLost or AgentRefused."""
        self.task = self.reader.task = message.task_id
        if message.task_id:
            self.reader.answered(message.message_id)
        await self._to_the_end(self._listen(message))

    async def pick_up(self, task: str) -> None:
        """Listen to a task that was asked before. Raises AgentLost or AgentRefused."""
        self.task = self.reader.task = task
        await self._to_the_end(self._follow("it was asked before", again=True))

    async def look(self, limit_s: float = PROBE_LIMIT_S) -> Task:
        """The task as it is; what is new in it is handed on. Raises what the SDK raises."""
        found: Task = await self._peer.streaming.get_task(
            GetTaskRequest(id=self.task), context=self._context(limit_s)
        )
        self._take(found)
        return found

    async def _to_the_end(self, listening: Coroutine[Any, Any, None]) -> None:
        self._state = 0
        watched = asyncio.create_task(listening)
        try:
            await self._watch(watched)
        finally:
            watched.cancel()

    async def _listen(self, message: Message) -> None:
        trouble = "its stream ended early"
        request = SendMessageRequest(message=message)
        try:
            await self._send(request)
        except (A2AClientError, httpx.HTTPError, OSError) as error:
            self._raise_refusal(error)
            trouble = str(error) or type(error).__name__
            if not self._heard and isinstance(error.__cause__, _NOT_SENT):
                # The task may be there, waiting as before: what was said to it never left.
                raise AgentLost(self._agent, trouble) from error
        except A2AError as error:
            if not self._heard:
                raise AgentRefused(self._agent, str(error)) from error
            # It broke in the middle: how the task stands is asked for.
            trouble = str(error)
        except ValueError as error:
            raise AgentRefused(self._agent, f"its answer makes no sense: {error}") from error
        if not self.finished:
            logger.warning("%s: task %s: %s; following up", self._agent, self.task, trouble)
            await self._follow(trouble)

    async def _send(self, request: SendMessageRequest) -> None:
        """Ask with a stream; an agent whose card promised one that it does not have is asked without."""
        if self._streams:
            try:
                stream = self._peer.streaming.send_message(request, context=self._context())
                return await self._take_all(stream)
            except _CANNOT_STREAM:
                if self._heard:
                    raise
                self._streams = False
        stream = self._peer.blocking.send_message(request, context=self._context(BLOCKING_LIMIT_S))
        await self._take_all(stream)

    async def _follow(self, trouble: str, *, again: bool = False) -> None:
        """The stream broke off without an end: look the task up, and listen again while it works."""
        retries = RETRIES_S if self._local else REMOTE_RETRIES_S
        waits = list(retries)
        while self.task and waits:
            await asyncio.sleep(waits.pop(0))
            heard = self._heard
            try:
                await self._look_and_listen()
            except (A2AClientError, httpx.HTTPError, OSError) as error:
                trouble = str(error) or type(error).__name__
                if self._local and isinstance(error.__cause__, httpx.ConnectError):
                    break
                if again:
                    self._raise_refusal(error)
            except A2AError as error:
                if again and self._heard == heard:
                    raise AgentRefused(self._agent, str(error)) from error
                # It ended between the two calls: the next look tells how.
                trouble = str(error)
            if self.finished:
                return
            if self._heard > heard:
                waits = list(retries)
        raise AgentLost(self._agent, trouble)

    async def _look_and_listen(self) -> None:
        await self.look()
        if not self.finished:
            await asyncio.sleep(SETTLE_S)
            await self.look()
        if self.finished:
            return
        if self._streams:
            try:
                request = SubscribeToTaskRequest(id=self.task)
                return await self._take_all(self._peer.streaming.subscribe(request, context=self._context()))
            except (MethodNotFoundError, NotImplementedError):
                self._streams = False
        await asyncio.sleep(POLL_S)

    async def _watch(self, listening: asyncio.Future[None]) -> None:
        """Wait for the end; after a long silence ask whether there is anyone left to wait for."""
        while True:
            heard = self._heard
            nudged = asyncio.create_task(self._nudged.wait())
            either: set[asyncio.Future[Any]] = {listening, nudged}
            await asyncio.wait(either, timeout=WATCH_S, return_when=asyncio.FIRST_COMPLETED)
            nudged.cancel()
            if listening.done():
                return await listening
            if (self._heard == heard or self._nudged.is_set()) and self.task:
                self._nudged.clear()
                await self._probe()
                if self.finished:
                    return

    async def _probe(self) -> None:
        try:
            await self.look()
        except (A2AError, httpx.HTTPError, OSError) as error:
            raise AgentLost(self._agent, f"silent, and it does not answer: {error}") from error

    async def _take_all(self, stream: AsyncIterator[StreamResponse]) -> None:
        async for response in stream:
            self._take(response)

    def _take(self, response: StreamResponse | Task) -> None:
        self._heard += 1
        self._note_state(response)
        for item in self.reader.items(response):
            self._give(item)

    def _note_state(self, response: StreamResponse | Task) -> None:
        if isinstance(response, Task):
            self._note(response.id, response.status.state)
            return
        match response.WhichOneof("payload"):
            case "task":
                self._note(response.task.id, response.task.status.state)
            case "status_update":
                self._note(response.status_update.task_id, response.status_update.status.state)
            case "artifact_update":
                self._note(response.artifact_update.task_id, self._state)
            case "message":
                self._replied = True

    def _note(self, task: str, state: int) -> None:
        self.task = self.reader.task = task or self.task
        self._state = state

    def _context(self, limit_s: float | None = None) -> ClientCallContext:
        asked = ServiceParametersFactory.create([with_a2a_extensions(self._peer.extensions)])
        return ClientCallContext(timeout=limit_s, service_parameters=asked or None)

    def _raise_refusal(self, error: Exception) -> None:
        """An HTTP status is an answer: the agent is there and will not."""
        if isinstance(error.__cause__, httpx.HTTPStatusError):
            raise AgentRefused(self._agent, f"HTTP {error.__cause__.response.status_code}") from error
