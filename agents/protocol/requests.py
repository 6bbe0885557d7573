"""How requests reach a task: ids inferred, messages to busy or ended tasks turned away, cancels recorded."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from a2a.server.agent_execution import AgentExecutor, RequestContext, SimpleRequestContextBuilder
from a2a.server.context import ServerCallContext
from a2a.server.events import Event
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import PushNotificationConfigStore, PushNotificationSender
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    Message,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError

from agents.protocol.store import TaskKeeper
from agents.protocol.wire import ENDED, WAITING


@dataclass(frozen=True, slots=True)
class Push:
    """Notifications to a URL of the caller's."""

    store: PushNotificationConfigStore
    sender: PushNotificationSender


class Worker(AgentExecutor):
    """What works on tasks, and knows of them more than their stored state."""

    @abstractmethod
    def busy(self, task_id: str) -> bool:
        """Whether the task is being worked on right now, whatever its stored state says yet."""

    @abstractmethod
    def cancelled(self, task_id: str) -> bool:
        """Whether `cancel` has seen this task."""

    @abstractmethod
    async def close_cancelled(self, task_id: str, session: str) -> Message:
        """Record that the task was cancelled; what is told of it."""

    async def cancel_refusal(self, task_id: str, by: str) -> str:
        """Why `by` may not cancel the task, in one line; empty where it may."""
        return ""

    def caller(self, task_id: str) -> ServerCallContext:
        """The one for whom a task is worked on."""
        return ServerCallContext()

    def push(self) -> Push | None:
        """What it offers of notifications: nothing, for a server that calls URLs of strangers is a tool for them."""
        return None


ENDING_STEPS = 40
ENDING_STEP_S = 0.05
ELSEWHERE_STEPS = 80


class _ContextBuilder(SimpleRequestContextBuilder):
    def __init__(self, bridge: Worker, store: TaskKeeper) -> None:
        super().__init__()
        self._bridge = bridge
        self._store_of_tasks = store

    async def build(
        self,
        context: ServerCallContext,
        params: SendMessageRequest | None = None,
        task_id: str | None = None,
        context_id: str | None = None,
        task: Task | None = None,
    ) -> RequestContext:
        """The context of a message. A follow-up belongs to the context of its task, whether it says so or not."""
        if task_id:
            stored = await self._store_of_tasks.get(task_id, context)
            if stored is None:
                raise TaskNotFoundError(f"Task {task_id} not found")
            _turn_away(stored, self._bridge.busy(task_id))
            context_id = stored.context_id
        return await super().build(context, params, task_id, context_id, task)


def _turn_away(task: Task, busy: bool) -> None:
    """A task takes a message only when it waits for one: what is queued behind a running one would run later."""
    state = task.status.state
    if state in ENDED:
        raise UnsupportedOperationError(message=f"task {task.id} has ended; ask anew")
    if busy or state not in WAITING:
        raise UnsupportedOperationError(
            message=f"task {task.id} is working already; wait for it or cancel it"
        )


class Requests(DefaultRequestHandler):
    """The SDK's request handler on an expert."""

    def __init__(self, executor: Worker, store: TaskKeeper, card: AgentCard) -> None:
        push = executor.push()
        super().__init__(
            agent_executor=executor,
            task_store=store,
            agent_card=card,
            request_context_builder=_ContextBuilder(executor, store),
            push_config_store=push.store if push else None,
            push_sender=push.sender if push else None,
        )
        self._bridge: Worker = executor
        self._store = store

    async def on_subscribe_to_task(
        self, params: SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event, None]:
        """Listen to a task that is worked on here; one that just ends is waited for, or the stream would hang."""
        if await self._store.elsewhere(params.id):
            async for found in self._store.follow(params.id, context):
                yield found
            return
        for _ in range(ENDING_STEPS):
            task = await self._store.get(params.id, context)
            if task is None or task.status.state in WAITING | ENDED or self._bridge.busy(params.id):
                break
            await asyncio.sleep(ENDING_STEP_S)
        async for event in super().on_subscribe_to_task(params, context):
            yield event

    async def on_cancel_task(self, params: CancelTaskRequest, context: ServerCallContext) -> Task | None:
        """Cancel. A task parked before a restart is ended by the SDK without asking us, so it is recorded here."""
        if refusal := await self._bridge.cancel_refusal(params.id, context.user.user_name):
            raise UnsupportedOperationError(message=f"task {params.id} is not cancelled: {refusal}")
        if await self._store.elsewhere(params.id):
            return await self._cancelled_elsewhere(params.id, context)
        task: Task | None = await super().on_cancel_task(params, context)
        canceled = task is not None and task.status.state == TaskState.TASK_STATE_CANCELED
        if task is not None and canceled and not self._bridge.cancelled(task.id):
            task.status.message.CopyFrom(await self._bridge.close_cancelled(task.id, task.context_id))
            await self._store.save(task, context)
        return task

    async def _cancelled_elsewhere(self, task_id: str, context: ServerCallContext) -> Task | None:
        """Ask the server that works on the task, and wait for what comes of it."""
        await self._store.cancel_elsewhere(task_id)
        for _ in range(ELSEWHERE_STEPS):
            task = await self._store.get(task_id, context)
            if task is None or task.status.state in ENDED:
                return task
            await asyncio.sleep(ENDING_STEP_S)
        raise TaskNotCancelableError(message=f"the server that works on task {task_id} does not answer")
