"""What the command line needs to serve agents to others."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.governance.roles import roles_path
from agents.protocol.experts import CONFORMANCE
from agents.protocol.sdk import import_lean
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.log import EventLog
    from agents.protocol.conformance import Conformance
    from agents.protocol.server import Door
    from agents.protocol.store import TaskKeeper

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """Where to listen, and who may come in."""

    uds: Path | None = None
    uds_group: str = ""
    """Group of this host whose members may use the Unix socket too, each as oneself."""
    host: str = "127.0.0.1"
    port: int = 0
    token_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_clients: Path | None = None
    task_store: str = ""
    """A PostgreSQL database that several servers share, by inventory name or DSN; empty keeps tasks here."""


async def serve_agents(
    names: Sequence[str], serving: Serving, on_ready: Callable[[str], None] = lambda _: None
) -> None:
    """Serve experts to other clients until SIGTERM or SIGINT; `on_ready` gets the address.

    On a Unix socket its owner needs no token; on TCP a token or a client certificate is always needed.
    Raises UserError where it cannot listen, the token is missing or readable by others, or a name is unknown.
    """
    import_lean("agents.protocol.server")
    from agents.loading import load
    from agents.log.anchoring import Anchoring
    from agents.log.settings import load_audit
    from agents.protocol.logs import log_to_file
    from agents.protocol.server import AgentServer

    places = load_audit().anchors
    conformance = list(names) == [CONFORMANCE]
    experts = _conformance() if conformance else load(names)
    door = _door(serving, harmless=conformance)
    log_to_file("serve", streams=False)
    store, log = await _kept(serving.task_store, memory=conformance)
    with log:
        server = AgentServer(experts, log, store, door)
        await server.settle()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        on_ready(str(door.path or door.base))
        anchoring = Anchoring(log, places)
        sending = asyncio.create_task(anchoring.run(_warn), name="anchors")
        await server.serve()
        sending.cancel()
        for line in await asyncio.to_thread(anchoring.send):
            await _warn(line)


async def _warn(line: str) -> None:
    logger.warning("%s", line)
    print(f"helpdesk: {line}", file=sys.stderr)


async def _kept(task_store: str, *, memory: bool) -> tuple[TaskKeeper, EventLog]:
    """Where tasks and events are kept."""
    from agents.log import EventLog
    from agents.protocol.kept_tasks import STORE_FILE
    from agents.protocol.store import open_store

    if task_store:
        from agents.protocol.shared import open_shared

        return await open_shared(task_store)
    log = EventLog.open()
    return open_store(None if memory else log.path.parent / STORE_FILE), log


def _conformance() -> list[Conformance]:
    from agents.protocol.conformance import Conformance

    return [Conformance()]


def _door(serving: Serving, *, harmless: bool) -> Door:
    from agents.protocol.access import read_token
    from agents.protocol.certificates import ServerTls
    from agents.protocol.server import harmless_door, no_roles, tcp_door, unix_door

    if serving.uds_group and not roles_path().exists():
        raise no_roles()
    if serving.uds is not None:
        return unix_door(serving.uds, serving.uds_group)
    if harmless and serving.token_file is None:
        return harmless_door(serving.host, serving.port)
    if bool(serving.tls_cert) != bool(serving.tls_key) or (serving.tls_clients and not serving.tls_cert):
        raise UserError("TLS needs --tls-cert and --tls-key, both of them")
    tls = (
        ServerTls(serving.tls_cert, serving.tls_key, serving.tls_clients)
        if serving.tls_cert and serving.tls_key
        else None
    )
    token = read_token(serving.token_file) if serving.token_file else None
    return tcp_door(serving.host, serving.port, token, tls)
