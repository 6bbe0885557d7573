"""Tasks in a PostgreSQL database that several servers share: who works on which, who used an approval up, who is gone.

A server holds an advisory lock for each task that it works on; the database lets go of it when the server's
connection ends, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
from a2a.server.context import ServerCallContext
from a2a.server.tasks.database_task_store import DatabaseTaskStore
from a2a.types import Task, TaskState, TaskStatus
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from agents.kernel.event import Event
from agents.kernel.purpose import purpose_of
from agents.log import EventLog, StoredEvent
from agents.protocol.access import NAMELESS
from agents.protocol.shared_state import KINDS, SharedState
from agents.protocol.store import TaskKeeper
from agents.protocol.wire import ENDED, WAITING, status_message
from inventory.errors import NOT_COMPLETED, UserError
from inventory.pulse_session import errors, open_session, words

if TYPE_CHECKING:
    from inventory.target import Target

logger = logging.getLogger(__name__)
T = TypeVar("T")

CONNECT_LIMIT_S = 5.0
SWEEP_S = 2.0
"""Between two looks for tasks whose server is gone; such a look is one indexed statement."""
FOLLOW_S = 0.3
CLAIM_LIMIT_S = 15.0
CHANNEL = "helpdesk_cancel"
_SEED = 0x68647475
_SETTINGS = {
    "application_name": "helpdesk/tasks",
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "10000",
    # A host that vanishes keeps its locks until the database has noticed.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_BUSY = ("TASK_STATE_SUBMITTED", "TASK_STATE_WORKING")
_CLAIMS = (
    "CREATE TABLE IF NOT EXISTS helpdesk_claims (approval text PRIMARY KEY, task text NOT NULL,"
    " event text NOT NULL, finished boolean NOT NULL DEFAULT false, at timestamptz NOT NULL DEFAULT now())"
)


class SharedKeeper(TaskKeeper):
    """The shared tasks, as one of the servers keeps them."""

    shared = True

    def __init__(self, target: Target) -> None:
        self._target = target
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: open_session(target, CONNECT_LIMIT_S, _SETTINGS),
            pool_pre_ping=True,
        )
        self._tasks = DatabaseTaskStore(engine, owner_resolver=_owner)
        super().__init__(self._tasks)
        self._engine = engine
        self.state = SharedState(engine)
        self._locks: asyncpg.Connection | None = None
        self._locking = asyncio.Lock()
        self._mine: set[str] = set()
        self._on_cancel: Callable[[str], None] = lambda _: None

    async def open(self, on_cancel: Callable[[str], None]) -> None:
        """Make the tables where they are missing; `on_cancel` gets tasks of ours that another server was asked to cancel.

        Raises UserError (exit 3) where the database does not let us.
        """
        self._on_cancel = on_cancel
        try:
            async with self._lock_session() as session:
                await session.execute("SELECT pg_advisory_lock($1)", _SEED)
                try:
                    await self._tasks.initialize()
                    async with self._engine.begin() as connection:
                        await connection.execute(text(_CLAIMS))
                        await self.state.open(connection)
                finally:
                    await session.execute("SELECT pg_advisory_unlock($1)", _SEED)
        except _troubles() as error:
            raise UserError(
                f"the task store {self._target.address()} cannot be used: {words(error)}", NOT_COMPLETED
            ) from error

    async def take(self, task_id: str) -> bool:
        async with self._lock_session() as session:
            if task_id in self._mine or not await _try_lock(session, task_id):
                return False
            self._mine.add(task_id)
            return True

    async def let_go(self, task_id: str) -> None:
        self._mine.discard(task_id)
        async with self._lock_session() as session:
            await session.execute("SELECT pg_advisory_unlock(hashtextextended($1, $2))", task_id, _SEED)

    async def elsewhere(self, task_id: str) -> bool:
        if task_id in self._mine:
            return False
        async with self._lock_session() as session:
            if not await _try_lock(session, task_id):
                return True
            await session.execute("SELECT pg_advisory_unlock(hashtextextended($1, $2))", task_id, _SEED)
        return False

    async def cancel_elsewhere(self, task_id: str) -> None:
        async with self._lock_session() as session:
            await session.execute("SELECT pg_notify($1, $2)", CHANNEL, task_id)

    async def follow(self, task_id: str, context: ServerCallContext) -> AsyncIterator[Task]:
        """The task now, and once more when it has ended or waits; what happens in between is not shared."""
        state: int | None = None
        while (task := await self.get(task_id, context)) is not None:
            if task.status.state != state:
                state = task.status.state
                yield task
            if state in ENDED | WAITING:
                return
            await asyncio.sleep(FOLLOW_S)

    async def claim(self, approval_id: str, started: Event) -> bool:
        """Use up an approval for every server; False where it was used."""
        async with self._engine.begin() as connection:
            used = await connection.execute(
                text(
                    "INSERT INTO helpdesk_claims (approval, task, event) VALUES (:approval, :task, :event)"
                    " ON CONFLICT DO NOTHING RETURNING approval"
                ),
                {"approval": approval_id, "task": started.task, "event": json.dumps(started.to_json())},
            )
            return used.first() is not None

    async def finish(self, approval_id: str) -> None:
        """Note that the end of the action is known."""
        async with self._engine.begin() as connection:
            await connection.execute(
                text("UPDATE helpdesk_claims SET finished = true WHERE approval = :approval"),
                {"approval": approval_id},
            )

    async def fail(self, events: Iterable[Event]) -> None:
        """Fail tasks that this server left behind, unless another one has taken them over since."""
        for event in events:
            await self._fail_orphan(event.task, event.session, partial(_settled, event))

    async def sweep(self, log: EventLog) -> None:
        """Look for tasks whose server is gone, until cancelled; they fail, and a started action is in doubt."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                for task_id, session in await self._busy():
                    await self._fail_orphan(task_id, session, lambda row: _tell(log, *row))
            except _troubles():
                logger.exception("the task store cannot be looked through")

    async def close(self) -> None:
        if self._locks is not None:
            with suppress(*errors(), TimeoutError):
                await self._locks.close(timeout=1.0)
        await self._engine.dispose()

    async def _busy(self) -> list[tuple[str, str]]:
        async with self._engine.connect() as connection:
            rows = await connection.execute(
                text("SELECT id, context_id FROM tasks WHERE status->>'state' = ANY(:busy)"),
                {"busy": list(_BUSY)},
            )
            return [(row[0], row[1]) for row in rows if row[0] not in self._mine]

    async def _fail_orphan(
        self,
        task_id: str,
        session: str,
        tell: Callable[[tuple[str, str, str | None]], Awaitable[list[Event]]],
    ) -> None:
        if not await self.take(task_id):
            return
        try:
            row = await self._left(task_id)
            if row is None:
                return
            events = await tell((task_id, session, row))
            status = TaskStatus(
                state=TaskState.TASK_STATE_FAILED,
                message=status_message(task_id, session, events, str(events[-1].body["text"])),
            )
            status.timestamp.GetCurrentTime()
            async with self._engine.begin() as connection:
                await connection.execute(
                    text("UPDATE tasks SET status = CAST(:status AS json) WHERE id = :id"),
                    {"status": json.dumps(MessageToDict(status)), "id": task_id},
                )
        finally:
            await self.let_go(task_id)

    async def _left(self, task_id: str) -> str | None:
        """The `action.started` of an unfinished action of a task that still counts as busy, or ""; None where it is not busy."""
        async with self._engine.connect() as connection:
            found = await connection.execute(
                text(
                    "SELECT (SELECT event FROM helpdesk_claims WHERE task = tasks.id AND NOT finished"
                    " ORDER BY at DESC LIMIT 1) FROM tasks WHERE id = :id AND status->>'state' = ANY(:busy)"
                ),
                {"id": task_id, "busy": list(_BUSY)},
            )
            row = found.first()
            return None if row is None else str(row[0] or "")

    @contextlib.asynccontextmanager
    async def _lock_session(self) -> AsyncIterator[Any]:
        """The session that holds our locks; after a break a new one, with the same locks."""
        async with self._locking:
            if self._locks is None or self._locks.is_closed():
                self._locks = await open_session(self._target, CONNECT_LIMIT_S, _SETTINGS)
                for task_id in self._mine:
                    if not await _try_lock(self._locks, task_id):
                        logger.error("task %s was taken over while the task store was away", task_id)
                await self._locks.add_listener(CHANNEL, self._asked_to_cancel)
            yield self._locks

    def _asked_to_cancel(self, _connection: object, _pid: int, _channel: str, task_id: object) -> None:
        if str(task_id) in self._mine:
            self._on_cancel(str(task_id))


class SharedLog(EventLog):
    """The log of one server, whose approvals are used up for all of them."""

    keeper: SharedKeeper
    loop: asyncio.AbstractEventLoop

    def claim(self, approval_id: str, started: Event) -> bool:
        used = self._wait(self.keeper.claim(approval_id, started)) and super().claim(approval_id, started)
        if used and started.kind in KINDS:
            self._wait(self.keeper.state.remember((started,)))
        return used

    def append(self, *events: Event) -> list[Any]:
        stored = super().append(*events)
        if changing := [event for event in events if event.kind in KINDS]:
            # In the record first: what fails here holds nowhere.
            self._wait(self.keeper.state.remember(changing))
        for event in events:
            if event.kind in ("action.finished", "action.in_doubt"):
                finish = self.keeper.finish(str(event.body["approval"]))
                asyncio.run_coroutine_threadsafe(finish, self.loop).add_done_callback(_note)
        return stored

    def events(self, session: str, after_seq: int = 0, kinds: Sequence[str] = ()) -> list[StoredEvent]:
        """As every log; what is unlocked and granted in a session is what all servers recorded of it."""
        if kinds and KINDS.issuperset(kinds) and not after_seq:
            return self._wait(self.keeper.state.recall(session, kinds))
        return super().events(session, after_seq, kinds)

    def _wait(self, asked: Coroutine[Any, Any, T]) -> T:
        """Have it done on the server's loop; called from other threads alone."""
        return asyncio.run_coroutine_threadsafe(asked, self.loop).result(CLAIM_LIMIT_S)


def _note(done: Any) -> None:
    if error := done.exception():
        logger.error("the end of an action was not noted in the task store: %r", error)


def _troubles() -> tuple[type[Exception], ...]:
    return (*errors(), SQLAlchemyError)


async def _settled(event: Event, _: object) -> list[Event]:
    return [event]


def _owner(context: ServerCallContext) -> str:
    """The house, whatever the user is called that a server runs as."""
    return NAMELESS if context.user.user_name == NAMELESS else "house"


async def _tell(log: EventLog, task_id: str, session: str, started: str | None) -> list[Event]:
    """Record what is left of a task whose server is gone."""
    events: list[Event] = []
    agent = target = ""
    purpose, note = await asyncio.to_thread(purpose_of, log, session)
    said = {"purpose": purpose, "purpose_note": note}
    if started:
        action = Event.from_json(json.loads(started))
        agent, target = action.agent, action.target
        reason = f"{action.body['tool']}: its server ended between start and result; look before you do anything again"
        body = {"approval": action.body["approval"], "reason": reason}
        events.append(
            Event("action.in_doubt", session, body, f"agent:{agent}", task_id, agent, target, **said)
        )
    text_ = "the server that worked on it is gone; ask again"
    if started:
        text_ = (
            "the server that acted is gone, and the end of its action is in doubt; look before you ask again"
        )
    body = {"state": "failed", "text": text_}
    principal = f"agent:{agent}" if agent else "helpdesk"
    events.append(Event("task", session, body, principal, task_id, agent, target, **said))
    await asyncio.to_thread(log.append, *events)
    return events


async def _try_lock(session: Any, task_id: str) -> bool:
    return bool(
        await session.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, $2))", task_id, _SEED)
    )


async def open_shared(name: str) -> tuple[SharedKeeper, SharedLog]:
    """The task store in the PostgreSQL `name` (inventory name or DSN), and a log that shares its claims.

    Raises UserError where there is no such database.
    """
    from inventory.registry import load, resolve

    target = await asyncio.to_thread(lambda: resolve(name, load()))
    keeper = SharedKeeper(target)
    log = await asyncio.to_thread(SharedLog.open)
    log.keeper, log.loop = keeper, asyncio.get_running_loop()
    return keeper, log
