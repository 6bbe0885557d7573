"""From A2A to an expert and back: one call of `execute` for a question, another one for each answer to an approval."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from a2a.server.agent_execution import RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Message, Role, Task, TaskState, TaskStatus

from agents.governance.approval import Approval
from agents.kernel.event import Event
from agents.kernel.executor import Executor, Parked, Settled
from agents.kernel.expert import Expert, GoesOn, Question, Work
from agents.kernel.purpose import purpose_of
from agents.kernel.recorded import one_line
from agents.kernel.recorder import Item, Recorder, nobody
from agents.kernel.tool import InputRequired, Refused
from agents.log import EventLog
from agents.protocol.answering import Answering
from agents.protocol.purposes import purpose_with
from agents.protocol.requests import Worker
from agents.protocol.store import TaskKeeper
from agents.protocol.wire import (
    ENDED,
    WAITING,
    approval_message,
    items_of,
    messages_of,
    question_message,
    question_of,
    status_message,
    text_of,
    text_part,
)
from inventory.errors import BAD_INPUT, UserError

logger = logging.getLogger(__name__)

CANCEL_LIMIT_S = 0.7
"""How long a cancelled expert may take to let go of its statements; the operator sees the end within a second."""
STORED_STEPS = 30
STORED_STEP_S = 0.01


STATES_OF_END = ("completed", "failed", "canceled", "rejected")


class _Cancelled(Exception):
    """The task was cancelled before it came to its own end."""


@dataclass(eq=False)
class _Run:
    """One call of `execute`."""

    updater: TaskUpdater
    recorder: Recorder
    message: Message
    by: str
    """The authenticated caller."""
    context: ServerCallContext
    work: Work | None = None
    task: asyncio.Task[None] | None = None
    said: str = ""
    canceled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the end of a cancelled task is on its way; a stream that ended before would miss it."""
    ended: bool = False
    """True once the task came to its own end, which a cancel does not change any more."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(self, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, Event) and item.kind in ("message", "conclusion", "model.concluded"):
                self.said = f"{self.said}\n\n{item.body['text']}".strip()
        message = status_message(self.recorder.task, self.recorder.session, items)
        await self.updater.update_status(TaskState.TASK_STATE_WORKING, message)


class ExpertBridge(Worker):
    """Runs one expert's tasks; everything that happens is recorded, and then streamed as status updates."""

    def __init__(
        self, expert: Expert, executor: Executor, log: EventLog, store: TaskKeeper, process: str
    ) -> None:
        """`process` is the mark of this process, for others to see whether it still runs."""
        self.expert = expert
        self._store = store
        self._executor = executor
        self._log = log
        self._process = process
        self._answering = Answering(executor, log)
        self._runs: dict[str, _Run] = {}
        self._cancelled: set[str] = set()
        self._letting_go: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return self.expert.name

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Answer one message. Returns when the task ended, or when it waits for a decision."""
        current = context.current_task
        if current is not None and current.status.state in ENDED:
            # A message that was sent while the task still ran must not run it again.
            return
        run = await self._run(context, event_queue)
        task_id = run.recorder.task
        if not await self._store.take(task_id):
            # Another server has just begun with the same answer.
            return
        self._runs[task_id] = run
        try:
            if current is not None and not await self._taken_over(context, current):
                return
            await self._begin(run, current is None, event_queue)
            if self.cancelled(task_id):
                await run.canceled.wait()
                return
            async with run.recorder:
                answered = current if current is not None and current.status.state in WAITING else None
                run.task = asyncio.create_task(self._answer(run, answered) if answered else self._ask(run))
                await self._outcome(run)
        finally:
            del self._runs[task_id]
            run.over.set()
            if self._store.shared:
                self._letting_go.add(letting := asyncio.create_task(self._let_go_stored(context)))
                letting.add_done_callback(self._letting_go.discard)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Stop the expert, make waiting approvals void, and end the task."""
        assert context.task_id is not None and context.context_id is not None
        run = self._runs.get(context.task_id)
        if run is not None and run.task is not None and run.task.done():
            await run.over.wait()
            if run.ended:
                return await self._stored(context)
            run = None
        if run is None and await asyncio.to_thread(self._ended, context.task_id, context.context_id):
            return await self._stored(context)
        self._cancelled.add(context.task_id)
        try:
            if run is not None:
                await _let_go(run)
            message = await self.close_cancelled(context.task_id, context.context_id)
            await TaskUpdater(event_queue, context.task_id, context.context_id).cancel(message)
        finally:
            if run is not None:
                run.canceled.set()
        await self._stored(context)

    def _ended(self, task_id: str, session: str) -> bool:
        """Whether the log has an end of the task, which the SDK may not have heard of yet."""
        told = [one.event for one in self._log.events(session, kinds=("task",)) if one.event.task == task_id]
        return bool(told) and told[-1].body["state"] in STATES_OF_END

    async def _taken_over(self, context: RequestContext, current: Task) -> bool:
        """Whether the task still waits; what another server recorded of it becomes known here."""
        if not self._store.shared:
            return True
        stored = await self._store.get(current.id, context.call_context)
        if stored is None or stored.status.state not in WAITING:
            return False
        events = [item for m in messages_of(stored) for item in items_of(m) if isinstance(item, Event)]
        await asyncio.to_thread(self._log.append, *events)
        return True

    async def _let_go_stored(self, context: RequestContext) -> None:
        """Another server may take the task on once its new state is stored."""
        assert context.task_id is not None
        before = context.current_task.status.message.message_id if context.current_task else ""
        for _ in range(STORED_STEPS * 10):
            task = await self._store.get(context.task_id, context.call_context)
            rests = task is None or task.status.state in WAITING | ENDED
            if rests and (task is None or not before or task.status.message.message_id != before):
                break
            await asyncio.sleep(STORED_STEP_S)
        if context.task_id not in self._runs:
            await self._store.let_go(context.task_id)

    def caller(self, task_id: str) -> ServerCallContext:
        """The one for whom a task is worked on."""
        return self._runs[task_id].context

    def busy(self, task_id: str) -> bool:
        """Whether the task is being worked on right now, whatever its stored state says yet."""
        return task_id in self._runs

    def cancelled(self, task_id: str) -> bool:
        """Whether `cancel` has seen this task."""
        return task_id in self._cancelled

    async def cancel_refusal(self, task_id: str, by: str) -> str:
        """Why `by` may not cancel the task; empty where it may."""
        return await self._answering.cancel_refusal(task_id, by)

    async def close_cancelled(self, task_id: str, session: str) -> Message:
        """Record that the task was cancelled; the events as a message for whoever asked."""
        said = await asyncio.to_thread(purpose_of, self._log, session)
        events = await self._answering.cancelled(self._recorder(task_id, session, "", "", said))
        return status_message(task_id, session, events, str(events[-1].body["text"]))

    async def _stored(self, context: RequestContext) -> None:
        """The SDK closes the streams when we return: wait until the end has got through to them."""
        assert context.task_id is not None
        for _ in range(STORED_STEPS):
            task = await self._store.get(context.task_id, context.call_context)
            if task is None or task.status.state in ENDED:
                return
            await asyncio.sleep(STORED_STEP_S)

    async def close(self) -> None:
        """Wait for actions under way and let the expert go."""
        await self._executor.close()
        await asyncio.gather(*self._letting_go)
        await self.expert.close()

    async def _run(self, context: RequestContext, event_queue: EventQueue) -> _Run:
        assert context.task_id and context.context_id and context.message
        target = await self._target(context.message, context.current_task)
        caller = context.call_context.user.user_name
        about = (context.message, self._log, self._executor, context.context_id, target, caller)
        said = await asyncio.to_thread(purpose_with, *about)
        recorder = self._recorder(context.task_id, context.context_id, target, caller, said)
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        return _Run(updater, recorder, context.message, caller, context.call_context)

    async def _begin(self, run: _Run, new: bool, event_queue: EventQueue) -> None:
        """Mark the task as worked on, in the log first; send the task, with which every new stream begins."""
        body = {"state": "working", "text": "", "process": self._process, "by": run.by}
        working = run.recorder.event("task", body)
        await asyncio.to_thread(self._log.append, working)
        if new:
            await event_queue.enqueue_event(_new_task(run.message))
        run.recorder.sink = run.stream
        await run.recorder.passed(working)

    async def _ask(self, run: _Run) -> None:
        recorder = run.recorder
        if (answer := await self._answering.ordered(run.message, recorder)) is not None:
            recorder.emit("message", {"role": "agent", "text": answer.text})
            return
        await self._put(run, question_of(run.message))

    async def _answer(self, run: _Run, current: Task) -> None:
        if await self._answering.asked_plainly(run.recorder):
            await self._put(run, question_of(_opening(current)), text_of(run.message))
            return
        answer = await self._answering.answer(run.message, run.by, run.recorder)
        if answer.text:
            run.recorder.emit("message", {"role": "agent", "text": answer.text})
        if answer.waiting is not None:
            raise Parked(answer.waiting)
        await self._go_on(run, current, answer.text)

    async def _go_on(self, run: _Run, current: Task, outcome: str) -> None:
        """Let the expert go on after a decision: for the one who asked, whoever decided."""
        asked_by = await self._answering.asked_by(current.id)
        if asked_by and isinstance(self.expert, GoesOn):
            run.recorder.caller = asked_by
            work = self._working(run, question_of(_opening(current)))
            await self.expert.go_on(work.question, outcome, work)

    async def _put(self, run: _Run, asked: tuple[str, Mapping[str, Any], str], reply: str = "") -> None:
        """Put a question to the expert, anew or with the reply to what it asked back."""
        work = self._working(run, asked, reply)
        await self.expert.answer(work.question, work)

    def _working(self, run: _Run, asked: tuple[str, Mapping[str, Any], str], reply: str = "") -> Work:
        question = Question(*asked, run.recorder.session, run.recorder.task, reply)
        run.work = Work(question, self._executor, run.recorder)
        return run.work

    async def _outcome(self, run: _Run) -> None:
        try:
            await self._result(run)
        except Parked as parked:
            await self._park(run, parked.approval)
        except InputRequired as required:
            await self._wait_for_reply(run, required)
        except Settled as settled:
            run.recorder.emit("message", {"role": "agent", "text": settled.answer.text})
            await self._complete(run)
        except Refused as refusal:
            run.recorder.emit("message", {"role": "agent", "text": f"Not done: {str(refusal).rstrip('.')}."})
            await self._complete(run)
        except _Cancelled:
            await run.canceled.wait()
        except UserError as error:
            # Bad input is the caller's to mend; anything else is ours.
            await self._end_badly(run, str(error), rejected=error.exit_code == BAD_INPUT)
        except Exception as error:
            logger.exception("task %s failed", run.recorder.task)
            await self._end_badly(run, one_line(error))
        else:
            await self._complete(run)

    async def _result(self, run: _Run) -> None:
        """As the expert's coroutine ends; `_Cancelled` where a cancel came first, whatever it made of that."""
        assert run.task is not None
        try:
            await run.task
        except (Exception, asyncio.CancelledError):
            if not self.cancelled(run.recorder.task):
                raise
        if self.cancelled(run.recorder.task):
            raise _Cancelled

    async def _park(self, run: _Run, approval: Approval) -> None:
        await run.recorder.commit("task", {"state": "input-required", "text": approval.preview.action})
        await run.updater.requires_input(approval_message(approval))

    async def _wait_for_reply(self, run: _Run, required: InputRequired) -> None:
        recorder = run.recorder
        body = {"state": "input-required", "text": required.text, "choices": list(required.choices)}
        await recorder.commit("task", body)
        await run.updater.requires_input(
            question_message(recorder.task, recorder.session, required.text, required.choices)
        )

    async def _complete(self, run: _Run) -> None:
        run.ended = True
        await run.recorder.commit("task", {"state": "completed", "text": ""})
        if run.said:
            await run.updater.add_artifact(
                [text_part(run.said)], artifact_id="answer", name="answer", last_chunk=True
            )
        await run.updater.complete()

    async def _end_badly(self, run: _Run, text: str, *, rejected: bool = False) -> None:
        run.ended = True
        recorder = run.recorder
        try:
            event = await recorder.commit(
                "task", {"state": "rejected" if rejected else "failed", "text": text}
            )
        except UserError as unwritable:
            # Whoever waits is told all the same: a task that the log does not take has no other end.
            text = str(unwritable)
            event = recorder.event("task", {"state": "failed", "text": text})
        message = status_message(recorder.task, recorder.session, [event], text)
        await (run.updater.reject(message) if rejected else run.updater.failed(message))

    async def _target(self, message: Message, current: Task | None) -> str:
        """The target of the question; where a task began with none, that of the approval it asked for."""
        asked = question_of(_opening(current) if current else message)
        return asked[2] or (await self._answering.target(current.id) if current else "")

    def _recorder(
        self, task_id: str, session: str, target: str, caller: str, said: tuple[str, str]
    ) -> Recorder:
        return Recorder(
            self._log,
            session=session,
            task=task_id,
            agent=self.expert.name,
            target=target,
            caller=caller,
            purpose=said[0],
            purpose_note=said[1],
        )


async def _let_go(run: _Run) -> None:
    """Cancel the expert's coroutine, and give it a moment to cancel its statements."""
    if run.work is not None:
        run.work.cancelled = True
    if run.task is not None:
        run.task.cancel()
        await asyncio.wait([run.task], timeout=CANCEL_LIMIT_S)
    await run.recorder.flush()
    # What comes later goes to the log alone: an update after the end would make the task a working one again.
    run.recorder.sink = nobody


def _opening(task: Task) -> Message:
    """The operator's message that the task began with."""
    return next((message for message in task.history if message.role == Role.ROLE_USER), Message())


def _new_task(message: Message) -> Task:
    return Task(
        id=message.task_id,
        context_id=message.context_id,
        status=TaskStatus(state=TaskState.TASK_STATE_SUBMITTED),
        history=[message],
    )
