"""Questions whose agent is lost: kept, and seen to once it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from helpdesk_tui.intake import End
from helpdesk_tui.pending import RUNNING, Asked, Kept
from helpdesk_tui.roster import Roster
from helpdesk_tui.wiring import Wiring

Send = Callable[[Asked, str, str], Awaitable[None]]
FORGOTTEN = "it is back and knows nothing of this any more"


class Keeping:
    """Loses no question: its task is listened to again, or it is asked again, or that is offered."""

    def __init__(self, wiring: Wiring) -> None:
        self._feed = wiring.feed
        self._pending = wiring.views.pending
        self._experts = wiring.experts
        self._intake = wiring.intake
        self._roster: Roster | None = None
        self._send: Send | None = None
        self._kept: dict[str, Kept] = {}
        self._asked_again: set[str] = set()
        self._recovering: set[str] = set()
        self._running: set[asyncio.Task[Any]] = set()

    def begin(self, roster: Roster, send: Send) -> None:
        """`send` asks a question again: question, agent and why."""
        self._roster, self._send = roster, send

    def stop(self) -> None:
        for task in self._running:
            task.cancel()

    async def keep(self, asked: Asked, agent: str, task: str, why: str, *, offered: bool = False) -> None:
        """Keep a question; with `offered` until the operator wants it asked again."""
        assert self._roster is not None
        body = {"state": "kept", "question": asked.id, "why": why, "offered": offered}
        kept = self._kept[asked.id] = Kept(asked, agent, task, why, offered, 0)
        await self._tell(kept, body)
        if not offered and self._roster.there(agent):
            self._spawn(self._recover(kept))

    def forget(self, asked: Asked) -> None:
        """The question is seen to in another way."""
        self._kept.pop(asked.id, None)

    async def lost(self, name: str, why: str) -> None:
        """Keep what the agent works on; what is being read is kept by whoever reads it."""
        read = self._intake.tasks(name)
        self._intake.give_up(name, why)
        for task, (agent, _, state) in list(self._pending.open_tasks.items()):
            asked = self._pending.question_of(task)
            if agent == name and state in RUNNING and task not in read and asked:
                await self.keep(asked, name, task, why)

    def back(self, name: str) -> None:
        """Listen again to the agent's tasks, and see to what was kept for it."""
        assert self._roster is not None
        if self._roster.remote(name):
            for task, (agent, target, _) in list(self._pending.open_tasks.items()):
                if agent == name and task not in self._intake.tasks(name):
                    self._spawn(self.resume(name, task, target))
        for kept in {**self._pending.kept, **self._kept}.values():
            if kept.agent == name and not kept.offered:
                self._spawn(self._recover(kept))

    async def resume(self, agent: str, task: str, target: str) -> None:
        """Listen to a task again; where the agent knows it no more, asking again is offered."""
        if await self._listen(agent, task, target) is End.REFUSED:
            asked = self._pending.question_of(task)
            if asked is not None:
                await self.keep(asked, agent, task, FORGOTTEN, offered=True)

    async def _recover(self, kept: Kept) -> None:
        """The agent is back: go on with its task, else ask again, where that can do no harm unasked."""
        self.forget(kept.asked)
        if kept.asked.id not in self._recovering:
            self._recovering.add(kept.asked.id)
            try:
                await self._go_on(kept)
            finally:
                self._recovering.discard(kept.asked.id)

    async def _go_on(self, kept: Kept) -> None:
        assert self._roster is not None and self._send is not None
        if kept.task and self._roster.remote(kept.agent):
            await self._tell(kept, {"state": "resumed", "question": kept.asked.id, "why": ""})
            if await self._listen(kept.agent, kept.task, kept.asked.target) is not End.REFUSED:
                return
        if self._roster.ours(kept.agent) and kept.asked.id not in self._asked_again:
            self._asked_again.add(kept.asked.id)
            await self._send(kept.asked, kept.agent, "it is back, asked again")
        else:
            await self.keep(kept.asked, kept.agent, kept.task, FORGOTTEN, offered=True)

    async def _listen(self, agent: str, task: str, target: str) -> End:
        assert self._roster is not None
        stream = partial(self._experts.resume, agent, task, self._feed.session, target)
        taken = await self._intake.take(agent, stream)
        asked = self._pending.question_of(task)
        if taken.end is End.LOST and asked is not None:
            # Where it answers and still cannot be listened to, the operator has to say what comes next.
            await self.keep(asked, agent, task, taken.why, offered=self._roster.there(agent))
        return taken.end

    async def _tell(self, kept: Kept, body: dict[str, Any]) -> None:
        where = {"task": kept.task, "agent": kept.agent, "target": kept.asked.target}
        await self._feed.append(self._feed.event("question", body, principal="helpdesk", **where))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # A reference is kept, or the loop may drop the task before it has run.
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
