"""Tasks in a SQLite file, in the layout of the SDK's own database store: one row for each, its parts as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.owner_resolver import OwnerResolver
from a2a.server.tasks import InMemoryTaskStore, TaskStore
from a2a.types import ListTasksRequest, ListTasksResponse, Task, TaskStatus
from google.protobuf.json_format import MessageToDict, ParseDict  # type: ignore[import-untyped]

from agents.protocol.kept_tasks import BUSY_TIMEOUT_S

_LAYOUT = (
    "CREATE TABLE IF NOT EXISTS tasks (id VARCHAR(36) PRIMARY KEY, context_id VARCHAR(36) NOT NULL,"
    " kind VARCHAR(16) NOT NULL, owner VARCHAR(255), last_updated DATETIME, status JSON NOT NULL,"
    " artifacts JSON, history JSON, protocol_version VARCHAR(16), metadata JSON)"
)
_SAVE = (
    "INSERT OR REPLACE INTO tasks (id, context_id, kind, owner, last_updated, status, artifacts, history,"
    " protocol_version, metadata) VALUES (?, ?, 'task', ?, ?, ?, ?, ?, '1.0', ?)"
)
Rows = list[tuple[Any, ...]]
_READ = "SELECT id, context_id, status, artifacts, history, metadata FROM tasks"


class TaskFile(TaskStore):
    """The tasks in one file, which several processes may use. Made private when it is first used."""

    def __init__(self, path: Path, owner_resolver: OwnerResolver) -> None:
        self._path = path
        self._owner = owner_resolver
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def save(self, task: Task, context: ServerCallContext) -> None:
        # Now: the task may change while a thread writes it.
        row = _row(task, self._owner(context))
        await self._run(_SAVE, row)

    async def get(self, task_id: str, context: ServerCallContext) -> Task | None:
        found = await self._run(f"{_READ} WHERE id = ? AND owner = ?", (task_id, self._owner(context)))
        return _task(found[0]) if found else None

    async def list(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        """A page of the tasks; what a page is, the SDK's store in memory knows."""
        asked = f"{_READ} WHERE owner = ? AND (? = '' OR context_id = ?)"
        rows = await self._run(asked, (self._owner(context), params.context_id, params.context_id))
        page = InMemoryTaskStore(owner_resolver=self._owner, use_copying=False)
        for row in rows:
            await page.save(_task(row), context)
        return await page.list(params, context)

    async def delete(self, task_id: str, context: ServerCallContext) -> None:
        await self._run("DELETE FROM tasks WHERE id = ? AND owner = ?", (task_id, self._owner(context)))

    async def put_status(self, task_id: str, status: TaskStatus) -> None:
        """Give a task another state, whoever owns it; nothing happens where it is not kept here."""
        await self._run("UPDATE tasks SET status = ? WHERE id = ?", (_json(MessageToDict(status)), task_id))

    async def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    async def _run(self, sql: str, values: Sequence[Any]) -> Rows:
        return await asyncio.to_thread(self._run_here, sql, values)

    def _run_here(self, sql: str, values: Sequence[Any]) -> Rows:
        with self._lock:
            if self._connection is None:
                self._connection = _open(self._path)
            return self._connection.execute(sql, values).fetchall()


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute(_LAYOUT)
    return connection


def _row(task: Task, owner: str) -> tuple[str | None, ...]:
    parts: dict[str, Any] = MessageToDict(task)
    at = task.status.timestamp.ToDatetime() if task.status.HasField("timestamp") else None
    return (
        task.id,
        task.context_id,
        owner,
        at.isoformat(" ", "microseconds") if at else None,
        *(
            _json(parts.get(name, empty))
            for name, empty in (("status", {}), ("artifacts", []), ("history", []))
        ),
        _json(parts["metadata"]) if "metadata" in parts else None,
    )


def _task(row: tuple[Any, ...]) -> Task:
    task_id, context_id, *stored = row
    names = ("status", "artifacts", "history", "metadata")
    parts = {name: json.loads(text) for name, text in zip(names, stored, strict=True) if text}
    told = {"id": task_id, "contextId": context_id, **{name: part for name, part in parts.items() if part}}
    task: Task = ParseDict(told, Task())
    return task


def _json(value: Any) -> str:
    return json.dumps(value)
