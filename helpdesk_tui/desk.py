"""The desk: what the operator wants done, carried to the experts; all that comes of it goes through the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from agents.kernel.event import Event
from helpdesk_tui.crash import record_crash
from helpdesk_tui.experts import Experts
from helpdesk_tui.governing import Governing
from helpdesk_tui.messages import Decided
from helpdesk_tui.session import Feed
from helpdesk_tui.views import Views
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.kernel.recorder import Item
    from inventory.registry import Inventory
    from inventory.target import Target

EXPERT = "database"
"""The one expert that questions are routed to."""


class Desk:
    """Questions, remedies, decisions and targets of one session. It never touches a widget."""

    def __init__(
        self,
        feed: Feed,
        views: Views,
        experts: Sequence[str],
        *,
        thresholds: Mapping[str, Any],
        model: bool = True,
        on_text: Callable[[str], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        """`model`: whether a model may answer, where one is set up. `on_text` gets text as it is streamed; `on_trouble` a line for the operator."""
        self.targets: dict[str, Target] = {}
        self._feed = feed
        self._views = views
        self._thresholds = thresholds
        self._model = model
        self._on_text = on_text
        self._on_trouble = on_trouble
        self._experts = Experts(experts, self._expert_state)
        self._one_question = asyncio.Lock()
        self.governing = Governing(feed, views, self._experts, self._see_through, on_trouble)

    async def run(self, first_question: str = "") -> None:
        """Start the experts and ask the first question; they are restarted when they die."""
        try:
            await self._experts.start(self.targets.values())
        except UserError as error:
            self._on_trouble(str(error))
            return
        if first_question:
            await self.ask(first_question)

    async def stop(self) -> None:
        """Stop the experts."""
        await self._experts.stop()

    # targets

    async def know_targets(
        self, events: Sequence[Event], target: Target | None, inventory: Inventory | None
    ) -> None:
        """Know the inventory's targets, the one given, and those the session worked on.

        Raises UserError where the inventory file cannot be read.
        """
        known = await asyncio.to_thread(_load) if inventory is None else inventory
        self.targets = dict(known.targets)
        for warning in known.warnings:
            self._on_trouble(warning)
        chosen = [event for event in events if event.kind in {"session.opened", "target.selected"}]
        for described in (event.body.get("target") for event in chosen):
            if described and described["name"] not in self.targets:
                self.targets[described["name"]] = _again(described)
        if target is not None:
            self.targets[target.name] = target
            last = next(
                (event.body["target"] for event in reversed(chosen) if event.body.get("target")), None
            )
            if last != target.describe():
                await self._selected(target)

    async def select(self, name: str) -> None:
        """Work on this target from now on."""
        if name in self.targets and name != self._views.target.name:
            await self._selected(self.targets[name])

    async def _selected(self, target: Target) -> None:
        body = {"target": target.describe(), "server": {}}
        await self._feed.append(self._feed.event("target.selected", body, target=target.name))

    # questions

    def ready_to_ask(self) -> bool:
        """True where there is a target to ask about; else the operator is told what is missing."""
        if not self._views.target.name:
            self._on_trouble("choose a target first: inventory (F4), Enter")
        return bool(self._views.target.name)

    async def ask(self, text: str) -> None:
        """Ask the expert that this is for, and see it through to the end or to an approval."""
        why = "the expert for databases"
        request = {"kind": "ask", "thresholds": dict(self._thresholds), "model": self._model}
        await self._ask(text, request, self._views.target.name, why)

    async def request_remedy(self, number: int) -> None:
        """Ask for a remedy of the last conclusion: the expert looks at what it would hit, and asks for approval."""
        remedies = self._views.chat.remedies
        if not 1 <= number <= len(remedies):
            return
        choice = remedies[number - 1]
        request = {
            "kind": "remedy", "finding": choice.finding, "tool": choice.tool, "arguments": dict(choice.arguments)
        }  # fmt: skip
        conclusion = self._views.chat.conclusion
        target = conclusion.target if conclusion and conclusion.target else self._views.target.name
        await self._ask(
            f"Remedy {number}, {choice.tool}: {choice.why}",
            request,
            target,
            f"remedy of finding {choice.finding}",
        )

    async def _ask(self, text: str, request: Mapping[str, Any], target: str, why: str) -> None:
        message = {"role": "operator", "text": text, "request": dict(request)}
        await self._feed.append(
            self._feed.event("message", message, target=target),
            self._feed.event("route", {"agent": EXPERT, "why": why}, agent=EXPERT, target=target),
        )
        async with self._one_question:
            await self._see_through(
                partial(self._experts.ask, EXPERT, text, request, self._feed.session, target), "the question"
            )

    async def cancel(self) -> None:
        """Cancel every task that runs."""
        for task, state in list(self._views.chat.tasks.items()):
            if state in {"submitted", "working"}:
                await self._see_through(partial(self._experts.cancel, EXPERT, task), "cancelling")

    # approvals

    async def decide(self, decided: Decided) -> None:
        """Carry a decision to the task that waits for it."""
        ask = self._views.approvals.asks[decided.approval]
        arrived = await self._see_through(
            partial(self._experts.answer, ask.approval, decided), "the decision"
        )
        if not arrived:
            decided.failed(decided.approval)

    async def refresh(self, approval: str) -> None:
        """Have the victims of an approval read again."""
        ask = self._views.approvals.asks[approval]
        await self._see_through(partial(self._experts.refresh, ask.approval), "reading again")

    # what comes back

    async def _see_through(self, stream: Callable[[], AsyncIterator[Item]], what: str) -> bool:
        """Put every event of a stream into the log, text to the chat; False where it broke off."""
        try:
            async for item in stream():
                if isinstance(item, Event):
                    await self._feed.append(item)
                else:
                    self._on_text(item.text)
        except UserError as error:
            await self._note(f"{what} did not get through: {error}")
            return False
        except Exception as error:
            # Whatever goes wrong on the line to an expert, the session and the other tasks go on.
            await self._note(f"{what} did not get through: {record_crash(error)}")
            return False
        return True

    async def _note(self, text: str) -> None:
        await self._feed.append(self._feed.event("note", {"text": text}, principal="helpdesk"))

    async def _expert_state(self, state: str, text: str) -> None:
        event = self._feed.event("agent", {"state": state, "text": text}, principal="helpdesk", agent=EXPERT)
        await self._feed.append(event)


def _load() -> Inventory:
    from inventory.registry import load

    return load()


def _again(described: Mapping[str, Any]) -> Target:
    """A target that only the session knows, as it was described; its secret is not in the log."""
    from inventory.dsn import to_conninfo
    from inventory.target import Target

    parts = {"host": "host", "port": "port", "dbname": "database", "user": "user"}
    values = {key: str(described[name]) for key, name in parts.items() if described.get(name)}
    return Target.from_dsn(
        to_conninfo(values),
        name=described["name"],
        environment=str(described.get("environment") or ""),
        sensitivity=tuple(described.get("sensitivity") or ()),
        tags=tuple(described.get("tags") or ()),
    )
