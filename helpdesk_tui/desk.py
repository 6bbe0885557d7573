"""The desk: what the operator wants done, carried to the experts; all that comes of it goes through the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agents.kernel.event import Event
from helpdesk_tui.described import told_again
from helpdesk_tui.experts import Experts
from helpdesk_tui.free_sql import request_of
from helpdesk_tui.governing import Governing
from helpdesk_tui.intake import Intake
from helpdesk_tui.questions import Questions
from helpdesk_tui.roster import OnLook
from helpdesk_tui.session import Feed
from helpdesk_tui.views import Views
from helpdesk_tui.wiring import Wiring
from inventory.errors import UserError

if TYPE_CHECKING:
    from inventory.registry import Inventory
    from inventory.target import Target

SQL_EXPERT = "database"
ALONE = "the expert for databases"
"""Why a question goes where it goes, where there is but one agent."""


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
        token: str | None = None,
        on_text: Callable[[str, str], None],
        on_look: OnLook,
        on_trouble: Callable[[str], None],
    ) -> None:
        """`model`: whether a model may answer, where one is set up. `token` says who asks and decides, where
        it is not the user of this account. `on_text` gets an agent and text of it as
        it is streamed; `on_look` every look at an agent, or the name of one that is known no more;
        `on_trouble` a line for the operator."""
        self.targets: dict[str, Target] = {}
        self._feed = feed
        self._views = views
        self._thresholds = thresholds
        self._model = model
        self._on_trouble = on_trouble
        self._begun = asyncio.Event()
        self._experts = Experts(experts, self._expert_state, token)
        wiring = Wiring(feed, views, self._experts, Intake(feed, on_text), on_trouble)
        self.questions = Questions(wiring, inventory=lambda: self.targets, on_look=on_look)
        self.governing = Governing(wiring)

    async def run(self, first_question: str = "") -> None:
        """Start the experts and ask the first question; they are restarted when they die."""
        self._experts.open(self._feed.log)
        self.begin()
        elsewhere = asyncio.ensure_future(self.questions.roster.reload())
        try:
            await self._experts.start(self.targets.values())
        except UserError as error:
            self._on_trouble(str(error))
        await elsewhere
        if first_question and self._experts.up:
            await self.ask(first_question)

    def begin(self) -> None:
        """The session is open: what is asked is carried out from now on."""
        self._begun.set()

    async def stop(self) -> None:
        """Stop the experts."""
        self.questions.stop()
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
        for line in (*known.warnings, *await asyncio.to_thread(_warnings)):
            self._on_trouble(line)
        chosen = [event for event in events if event.kind in {"session.opened", "target.selected"}]
        for described in (event.body.get("target") for event in chosen):
            if described and described.get("name") not in self.targets:
                self._know(described)
        if target is not None:
            self.targets[target.name] = target
            last = next(
                (event.body["target"] for event in reversed(chosen) if event.body.get("target")), None
            )
            if last != target.describe():
                await self._selected(target)

    def _know(self, described: Mapping[str, Any]) -> None:
        """Know a target as the log describes it; one that cannot be is told of, and the session goes on."""
        try:
            target = told_again(described)
        except UserError as error:
            self._on_trouble(str(error))
        else:
            self.targets[target.name] = target

    async def select(self, name: str) -> None:
        """Work on this target from now on."""
        if name in self.targets and name != self._views.target.name:
            await self._selected(self.targets[name])

    async def _selected(self, target: Target) -> None:
        body = {"target": target.describe(), "server": {}}
        await self._feed.append(self._feed.event("target.selected", body, target=target.name))

    # questions

    async def ask(self, text: str) -> bool:
        """Ask the agent that this is for, and see it through to its end, or until it waits; False where it cannot be asked."""
        await self._begun.wait()
        request = {"kind": "ask", "thresholds": dict(self._thresholds), "model": self._model}
        return await self.questions.ask(text, request, ALONE)

    async def run_sql(self, text: str) -> bool:
        """Run the statement of `/sql …` on the target; False where it cannot be run, which is said."""
        request, target = request_of(text), self._views.target.name
        if not target or not request["arguments"]["statement"]:
            self._on_trouble(
                "/sql needs " + ("a statement behind it" if target else "a target: inventory (F4), Enter")
            )
            return False
        await self.questions.order(
            text, request, target, SQL_EXPERT, "SQL typed by hand: read-only, within limits"
        )
        return True

    async def request_remedy(self, number: int) -> None:
        """Ask for a remedy of the last conclusion: the expert looks at what it would hit, and asks for approval."""
        remedies, conclusion = self._views.chat.remedies, self._views.chat.conclusion
        if conclusion is None or not 1 <= number <= len(remedies):
            return
        choice = remedies[number - 1]
        request = {
            "kind": "remedy", "finding": choice.finding, "tool": choice.tool, "arguments": dict(choice.arguments)
        }  # fmt: skip
        text, why = f"Remedy {number}, {choice.tool}: {choice.why}", f"remedy of finding {choice.finding}"
        target = conclusion.target or self._views.target.name
        await self.questions.order(text, request, target, conclusion.agent, why)

    # the local experts

    async def _expert_state(self, state: str, text: str) -> None:
        event = self._feed.event("agent", {"state": state, "text": text}, principal="helpdesk")
        await self._feed.append(event)
        if state in {"up", "restarted"}:
            await self.questions.roster.local_up()
        elif state == "down":
            await self.questions.roster.watch.local_down(text)


def _warnings() -> list[str]:
    from inventory.literal_secrets import warning

    return [line] if (line := warning()) else []


def _load() -> Inventory:
    from inventory.registry import load

    return load()
