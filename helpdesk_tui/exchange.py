"""One exchange with an agent about an approval, without a screen: a decision, an edit, an undo, a grant taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agents.kernel.event import Event
from helpdesk_tui.connecting import client_of
from helpdesk_tui.session import Feed
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.governance.approval import Approval, Decision
    from agents.kernel.recorder import Item
    from agents.protocol.client import AgentClient
    from inventory.target import Target

Exchange = Callable[["AgentClient"], AsyncIterator["Item"]]


def carry(
    exchange: Exchange, *, agent: str, session: str, target: Target | None = None, token: str | None = None
) -> list[Event]:
    """Carry out an exchange with an agent, local or of the registry; the events that came of it, which are in the log.

    `target` is needed where the inventory does not know it. `token` tells a local agent who decides, where
    roles.toml knows it; else it is the user of this account. An agent elsewhere is shown what the registry says.
    Raises UserError: exit 3 where it did not arrive.
    """
    return asyncio.run(_carry(exchange, agent, session, target, token))


async def _carry(
    exchange: Exchange, agent: str, session: str, target: Target | None, token: str | None
) -> list[Event]:
    feed = Feed()
    await feed.open(session, None)
    try:
        async with client_of(agent, feed.log, target, token=token) as client:
            return [item async for item in _kept(exchange(client), feed)]
    finally:
        feed.close()


def fetch(agent: str) -> list[Event]:
    """What waits at an agent of the registry, whoever asked for it; the events, which are in the log from now on.

    Raises UserError (exit 2) where there is no such agent, 3 where it cannot be asked.
    """
    return asyncio.run(_fetch(agent))


async def _fetch(agent: str) -> list[Event]:
    from agents.log import EventLog
    from agents.protocol import registry

    if agent not in (known := registry.load()).agents:
        raise UserError(
            f"{known.path}: there is no agent {agent!r}; helpdesk agents add knows one from then on"
        )
    found: list[Event] = []
    with EventLog.open() as log:
        async with client_of(agent, log) as client:
            for task, session in await client.waiting(agent):
                found += [
                    item async for item in client.resume(agent, task, session) if isinstance(item, Event)
                ]
        await asyncio.to_thread(log.append, *found)
    return found


def decide_elsewhere(approval: Approval, decision: Decision) -> list[Event]:
    """Carry a decision to the approval system that the request came from; no local agent is needed."""
    return asyncio.run(_decide_elsewhere(approval, decision))


async def _decide_elsewhere(approval: Approval, decision: Decision) -> list[Event]:
    from agents.protocol.approval_systems import answer

    feed = Feed()
    await feed.open(approval.session, None)
    try:
        return [item async for item in _kept(answer(approval, decision), feed)]
    finally:
        feed.close()


async def _kept(stream: AsyncIterator[Item], feed: Feed) -> AsyncIterator[Event]:
    async for item in stream:
        if isinstance(item, Event):
            await feed.append(item)
            yield item


def token_in(path: Path | None) -> str | None:
    """The token in a 0600 file; None where none is given. Raises UserError."""
    if path is None:
        return None
    from agents.protocol.access import read_token

    return read_token(path)
