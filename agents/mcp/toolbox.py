"""The tools of all servers, for the experts of one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from agents.kernel import targets
from agents.kernel.running import current
from agents.kernel.tool import InputRequired, LateTools, Refused, Tool
from agents.mcp.answers import answers, keep_question
from agents.mcp.config import McpServer
from agents.mcp.connection import Connection
from agents.mcp.content import Answered, answered
from agents.mcp.elicitation import Elicitation
from agents.mcp.naming import server_of
from agents.mcp.offers import Offer, offers_of, tool_of

if TYPE_CHECKING:
    from mcp_types import Tool as Listed

logger = logging.getLogger(__name__)


class Toolbox:
    """Holds the lines to the servers, and what they offer."""

    def __init__(self, servers: Mapping[str, McpServer]) -> None:
        self.servers = servers
        self.connections = {
            name: Connection(server, partial(self._listed, server)) for name, server in servers.items()
        }
        self.offers: dict[str, dict[str, Offer]] = {}
        """Server → name here → offer."""
        self.tools: dict[str, Tool] = {}
        for server in servers.values():
            targets.tell_other(server.described())

    async def prepare(self, servers: Sequence[str], *, now: bool = True) -> None:
        """Return once these servers are up, or could not be reached; `now` as for a connection."""
        await asyncio.gather(*(self.connections[name].ready(now=now) for name in servers))

    async def close(self) -> None:
        """Let all servers go, at the same time."""
        await asyncio.gather(*(connection.close() for connection in self.connections.values()))

    def _listed(self, server: McpServer, listed: Sequence[Listed]) -> None:
        """Put the tools of a server in the place of those it had; one that did not change stays the same."""
        before, now = self.offers.get(server.name, {}), offers_of(server, listed)
        self.offers[server.name] = now
        for name in before.keys() - now.keys():
            self.tools.pop(name, None)
        for name, offer in now.items():
            if offer.refused:
                self.tools.pop(name, None)
                logger.warning("MCP tool %s is not offered: %s", name, offer.refused)
            elif before.get(name) != offer:
                call, look = partial(self._call, server, offer), partial(self._look, server, offer)
                self.tools[name] = tool_of(offer, server, call, look)

    async def _call(self, server: McpServer, offer: Offer, arguments: Mapping[str, Any]) -> Answered:
        running = current()
        given = await answers(running.recorder)
        result = await self.connections[server.name].call(
            offer.own, arguments, given, running.tell, partial(self._require, offer)
        )
        if isinstance(result, Elicitation):
            await keep_question(result, running.recorder)
            raise InputRequired(result.text(), result.choices())
        return answered(result)

    async def _look(self, server: McpServer, offer: Offer) -> Mapping[str, Any]:
        await self.connections[server.name].refresh()
        self._require(offer)
        return await answers(current().recorder)

    def _require(self, offer: Offer) -> None:
        """Raise Refused where the server tells something else of the tool than what was checked."""
        if self.offers.get(server_of(offer.name), {}).get(offer.name) != offer:
            raise Refused(f"the server of {offer.name} has just changed it; look at it and ask again")


class ExpertTools(LateTools):
    """The tools of one expert, and those of the servers that are for it. Its own go first."""

    def __init__(self, own: Mapping[str, Tool], box: Toolbox, servers: Sequence[str]) -> None:
        self._own = own
        self._box = box
        self._servers = servers

    def __getitem__(self, name: str) -> Tool:
        if name in self._own:
            return self._own[name]
        if server_of(name) in self._servers:
            return self._box.tools[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from (
            name
            for name in self._box.tools
            if server_of(name) in self._servers and name not in self._own
        )  # fmt: skip

    def __len__(self) -> int:
        return sum(1 for _ in self)

    async def prepare(self, *names: str) -> None:
        """Connect the servers of these tools (without names: all) where they are not."""
        wanted = {server_of(name) for name in names if name not in self._own}
        chosen = [name for name in self._servers if not names or name in wanted]
        await self._box.prepare(chosen, now=bool(names))
