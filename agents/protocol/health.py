"""Whether agents answer, how fast, and as what: looked at once, or watched for as long as someone wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.reach import Reach
from agents.protocol.sdk import import_lean
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.protocol.line import Line

State = Literal["up", "degraded", "down"]
OnHealth = Callable[["Health"], Awaitable[None]]

PERIOD_S = 2.0
"""Between two looks; with the limit below a dead agent is known within five seconds."""
LOOK_LIMIT_S = 2.5
SLOW_MS = 1000.0
"""A card is a few kilobytes out of memory: an agent that takes longer for it is overloaded, or far away."""


@dataclass(frozen=True, slots=True)
class Health:
    """One agent as it answered just now."""

    name: str
    state: State
    text: str
    """Why it is not up; empty where it is."""
    latency_ms: float | None = None
    version: str = ""
    """The agent's own version."""
    protocol: str = ""
    """Version of the protocol that is spoken with it."""
    transport: str = ""
    skills: tuple[str, ...] = ()
    card: Mapping[str, Any] | None = None

    @property
    def gist(self) -> tuple[State, str, str, str]:
        """What makes a change worth telling: not every millisecond."""
        return self.state, self.text, self.version, self.transport


async def look(name: str, reach: Reach, *, thorough: bool = True) -> Health:
    """Ask the agent for its card; with `thorough` also for a task, which tells whether it lets us in."""
    line: Line | None = None
    try:
        line = await asyncio.to_thread(_line, reach)
        return await _look(name, line, thorough=thorough)
    except UserError as error:
        # A secret that is not there, or a certificate that cannot be read.
        return Health(name, "down", str(error))
    finally:
        if line is not None:
            await line.close()


async def watch(
    agents: Mapping[str, Reach],
    on_health: OnHealth,
    *,
    period_s: float = PERIOD_S,
    every_look: bool = False,
) -> None:
    """Look at each agent again and again, each by itself. Ends when cancelled.

    `on_health` gets every change; with `every_look` what did not change too, for its latency.
    """
    async with asyncio.TaskGroup() as group:
        for name, reach in agents.items():
            group.create_task(_watch(name, reach, on_health, period_s, every_look=every_look))


async def _watch(name: str, reach: Reach, on_health: OnHealth, period_s: float, *, every_look: bool) -> None:
    line: Line | None = None
    last: Health | None = None
    try:
        while True:
            try:
                if line is None:
                    line = await asyncio.to_thread(_line, reach)
                health = await _look(name, line, thorough=last is None or last.state != "up")
            except UserError as error:
                health = Health(name, "down", str(error))
            if every_look or last is None or health.gist != last.gist:
                await on_health(health)
            last = health
            await asyncio.sleep(period_s)
    finally:
        if line is not None:
            await line.close()


async def _look(name: str, line: Line, *, thorough: bool) -> Health:
    try:
        async with asyncio.timeout(LOOK_LIMIT_S):
            card, latency_ms = await line.card(name)
    except TimeoutError:
        line.forget(name)
        return Health(name, "down", f"no answer within {LOOK_LIMIT_S:g} s")
    except AgentLost as error:
        line.forget(name)
        return Health(name, "down", _why(error, name))
    except AgentRefused as error:
        return Health(name, "degraded", _why(error, name))
    from agents.protocol.cards import card_json

    health = Health(
        name, "up", "", round(latency_ms, 1), card.version,
        skills=tuple(skill.name for skill in card.skills), card=card_json(card),
    )  # fmt: skip
    health = await _with_line(health, line, thorough=thorough)
    if health.state == "up" and latency_ms > SLOW_MS:
        return replace(health, state="degraded", text=f"slow: {latency_ms:.0f} ms for its card")
    return health


async def _with_line(health: Health, line: Line, *, thorough: bool) -> Health:
    """How it is talked to, and whether it lets us in."""
    try:
        async with asyncio.timeout(LOOK_LIMIT_S):
            peer = await line.peer(health.name)
            chosen = peer.chosen
            health = replace(health, protocol=chosen.protocol_version, transport=chosen.protocol_binding)
            if thorough and (refusal := await peer.refusal()):
                return replace(health, state="degraded", text=refusal)
    except (TimeoutError, AgentLost) as error:
        return replace(health, state="degraded", text=f"its card answers, and it does not: {error}")
    except AgentRefused as error:
        return replace(health, state="degraded", text=_why(error, health.name))
    return health


def _why(error: UserError, name: str) -> str:
    text = str(error).removeprefix(f"agent {name} is gone: ").removeprefix(f"agent {name}: ")
    return text.removesuffix("; ask again when it is back")


def _line(reach: Reach) -> Line:
    import_lean("agents.protocol.line")
    from agents.protocol.line import Line

    return Line(reach)
