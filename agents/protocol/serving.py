"""What the command line needs of the agents: a list of those that are there, and serving one to others."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.experts import EXPERTS
from inventory.errors import UserError


@dataclass(frozen=True, slots=True)
class KnownAgent:
    """An agent of this installation, as it answered just now."""

    name: str
    state: str
    """`up` or `down`."""
    text: str
    """Where it is served from, or why it is down."""
    card: dict[str, Any] | None


async def known_agents() -> list[KnownAgent]:
    """Start the local agents for a moment, and ask each for its card."""
    from agents.protocol.client import AgentClient
    from agents.protocol.host import LocalHost

    host = LocalHost(memory=True)
    try:
        await host.start()
    except UserError as error:
        return [KnownAgent(name, "down", str(error), None) for name in EXPERTS]
    try:
        async with AgentClient(host) as client:
            return [await _known(client, name) for name in EXPERTS]
    finally:
        await host.stop()


async def _known(client: Any, name: str) -> KnownAgent:
    try:
        return KnownAgent(name, "up", "local, started when needed", await client.card(name))
    except (AgentLost, AgentRefused) as error:
        return KnownAgent(name, "down", str(error), None)


async def serve_agents(
    names: list[str],
    *,
    uds: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    token_file: Path | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve experts to other clients until SIGTERM or SIGINT; `on_ready` gets the address.

    On a Unix socket in a private directory its owner needs no token; on TCP a token is always needed.
    Raises UserError where it cannot listen, the token is missing or readable by others, or a name is unknown.
    """
    from agents.log import EventLog
    from agents.protocol.access import read_token
    from agents.protocol.experts import load
    from agents.protocol.local import STORE_FILE
    from agents.protocol.logs import log_to_file
    from agents.protocol.server import AgentServer, tcp_door, unix_door
    from agents.protocol.store import open_store

    experts = load(names)
    if uds is not None:
        door = unix_door(uds)
    else:
        door = tcp_door(host, port, read_token(token_file) if token_file else None)
    log_to_file("serve", streams=False)
    with EventLog.open() as log:
        server = AgentServer(experts, log, open_store(log.path.parent / STORE_FILE), door)
        await server.settle()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        on_ready(str(door.path or door.base))
        await server.serve()
