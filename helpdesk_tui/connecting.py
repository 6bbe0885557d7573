"""The line to one agent for as long as one command needs it: a local one is started and ended, others are just there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.log import EventLog
    from agents.protocol.client import AgentClient
    from inventory.target import Target


SILENCE_S = 1.0
"""A command that was interrupted says after this what it still waits for."""


@asynccontextmanager
async def client_of(
    agent: str,
    log: EventLog,
    target: Target | None = None,
    *,
    memory: bool = False,
    token: str | None = None,
) -> AsyncIterator[AgentClient]:
    """A client that can talk to `agent`, local or of the registry; what comes of it goes into `log`.

    `target` is told to a local one, for one that the inventory does not know; `memory`: it keeps no tasks
    beyond this. `token` tells a local one who talks to it. Raises UserError: exit 2 for an unknown agent, 3
    where a local one does not start.
    """
    from agents.protocol import registry
    from agents.protocol.client import AgentClient
    from agents.protocol.experts import EXPERTS

    if agent in EXPERTS or ":" in agent:
        async with local_client(agent, target, memory=memory, token=token) as client:
            yield client
        return
    remote = registry.load().reaches()
    if agent not in remote:
        raise UserError(f"unknown agent {agent}, expected one of {', '.join((*EXPERTS, *remote))}")
    if token is not None:
        raise UserError(f"--token-file is for local agents; {agent} is shown what agents.toml says")
    _log_to_file()
    async with AgentClient(None, remote, log) as client:
        yield client


@asynccontextmanager
async def local_client(
    agent: str, target: Target | None, *, memory: bool = False, token: str | None = None
) -> AsyncIterator[AgentClient]:
    """A client of a local agent, whose process lives as long. Raises UserError (exit 3) where it does not start."""
    from agents.protocol.client import AgentClient, import_wire
    from agents.protocol.host import LocalHost

    _log_to_file()
    host = LocalHost([agent], memory=memory)
    if target is not None:
        await host.tell_target(target)
    # While the process starts, on another core.
    loading = asyncio.create_task(asyncio.to_thread(import_wire))
    try:
        await host.start()
        async with AgentClient(replace(host.reach, token=token) if token else host) as client:
            yield client
    except asyncio.CancelledError:
        asyncio.get_running_loop().call_later(SILENCE_S, _say_what_is_waited_for)
        raise
    finally:
        await loading
        await host.stop()


def _log_to_file() -> None:
    """What is to be said of a line that breaks off is one line, and the command says it."""
    from agents.protocol.logs import log_to_file

    log_to_file("commands", streams=False)


def _say_what_is_waited_for() -> None:
    line = "helpdesk: the agent ends what is under way first; Ctrl+C again does not wait for that"
    print(line, file=sys.stderr, flush=True)
