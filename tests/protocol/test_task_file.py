"""Tasks in a file: as they were saved, to whom they belong, page by page, in every process that uses it."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

from a2a.auth.user import User
from a2a.server.context import ServerCallContext
from a2a.types import Artifact, ListTasksRequest, Message, Part, Role, Task, TaskState, TaskStatus

from agents.protocol.task_file import TaskFile


class Named(User):
    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def user_name(self) -> str:
        return self._name


MINE, THEIRS = ServerCallContext(user=Named("mine")), ServerCallContext(user=Named("theirs"))


def opened(path: Path) -> TaskFile:
    return TaskFile(path, lambda context: context.user.user_name)


def made(context_id: str, seconds: int, state: TaskState = TaskState.TASK_STATE_COMPLETED) -> Task:
    task_id = secrets.token_hex(8)
    task = Task(id=task_id, context_id=context_id, status=TaskStatus(state=state))
    task.status.timestamp.FromSeconds(1_700_000_000 + seconds)
    words = Part(text=f"words of {task_id}")
    task.history.append(Message(message_id="m", role=Role.ROLE_USER, parts=[words]))
    task.artifacts.append(Artifact(artifact_id="a", parts=[words]))
    task.metadata.update({"at": seconds})
    return task


async def test_tasks_are_kept_and_found_by_their_owner(tmp_path: Path) -> None:
    path, context_id = tmp_path / "tasks.sqlite", secrets.token_hex(8)
    store = opened(path)
    tasks = [made(context_id, number) for number in range(5)]
    bare = Task(id="bare", context_id="elsewhere", status=TaskStatus(state=TaskState.TASK_STATE_WORKING))
    for task in (*tasks, bare):
        await store.save(task, MINE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    other = opened(path)
    for task in (*tasks, bare):
        assert await other.get(task.id, MINE) == task
        assert await other.get(task.id, THEIRS) is None
    first = await other.list(ListTasksRequest(context_id=context_id, page_size=3), MINE)
    rest = ListTasksRequest(context_id=context_id, page_size=3, page_token=first.next_page_token)
    second = await other.list(rest, MINE)
    assert [*first.tasks, *second.tasks] == tasks[::-1]
    assert (first.total_size, second.next_page_token) == (5, "")
    working = await other.list(ListTasksRequest(status=TaskState.TASK_STATE_WORKING), MINE)
    assert list(working.tasks) == [bare]
    assert not (await other.list(ListTasksRequest(), THEIRS)).tasks

    await other.put_status("bare", TaskStatus(state=TaskState.TASK_STATE_FAILED))
    await other.put_status("unknown", TaskStatus(state=TaskState.TASK_STATE_FAILED))
    failed = await store.get("bare", MINE)
    assert failed is not None and failed.status.state == TaskState.TASK_STATE_FAILED
    await store.delete(tasks[0].id, THEIRS)
    await store.delete(tasks[1].id, MINE)
    assert len((await other.list(ListTasksRequest(), MINE)).tasks) == 5
    assert await other.get(tasks[0].id, MINE) == tasks[0]
    await store.close()
    await other.close()
