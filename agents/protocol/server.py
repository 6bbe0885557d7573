"""An A2A server for experts, on a Unix socket or TCP; each at its own path, with its card at both known places."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from a2a.types import CancelTaskRequest
from starlette.applications import Starlette

from agents.governance.house import House
from agents.governance.policy import Policy
from agents.kernel.executor import Executor
from agents.kernel.recovery import settle
from agents.protocol.access import Access
from agents.protocol.bridge import ExpertBridge
from agents.protocol.card import card_of
from agents.protocol.certificates import ServerTls
from agents.protocol.conformance import Conformance
from agents.protocol.life import Life
from agents.protocol.registry import is_loopback
from agents.protocol.requests import Requests
from agents.protocol.routes import agent_routes
from agents.protocol.store import TaskKeeper
from inventory.errors import UserError
from inventory.paths import SOCKET_PATH_LIMIT, ensure_private

if TYPE_CHECKING:
    from a2a.types import AgentCard
    from starlette.routing import BaseRoute

    from agents.kernel.expert import Expert
    from agents.log import EventLog

logger = logging.getLogger(__name__)

BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Door:
    """Where a server listens."""

    socket: socket.socket
    base: str
    """URL of the server; for a Unix socket the host in it means nothing."""
    token: str | None
    path: Path | None = None
    """The Unix socket, removed at the end."""
    tls: ServerTls | None = None


def unix_door(path: Path) -> Door:
    """Listen on a Unix socket in a private directory; a stale socket there is replaced. Raises UserError."""
    path = path.absolute()
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        raise UserError(f"{path}: too long for a socket, expected at most {SOCKET_PATH_LIMIT} bytes")
    _check_private(path.parent)
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise UserError(f"{path}: there is a file that is no socket; give another path")
        if _answers(path):
            raise UserError(
                f"{path}: another server listens there; stop it or give another path", exit_code=3
            )
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(BACKLOG)
    return Door(listener, "http://localhost", None, path)


def tcp_door(host: str, port: int, token: str | None, tls: ServerTls | None = None) -> Door:
    """Listen on TCP, which is never done without a token: any local user can connect to loopback. Raises UserError."""
    if token is None:
        raise UserError(
            f"{host}:{port} can be reached by others: give --token-file, or --uds for a private socket"
        )
    return _listening(host, port, token, tls)


def harmless_door(host: str, port: int) -> Door:
    """Listen on loopback without a token: for what reads nothing and changes nothing. Raises UserError."""
    if not is_loopback(host):
        raise UserError(f"{host}: without a token only loopback is served, expected 127.0.0.1 or ::1")
    return _listening(host, port, None, None)


def _listening(host: str, port: int, token: str | None, tls: ServerTls | None) -> Door:
    if tls is not None:
        tls.check()
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}", exit_code=3) from error
    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if tls else "http"
    return Door(listener, f"{scheme}://{shown}:{listener.getsockname()[1]}", token, tls=tls)


class AgentServer:
    """Serves experts until it is told to stop."""

    def __init__(
        self,
        experts: Sequence[Expert | Conformance],
        log: EventLog,
        store: TaskKeeper,
        door: Door,
        policy: Policy | House | None = None,
    ) -> None:
        self._log = log
        self._store = store
        self._door = door
        self._life = Life(log.path.parent / "lives")
        self._bridges: list[ExpertBridge | Conformance] = []
        self._handlers: list[Requests] = []
        self._cancelling: set[asyncio.Task[object]] = set()
        house = policy if isinstance(policy, House) else House(policy) if policy else House.of_files()
        routes: list[BaseRoute] = []
        for expert in experts:
            url = f"{door.base}/{expert.name}"
            bridge, card = self._seat(expert, url, house)
            handler = Requests(bridge, store, card)
            self._bridges.append(bridge)
            self._handlers.append(handler)
            tools = {} if isinstance(expert, Conformance) else expert.tools
            routes += agent_routes(handler, card, f"/{expert.name}", tools)
            if len(experts) == 1:
                routes += agent_routes(handler, card, "", tools)
        app = Access(Starlette(routes=routes), token=door.token, callers=lambda: house.current()[1])
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", loop="asyncio", http="h11", ws="none",
            timeout_graceful_shutdown=1, **(door.tls.options() if door.tls else {}),
        )  # fmt: skip
        self._server = _Server(config)

    def _seat(
        self, expert: Expert | Conformance, url: str, house: House
    ) -> tuple[ExpertBridge | Conformance, AgentCard]:
        if isinstance(expert, Conformance):
            return expert, expert.card(f"{self._door.base}")
        executor = Executor(expert.tools, self._log, house, process=self._life.id)
        return ExpertBridge(expert, executor, self._log, self._store, self._life.id), card_of(expert, url)

    async def settle(self) -> None:
        """Record what processes that are gone have left behind. To be called before serving."""
        await self._store.open(self._cancel)
        names = {bridge.name for bridge in self._bridges}
        settled = await asyncio.to_thread(settle, self._log, names, self._life.alive)
        await self._store.fail(event for event in settled if event.kind == "task")

    async def serve(self) -> None:
        """Serve until `stop`; then let go of tasks, wait for actions under way, and close the experts."""
        sweeping = asyncio.create_task(self._store.sweep(self._log), name="task store")
        try:
            await self._server.serve(sockets=[self._door.socket])
        finally:
            sweeping.cancel()
            for handler in self._handlers:
                await handler.aclose()
            for bridge in self._bridges:
                await bridge.close()
            await self._store.close()
            self._door.socket.close()
            if self._door.path is not None:
                self._door.path.unlink(missing_ok=True)
            self._life.end()

    def _cancel(self, task_id: str) -> None:
        """Another server was asked to cancel a task that is worked on here."""
        for bridge, handler in zip(self._bridges, self._handlers, strict=True):
            if bridge.busy(task_id):
                cancelling = handler.on_cancel_task(CancelTaskRequest(id=task_id), bridge.caller(task_id))
                self._cancelling.add(task := asyncio.create_task(cancelling))
                task.add_done_callback(self._cancelling.discard)

    def stop(self) -> None:
        self._server.should_exit = True


def _check_private(directory: Path) -> None:
    """Whoever can reach the socket is its owner's equal. A directory of others is never changed, only refused."""
    if not directory.exists():
        ensure_private(directory)
        return
    status = directory.stat()
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise UserError(
            f"{directory}: others can reach a socket there; give a path in a directory of mode 0700"
        )


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, not to a server inside it."""
        yield
