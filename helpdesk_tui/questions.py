"""Questions on their way: routed, sent, answered back, taught to go elsewhere, cancelled."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from agents.kernel.event import Event
from helpdesk_tui.intake import End
from helpdesk_tui.keeping import Keeping
from helpdesk_tui.pending import RUNNING, Asked
from helpdesk_tui.roster import OnLook, Roster
from helpdesk_tui.routing import Routing, called, cards_of
from helpdesk_tui.wiring import Wiring
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.router import Route

CANCEL_SAID_S = 0.9
"""After this long the operator is told that the agent has not confirmed yet: a cancel shows within a second."""
GIVEN_UP = "given up by the operator"


class Questions:
    """Everything between the prompt and an agent's answer. It never touches a widget."""

    def __init__(self, wiring: Wiring, *, inventory: Callable[[], Iterable[str]], on_look: OnLook) -> None:
        """`inventory`: the names in it, which tell the router what a question is about; `on_look` as in Roster."""
        self._feed = wiring.feed
        self._views = wiring.views
        self._experts = wiring.experts
        self._intake = wiring.intake
        self._on_trouble = wiring.on_trouble
        self._inventory = inventory
        self._routing = Routing()
        self._keeping = Keeping(wiring)
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.roster = Roster(
            self._feed, self._experts, on_look=on_look, on_lost=self._keeping.lost,
            on_back=self._keeping.back, on_trouble=self._intake.note,
        )  # fmt: skip
        self._keeping.begin(self.roster, self._send)

    def stop(self) -> None:
        self.roster.watch.stop()
        self._keeping.stop()

    # asking

    async def ask(self, text: str, request: Mapping[str, Any], why_alone: str) -> bool:
        """Ask the agent that this is for; False where that needs a target first.

        `why_alone` is the reason where there is but one agent. Where the router abstains, the operator is asked.
        """
        try:
            route = await self._route(text, why_alone)
        except UserError as error:
            self._on_trouble(str(error))
            return False
        target = self._views.target.name
        if route.agent and not self._can_take(route.agent, target):
            return False
        asked, message = self._said(text, request, target, route.text)
        await self._feed.append(message, self._routed(asked, route.agent, route.why, route.candidates))
        if route.agent:
            await self._carry(asked, route.agent)
        return True

    async def order(self, text: str, request: Mapping[str, Any], target: str, agent: str, why: str) -> None:
        """Ask this agent for what a key stands for."""
        asked, message = self._said(text, request, target, text)
        await self._feed.append(message, self._routed(asked, agent, why))
        await self._carry(asked, agent)

    async def choose(self, agent: str) -> None:
        """Send the question that waits for an agent to this one."""
        if waits := self._views.pending.undecided:
            await self._send(waits.asked, agent, "you chose it")

    async def teach(self, agent: str) -> None:
        """The last question should have gone to `agent`: it goes there now, and such questions from now on."""
        await self.roster.reload()
        last = self._views.pending.last
        if last is None:
            self._on_trouble("there is no question yet that could go elsewhere")
        elif agent not in self.roster.names:
            self._on_trouble(f"there is no agent {agent!r}; known: {', '.join(self.roster.names)}")
        else:
            try:
                await self._routing.teach(last.text, agent)
            except UserError as error:
                self._on_trouble(str(error))
                return
            await asyncio.gather(*(self._cancel(*each) for each in self._running_of(last.id, agent)))
            await self._send(last, agent, "you said so, and such questions go there from now on")

    async def again(self, id: str) -> None:
        """Ask a kept question again, or look again at a task that waits for something elsewhere."""
        pending = self._views.pending
        if kept := pending.kept.get(id):
            await self._send(kept.asked, kept.agent, "asked again")
        elif waits := pending.questions.get(id):
            await self._keeping.resume(waits.agent, waits.task, waits.target)

    async def drop(self) -> None:
        """Let go of a question that waits for an agent, or was kept for one."""
        pending = self._views.pending
        waits = pending.undecided or next(reversed(pending.kept.values()), None)
        if waits is not None:
            self._keeping.forget(waits.asked)
            body = {"state": "dropped", "question": waits.asked.id, "why": ""}
            await self._feed.append(self._feed.event("question", body))

    async def reply(self, task: str, text: str) -> None:
        """Answer the plain question of a task."""
        asked = self._views.pending.questions.get(task)
        if asked is None:
            self._on_trouble("the agent does not wait for that answer any more")
            return
        message = {"role": "operator", "text": text, "answers": task}
        where = {"task": task, "agent": asked.agent, "target": asked.target}
        await self._feed.append(self._feed.event("message", message, **where))
        stream = partial(self._experts.reply, asked.agent, task, self._feed.session, text, asked.target)
        await self._intake.take_or_say(asked.agent, stream, "the answer", {"question": task})

    async def cancel(self) -> None:
        """Cancel every task that runs, wherever it does; wait no more for what has not become a task yet."""
        open_ = self._views.pending.open_tasks.items()
        running = [(agent, task) for task, (agent, _, state) in open_ if state in RUNNING]
        for agent in self._views.pending.sent:
            self._intake.give_up(agent, GIVEN_UP)
        await asyncio.gather(*(self._cancel(*each) for each in running))

    # on the way

    async def _route(self, text: str, why_alone: str) -> Route:
        from agents.router import Route

        await self.roster.reload()
        agents = self.roster.names
        if len(agents) == 1 and not called(text):
            return Route(agents[0], why_alone, text)
        await self.roster.settled()
        cards = cards_of(self.roster.watch.seen)
        route = await self._routing.route(text, self.roster.names, cards, self._inventory())
        if self._routing.fault:
            self._on_trouble(self._routing.fault)
        return route

    def _can_take(self, agent: str, target: str) -> bool:
        if not target and not self.roster.remote(agent):
            self._on_trouble("choose a target first: inventory (F4), Enter")
            return False
        return True

    def _said(self, text: str, request: Mapping[str, Any], target: str, sent: str) -> tuple[Asked, Event]:
        body = {"role": "operator", "text": text, "request": dict(request)}
        message = self._feed.event("message", body, target=target)
        return Asked(message.id, sent, request, target), message

    def _routed(self, asked: Asked, agent: str, why: str, candidates: tuple[str, ...] = ()) -> Event:
        body: dict[str, Any] = {"agent": agent, "why": why, "question": asked.id, "asked": asked.text}
        if not agent:
            body["candidates"] = list(candidates)
        return self._feed.event("route", body, agent=agent, target=asked.target)

    async def _send(self, asked: Asked, agent: str, why: str) -> None:
        asked = asked if asked.target else Asked(asked.id, asked.text, asked.request, self._views.target.name)
        if self._can_take(agent, asked.target):
            self._keeping.forget(asked)
            await self._feed.append(self._routed(asked, agent, why))
            await self._carry(asked, agent)

    async def _carry(self, asked: Asked, agent: str) -> None:
        """See a question through until its task ends or waits; one after the other for each agent."""
        session = self._feed.session
        stream = partial(self._experts.ask, agent, asked.text, asked.request, session, asked.target)
        async with self._turns[agent]:
            taken = await self._intake.take(agent, stream)
        if taken.why == GIVEN_UP:
            await self._intake.note(
                f"{agent} is not waited for any more; it may still go on", {"asked": asked.id}
            )
        elif taken.end is End.LOST:
            await self._keeping.keep(asked, agent, taken.task, taken.why)
        elif taken.end is not End.THROUGH:
            await self._intake.note(f"the question did not get through: {taken.why}", {"asked": asked.id})

    def _running_of(self, question: str, but: str) -> list[tuple[str, str]]:
        """Running tasks of a question, at other agents than `but`."""
        pending = self._views.pending
        return [
            (agent, task)
            for task, (agent, _, state) in pending.open_tasks.items()
            if state in RUNNING and agent != but
            if (asked := pending.question_of(task)) and asked.id == question
        ]

    async def _cancel(self, agent: str, task: str) -> None:
        asking = partial(self._experts.cancel, agent, task)
        cancelling = asyncio.ensure_future(self._intake.take_or_say(agent, asking, "cancelling"))
        done, _ = await asyncio.wait({cancelling}, timeout=CANCEL_SAID_S)
        if not done:
            await self._intake.note(f"{agent} was asked to cancel, and has not said yet that it did")
        await cancelling
