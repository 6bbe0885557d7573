"""The agents that can be asked, and how each is: the local ones, and those of the registry, watched all the time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.protocol.health import Health
    from agents.protocol.known import KnownAgent
    from agents.protocol.reach import Reach
    from agents.protocol.registry import RemoteAgent

logger = logging.getLogger(__name__)

FIRST_LOOK_LIMIT_S = 3.0
"""How long a question waits for the first look at an agent: a look takes at most two and a half seconds."""
LOCAL = "local"

OnLook = Callable[["KnownAgent"], Awaitable[None]]


class AgentWatch:
    """Reads the registry, looks at every agent of it again and again, and keeps what was seen last."""

    def __init__(
        self, on_look: OnLook, on_gone: Callable[[str], None], on_trouble: Callable[[str], Awaitable[None]]
    ) -> None:
        """`on_look` gets every look at an agent, `on_gone` the name of one that left the registry."""
        self.seen: dict[str, KnownAgent] = {}
        self._on_look = on_look
        self._on_gone = on_gone
        self._on_trouble = on_trouble
        self._entries: Mapping[str, RemoteAgent] = {}
        self._stamp: object = None
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._first: dict[str, asyncio.Event] = {}
        self._loading = asyncio.Lock()

    @property
    def remote(self) -> list[str]:
        """Names of the agents of the registry, in its order."""
        return list(self._entries)

    def reaches(self) -> dict[str, Reach]:
        return {name: entry.reach() for name, entry in self._entries.items()}

    def down(self, name: str) -> bool:
        """Whether the agent did not answer when it was looked at last."""
        seen = self.seen.get(name)
        return seen is not None and seen.health.state == "down"

    async def reload(self, *, always: bool = False) -> bool:
        """Read the registry where its file changed; True where it did. A file that is no good is one line."""
        from agents.protocol import registry

        async with self._loading:
            stamp = await asyncio.to_thread(_stamp)
            if stamp == self._stamp and not always:
                return False
            self._stamp = stamp
            try:
                read = await asyncio.to_thread(registry.load)
            except UserError as error:
                await self._on_trouble(f"{error}; the agents stay as they were")
                return False
            for warning in read.warnings:
                await self._on_trouble(warning)
            self._watch(read.agents, again=always)
            return True

    async def looked_at(self) -> None:
        """Return once every agent of the registry has been looked at, or the first look takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_LIMIT_S):
                for looked in list(self._first.values()):
                    await looked.wait()

    async def look_at_local(self, names: Iterable[str], reach: Reach) -> None:
        """Read the cards of the local agents."""
        from agents.protocol.health import look

        for health in await asyncio.gather(*(look(name, reach, thorough=False) for name in names)):
            await self._looked(health, LOCAL, "")

    async def local_down(self, why: str) -> None:
        """The process of the local agents is gone."""
        from agents.protocol.health import Health

        for name in [name for name, known in self.seen.items() if known.where == LOCAL]:
            before = self.seen[name].health
            gone = Health(name, "down", why, version=before.version, skills=before.skills, card=before.card)
            await self._looked(gone, LOCAL, "")

    def stop(self) -> None:
        for task in self._watching.values():
            task.cancel()
        self._watching.clear()

    def _watch(self, entries: Mapping[str, RemoteAgent], *, again: bool) -> None:
        before, self._entries = self._entries, dict(entries)
        for name in before.keys() - entries.keys():
            self._unwatch(name)
            self.seen.pop(name, None)
            self._on_gone(name)
        for name, entry in entries.items():
            if again or before.get(name) != entry:
                self._unwatch(name)
                self._first[name] = asyncio.Event()
                self._watching[name] = asyncio.create_task(self._watch_one(entry), name=f"health of {name}")

    def _unwatch(self, name: str) -> None:
        self._first.pop(name, asyncio.Event()).set()
        if (task := self._watching.pop(name, None)) is not None:
            task.cancel()

    async def _watch_one(self, entry: RemoteAgent) -> None:
        from agents.protocol.health import watch

        async def looked(health: Health) -> None:
            await self._looked(health, entry.url, entry.auth())

        try:
            await watch({entry.name: entry.reach()}, looked, every_look=True)
        except Exception:
            logger.exception("the health of %s is not watched any more", entry.name)

    async def _looked(self, health: Health, where: str, auth: str) -> None:
        from agents.protocol.known import KnownAgent

        self.seen[health.name] = known = KnownAgent(health, where, auth)
        if first := self._first.get(health.name):
            first.set()
        await self._on_look(known)


def _stamp() -> tuple[int, int] | None:
    from agents.protocol.registry import default_path

    try:
        found = default_path().stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
