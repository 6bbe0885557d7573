"""Which agent a question goes to: the router over the cards that are known, and what the operator taught it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.protocol.known import KnownAgent
    from agents.router import Profile, Route, Router, Taught

MOST_OFFERED = 9
"""As many as there are number keys."""


class Routing:
    """A router that is built anew when agents, names or what was taught are others."""

    def __init__(self) -> None:
        self._router: Router | None = None
        self._built_of: object = None
        self._taught: Taught | None = None
        self.fault = ""
        """Why what was taught before is not known; empty where it is."""

    async def route(
        self, text: str, agents: Sequence[str], cards: Mapping[str, Any], names: Iterable[str]
    ) -> Route:
        """Where `text` goes among `agents`, by their cards as far as they are known, and names of the inventory.

        Where it goes nowhere, all agents are candidates, the likely ones first.
        """
        router = await asyncio.to_thread(self._for, agents, cards, names)
        route = router.route(text)
        if route.agent:
            return route
        others = [name for name in sorted(agents) if name not in route.candidates]
        return replace(route, candidates=(*route.candidates, *others)[:MOST_OFFERED])

    async def teach(self, text: str, agent: str) -> None:
        """Questions like `text` go to `agent` from now on. Raises UserError where that cannot be kept."""
        self._taught = await asyncio.to_thread(_teach, text, agent)
        self._router = None

    def _for(self, agents: Sequence[str], cards: Mapping[str, Any], names: Iterable[str]) -> Router:
        from agents.router import Name, Router

        profiles = tuple(_profile(name, cards.get(name)) for name in agents)
        known = tuple(Name(name) for name in names)
        if self._router is None or self._built_of != (profiles, known):
            self._router = Router(profiles, known, self._lessons())
            self._built_of = (profiles, known)
        return self._router

    def _lessons(self) -> Taught:
        from agents.router import Taught

        if self._taught is None:
            try:
                self._taught, self.fault = Taught.load(), ""
            except UserError as error:
                self._taught, self.fault = Taught(), str(error)
        return self._taught


def cards_of(seen: Mapping[str, KnownAgent]) -> dict[str, Any]:
    """The cards that were read, by name."""
    return {name: known.health.card for name, known in seen.items() if known.health.card}


def called(text: str) -> bool:
    """Whether the question names its agent itself, as `@agent`."""
    return any(word.startswith("@") and len(word) > 1 for word in text.split())


def _teach(text: str, agent: str) -> Taught:
    from agents.router import Router, Taught

    taught = Taught.load()
    Router((), (), taught).teach(text, agent)
    return taught


def _profile(name: str, card: Mapping[str, Any] | None) -> Profile:
    from agents.router import Profile

    return Profile.of_card(name, card) if card else Profile(name)
