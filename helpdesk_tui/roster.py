"""Who can be asked: the local experts and the agents of the registry; and who has gone or come back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from helpdesk_tui.agent_watch import LOCAL, AgentWatch
from helpdesk_tui.experts import Experts
from helpdesk_tui.session import Feed

if TYPE_CHECKING:
    from agents.protocol.known import KnownAgent

OnLook = Callable[["KnownAgent | str"], None]


class Roster:
    """Every agent by name, the local ones first."""

    def __init__(
        self,
        feed: Feed,
        experts: Experts,
        *,
        on_look: OnLook,
        on_lost: Callable[[str, str], Awaitable[None]],
        on_back: Callable[[str], None],
        on_trouble: Callable[[str], Awaitable[None]],
    ) -> None:
        """`on_look` gets every look at an agent, or the name of one that left the registry.

        `on_lost` gets the name of an agent that went down and why, `on_back` that of one that is up again, or
        for the first time.
        """
        self.watch = AgentWatch(self._looked, on_look, on_trouble)
        self._feed = feed
        self._experts = experts
        self._on_look = on_look
        self._on_lost = on_lost
        self._on_back = on_back
        self._states: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        return [*self._experts.local, *self.watch.remote]

    def remote(self, agent: str) -> bool:
        """Whether the agent is elsewhere."""
        return agent in self.watch.remote

    def there(self, agent: str) -> bool:
        """Whether the agent answers, as far as is known."""
        return not self.watch.down(agent) if self.remote(agent) else self._experts.up

    def ours(self, agent: str) -> bool:
        """Whether the agent changes nothing without an approval: it is local, or one of this house elsewhere."""
        if not self.remote(agent):
            return True
        from agents.protocol.extension import EXTENSION_URI

        seen = self.watch.seen.get(agent)
        capabilities = ((seen.health.card if seen else None) or {}).get("capabilities") or {}
        return any(item.get("uri") == EXTENSION_URI for item in capabilities.get("extensions") or ())

    async def reload(self, *, always: bool = False) -> None:
        """Know the agents that the registry holds now; with `always` look at each of them at once."""
        if await self.watch.reload(always=always):
            await self._experts.know(self.watch.reaches())

    async def settled(self) -> None:
        """Return once it is known who there is, and what their cards say as far as they answer."""
        if not self._experts.local:
            await self._experts.wait_up()
        await self.watch.looked_at()

    async def local_up(self) -> None:
        """The local experts serve: read their cards."""
        names = self._experts.local
        if self._experts.reach is not None:
            await self.watch.look_at_local(names, self._experts.reach)
        for name in names:
            self._on_back(name)

    async def _looked(self, known: KnownAgent) -> None:
        name, now = known.health.name, known.health.state
        before = self._states.get(name)
        self._states[name] = now
        self._on_look(known)
        if now == before or known.where == LOCAL:
            return
        if before is not None or now != "up":
            body = {"state": now, "text": known.health.text, "where": known.where}
            await self._feed.append(self._feed.event("agent", body, principal="helpdesk", agent=name))
        if now == "down":
            await self._on_lost(name, known.health.text)
        elif before in (None, "down"):
            self._on_back(name)
