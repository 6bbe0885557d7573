"""Where tasks are kept: SQLite in the state directory, or memory for one-shot use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryTaskStore, TaskStore
from a2a.types import ListTasksRequest, ListTasksResponse, Task, TaskState, TaskStatus

from agents.kernel.event import Event
from agents.protocol.access import NAMELESS, socket_owner
from agents.protocol.task_file import TaskFile
from agents.protocol.wire import status_message

if TYPE_CHECKING:
    from agents.log import EventLog

_BUSY = frozenset({TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING})


@dataclass(frozen=True, slots=True)
class _Held:
    task: Task
    state: int
    context: ServerCallContext


class TaskKeeper(TaskStore):
    """Writes a task when its state changes; while it works, its updates stay in memory.

    A store rewrites the whole task each time, so one write for each update would make long tasks slow; what
    a working task has said is in the event log anyway.
    """

    shared = False
    """Whether other servers keep their tasks here too."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._held: dict[str, _Held] = {}

    async def save(self, task: Task, context: ServerCallContext) -> None:
        held = self._held.get(task.id)
        if held is None or held.state != task.status.state:
            await self._store.save(task, context)
        if task.status.state in _BUSY:
            self._held[task.id] = _Held(task, task.status.state, context)
        else:
            self._held.pop(task.id, None)

    async def get(self, task_id: str, context: ServerCallContext) -> Task | None:
        held = self._held.get(task_id)
        if held is None:
            return await self._store.get(task_id, context)
        if house_owner(held.context) != house_owner(context):
            return None
        copy = Task()
        copy.CopyFrom(held.task)
        return copy

    async def list(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        for held in list(self._held.values()):
            await self._store.save(held.task, held.context)
        return await self._store.list(params, context)

    async def delete(self, task_id: str, context: ServerCallContext) -> None:
        self._held.pop(task_id, None)
        await self._store.delete(task_id, context)

    async def fail(self, events: Iterable[Event]) -> None:
        """Fail the tasks that these `task` events end: the process that worked on them is gone."""

    async def take(self, task_id: str) -> bool:
        """Begin to work on a task; False where another server works on it."""
        return True

    async def let_go(self, task_id: str) -> None:
        """End to work on a task."""

    async def elsewhere(self, task_id: str) -> bool:
        """Whether another server works on the task."""
        return False

    async def cancel_elsewhere(self, task_id: str) -> None:
        """Have the server that works on the task cancel it."""

    async def follow(self, task_id: str, context: ServerCallContext) -> AsyncIterator[Task]:
        """A task that another server works on, whenever its state changes."""
        if (task := await self.get(task_id, context)) is not None:
            yield task

    async def open(self, on_cancel: Callable[[str], None]) -> None:
        """Get ready; `on_cancel` gets tasks of ours that another server was asked to cancel."""

    async def sweep(self, log: EventLog) -> None:
        """Look after tasks of servers that are gone, until cancelled."""

    async def close(self) -> None:
        """Let go of the store; no task is worked on any more."""


class FileKeeper(TaskKeeper):
    """Keeps tasks in a file of this account's."""

    def __init__(self, tasks: TaskFile) -> None:
        super().__init__(tasks)
        self._file = tasks

    async def fail(self, events: Iterable[Event]) -> None:
        for event in events:
            status = TaskStatus(
                state=TaskState.TASK_STATE_FAILED,
                message=status_message(event.task, event.session, [event], event.body["text"]),
            )
            status.timestamp.GetCurrentTime()
            await self._file.put_status(event.task, status)

    async def close(self) -> None:
        await self._file.close()


def house_owner(context: ServerCallContext) -> str:
    """Whose task it is. Callers with a name share the house's tasks, and roles say who may do what in them.

    Whoever holds nothing but the server's own token has no name, and answers nobody else's task.
    """
    return NAMELESS if context.user.user_name == NAMELESS else socket_owner()


def open_store(path: Path | None) -> TaskKeeper:
    """The tasks in the SQLite file at `path` (made 0600), or in memory for None."""
    if path is None:
        return TaskKeeper(InMemoryTaskStore(owner_resolver=house_owner, use_copying=True))
    return FileKeeper(TaskFile(path, house_owner))
