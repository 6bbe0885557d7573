"""All agents that this installation knows: the local experts, and those of the registry, as they answer just now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from agents.protocol import health, registry
from agents.protocol.errors import AgentRefused
from agents.protocol.experts import EXPERTS
from agents.protocol.health import Health
from agents.protocol.reach import Reach
from inventory.errors import UserError


@dataclass(frozen=True, slots=True)
class KnownAgent:
    """An agent, where it is, and what it wants to see of us."""

    health: Health
    where: str
    auth: str

    def to_json(self) -> dict[str, Any]:
        found = self.health
        return {
            "name": found.name, "state": found.state, "text": found.text or self.where, "where": self.where,
            "auth": self.auth, "latency_ms": found.latency_ms, "version": found.version,
            "protocol": found.protocol, "transport": found.transport, "skills": list(found.skills),
            "card": dict(found.card) if found.card else None,
        }  # fmt: skip


async def known_agents() -> list[KnownAgent]:
    """Look at every agent, at all of them at once. Raises UserError where the registry cannot be read."""
    entries = registry.load().agents.values()
    looks = [asyncio.ensure_future(health.look(entry.name, entry.reach())) for entry in entries]
    local = await _local()
    remote = await asyncio.gather(*looks)
    far = [KnownAgent(found, entry.url, entry.auth()) for entry, found in zip(entries, remote, strict=True)]
    return [*local, *far]


async def card_of(name: str) -> dict[str, Any]:
    """The card of one agent by name or URL. Raises UserError, AgentLost or AgentRefused."""
    from agents.protocol.client import AgentClient

    entries = registry.load().agents
    if name in EXPERTS:
        found = next(agent for agent in await _local() if agent.health.name == name)
        if found.health.card is None:
            raise AgentRefused(name, found.health.text)
        return dict(found.health.card)
    if "://" in name:
        registry.check_url(name, "command line")
        reach = Reach(name, alone=True)
    elif name in entries:
        reach = entries[name].reach()
    else:
        raise UserError(f"unknown agent {name}, expected a URL or one of {', '.join((*EXPERTS, *entries))}")
    async with AgentClient(None, {name: reach}) as client:
        return await client.card(name)


async def _local() -> list[KnownAgent]:
    """Start the local agents for a moment, and look at each."""
    from agents.protocol.host import LocalHost

    host = LocalHost(memory=True)
    where = "local, started when needed"
    try:
        await host.start()
    except UserError as error:
        return [KnownAgent(Health(name, "down", str(error)), where, "") for name in EXPERTS]
    try:
        found = [await health.look(name, host.reach, thorough=False) for name in EXPERTS]
        return [KnownAgent(each, where, "owner of the socket") for each in found]
    finally:
        await host.stop()
