"""An A2A server for experts, on a Unix socket or TCP; each at its own path, with its card at both known places."""

from __future__ import annotations

import asyncio
import grp
import logging
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from a2a.types import CancelTaskRequest
from starlette.applications import Starlette

from agents.governance.house import House
from agents.governance.policy import Policy
from agents.governance.roles import roles_path
from agents.kernel.executor import Executor
from agents.kernel.recovery import settle
from agents.protocol.access import Access, Welcome
from agents.protocol.bridge import ExpertBridge
from agents.protocol.card import card_of
from agents.protocol.certificates import ServerTls
from agents.protocol.conformance import Conformance
from agents.protocol.life import Life, lives_of
from agents.protocol.peer import PeerProtocol
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
    welcome: Welcome = field(default_factory=Welcome)


def unix_door(path: Path, group: str = "") -> Door:
    """Listen on a Unix socket in a private directory; a stale socket there is replaced. Raises UserError.

    With a `group` its members may connect too, each as the user that the kernel tells.
    """
    path = path.absolute()
    shared = _group_id(group) if group else None
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        raise UserError(f"{path}: too long for a socket, expected at most {SOCKET_PATH_LIMIT} bytes")
    if shared is None:
        _check_private(path.parent)
    else:
        _check_shared(path.parent, shared)
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
    if shared is not None:
        os.chown(path, -1, shared)
    path.chmod(0o600 if shared is None else 0o660)
    listener.listen(BACKLOG)
    welcome = Welcome(local=True, shared=shared is not None)
    return Door(listener, "http://localhost", None, path, welcome=welcome)


def tcp_door(host: str, port: int, token: str | None, tls: ServerTls | None = None) -> Door:
    """Listen on TCP, which is never done without a token or client certificates: any local user can connect.

    Raises UserError.
    """
    if token is None and (tls is None or tls.clients is None):
        raise UserError(
            f"{host}:{port} can be reached by others: give --token-file or --tls-clients, or --uds for a private"
            " socket"
        )
    return _listening(host, port, tls, Welcome(token))


def harmless_door(host: str, port: int) -> Door:
    """Listen on loopback without a token: for what reads nothing and changes nothing. Raises UserError."""
    if not is_loopback(host):
        raise UserError(f"{host}: without a token only loopback is served, expected 127.0.0.1 or ::1")
    return _listening(host, port, None, Welcome(anyone=True))


def _listening(host: str, port: int, tls: ServerTls | None, welcome: Welcome) -> Door:
    if tls is not None:
        tls.check()
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}", exit_code=3) from error
    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if tls else "http"
    return Door(
        listener, f"{scheme}://{shown}:{listener.getsockname()[1]}", welcome.token, None, tls, welcome
    )


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
        self._life = Life(lives_of(log.path))
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
        if door.welcome.shared and house.current()[1].open:
            raise no_roles()
        app = Access(Starlette(routes=routes), door.welcome, lambda: house.current()[1])
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", loop="asyncio", http=PeerProtocol, ws="none",
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


def no_roles() -> UserError:
    """Why a shared socket is not served."""
    return UserError(
        f"a shared socket needs {roles_path()}: without it whoever may connect may approve everything"
    )


def _group_id(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise UserError(f"there is no group {group!r} on this host") from error


def _check_shared(directory: Path, group: int) -> None:
    """Make the directory of a shared socket; one that others could put a socket of theirs into is refused."""
    try:
        if not directory.exists():
            ensure_private(directory)
            os.chown(directory, -1, group)
            directory.chmod(0o750)
        status = directory.stat()
    except OSError as error:
        raise UserError(f"{directory}: cannot be shared with the group ({error.strerror})", 3) from error
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
        raise UserError(
            f"{directory}: others could put a socket of their own there; give a path in a directory of yours that"
            " only you can write to, such as mode 0750"
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
