"""An agent for the protocol project's own test kit: what it does follows from the prefix of a message's id.

It runs on the very stack that serves the experts; it reads nothing and changes nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from a2a.server.agent_execution import RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import BasePushNotificationSender, InMemoryPushNotificationConfigStore, TaskUpdater
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentProvider,
    AgentSkill,
    Message,
    Part,
    Role,
    Task,
    TaskState,
    TaskStatus,
)

from agents.kernel.event import new_id
from agents.protocol.card import interfaces
from agents.protocol.registry import is_loopback
from agents.protocol.requests import Push, Worker
from agents.protocol.wire import ENDED, data_part
from inventory import __version__
from inventory.outgoing import destinations
from inventory.outgoing_http import for_httpx

NAME = "conformance"
FILE = b"Generated file content"
FILE_URL = "https://example.com/output.txt"
PUSH_LIMIT_S = 5.0
RESUBSCRIBE = "test-resubscribe-message-id"

Act = Callable[[TaskUpdater], Awaitable[None]]


class Conformance(Worker):
    """Answers as the test kit's scenarios ask."""

    name = NAME

    def __init__(self) -> None:
        self._busy: set[str] = set()
        self._cancelled: set[str] = set()
        here = destinations("http://127.0.0.1", "http://localhost", elsewhere=True)
        self._http = httpx.AsyncClient(transport=for_httpx(here), trust_env=False, timeout=PUSH_LIMIT_S)

    def card(self, url: str) -> AgentCard:
        """A card of version 1.0 alone: the kit checks cards strictly, and a dual one holds more."""
        return AgentCard(
            name=NAME,
            description="Does what the protocol's test kit asks for, on the stack that serves the experts.",
            version=__version__,
            provider=AgentProvider(organization="helpdesk-tui", url="https://helpdesk-tui.dev"),
            supported_interfaces=interfaces(url, old=False),
            capabilities=AgentCapabilities(streaming=True, push_notifications=True),
            default_input_modes=["text/plain"],
            default_output_modes=["text/plain"],
            skills=[
                AgentSkill(
                    id="tck", name="Test kit", description="Honours its prefixes.", tags=["conformance"]
                )
            ],
        )

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message and context.task_id and context.context_id
        current = context.current_task
        if current is not None and current.status.state in ENDED:
            return
        kind = context.message.message_id
        if kind.startswith("tck-message-response"):
            return await event_queue.enqueue_event(_direct(context.context_id))
        self._busy.add(context.task_id)
        try:
            if current is None:
                await event_queue.enqueue_event(_submitted(context.message))
            updater = TaskUpdater(event_queue, context.task_id, context.context_id)
            await _act_for(kind)(updater)
        finally:
            self._busy.discard(context.task_id)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.task_id and context.context_id
        self._cancelled.add(context.task_id)
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    def busy(self, task_id: str) -> bool:
        return task_id in self._busy

    def cancelled(self, task_id: str) -> bool:
        return task_id in self._cancelled

    async def close_cancelled(self, task_id: str, session: str) -> Message:
        return Message(role=Role.ROLE_AGENT, message_id=new_id(), task_id=task_id, context_id=session,
                       parts=[Part(text="cancelled")])  # fmt: skip

    def push(self) -> Push:
        """Notifications to this very machine, where the kit listens."""
        store = InMemoryPushNotificationConfigStore()
        return Push(store, BasePushNotificationSender(self._http, store, push_url_validator=_here))

    async def close(self) -> None:
        await self._http.aclose()


async def _here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


def _act_for(message_id: str) -> Act:
    longest = max((prefix for prefix in _ACTS if message_id.startswith(prefix)), key=len, default="")
    return _ACTS.get(longest, _complete)


async def _complete(updater: TaskUpdater) -> None:
    await updater.complete(updater.new_agent_message([Part(text="Hello from TCK")]))


async def _input_required(updater: TaskUpdater) -> None:
    await updater.requires_input(updater.new_agent_message([Part(text="Input is required")]))


async def _reject(updater: TaskUpdater) -> None:
    await updater.reject(updater.new_agent_message([Part(text="rejected")]))


async def _finish(updater: TaskUpdater) -> None:
    await updater.complete()


async def _resubscribe(updater: TaskUpdater) -> None:
    """Longer than the kit listens: twice its own limit."""
    await updater.start_work()
    await asyncio.sleep(2 * float(os.environ.get("TCK_STREAMING_TIMEOUT", "2.0")))
    await updater.complete()


async def _chunks(updater: TaskUpdater) -> None:
    await updater.start_work()
    await updater.add_artifact([Part(text="chunk-1 ")], artifact_id="chunks", append=False, last_chunk=False)
    await updater.add_artifact([Part(text="chunk-2")], artifact_id="chunks", append=True, last_chunk=True)
    await updater.complete()


def _artifact(part: Part, *, working: bool) -> Act:
    async def act(updater: TaskUpdater) -> None:
        if working:
            await updater.start_work()
        await updater.add_artifact([part], artifact_id="artifact")
        await updater.complete()

    return act


def _file(**content: Any) -> Part:
    return Part(filename="output.txt", media_type="text/plain", **content)


_ACTS: Mapping[str, Act] = {
    "tck-complete-task": _complete,
    "tck-artifact-text": _artifact(Part(text="Generated text content"), working=False),
    "tck-artifact-file": _artifact(_file(raw=FILE), working=False),
    "tck-artifact-file-url": _artifact(_file(url=FILE_URL), working=False),
    "tck-artifact-data": _artifact(data_part({"key": "value", "count": 42}), working=False),
    "tck-input-required": _input_required,
    "tck-reject-task": _reject,
    "tck-stream-001": _artifact(Part(text="Stream hello from TCK"), working=True),
    "tck-stream-002": _finish,
    "tck-stream-003": _artifact(Part(text="Stream task lifecycle"), working=True),
    "tck-stream-ordering-001": _artifact(Part(text="Ordered output"), working=True),
    "tck-stream-artifact-text": _artifact(Part(text="Streamed text content"), working=True),
    "tck-stream-artifact-file": _artifact(_file(raw=FILE), working=True),
    "tck-stream-artifact-chunked": _chunks,
    RESUBSCRIBE: _resubscribe,
}


def _direct(session: str) -> Message:
    return Message(
        role=Role.ROLE_AGENT,
        message_id=new_id(),
        context_id=session,
        parts=[Part(text="Direct message response")],
    )


def _submitted(message: Message) -> Task:
    return Task(
        id=message.task_id,
        context_id=message.context_id,
        status=TaskStatus(state=TaskState.TASK_STATE_SUBMITTED),
        history=[message],
    )
