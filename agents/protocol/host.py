"""The local experts' child process: started, told of targets, restarted when it dies, ended with us."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from agents.protocol.errors import AgentLost
from agents.protocol.logs import logs_dir
from agents.protocol.reach import Reach
from inventory.errors import NOT_COMPLETED, UserError
from inventory.masking import mask
from inventory.paths import ensure_private, runtime_dir

if TYPE_CHECKING:
    from inventory.target import Target

State = Literal["starting", "up", "down", "restarted", "stopped"]
OnState = Callable[[State, str], None]

READY_LIMIT_S = 60.0
"""A start takes about a second; a machine under heavy load needs many times as long, and gives up for nothing."""
STOP_LIMIT_S = 12.0
"""Time to end by itself: an action under way is waited for."""
TELL_LIMIT_S = 30.0
"""How long the child may take to say that it knows a target; it answers at once where it has time to."""
BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits before restarts in a row; the last one repeats."""
STEADY_S = 30.0
"""A child that lived this long was well: the next restart does not wait."""


class LocalHost:
    """Supervises the child process. `reach` says how to talk to it, also after a restart."""

    def __init__(
        self,
        experts: Sequence[str] = (),
        *,
        memory: bool = False,
        token: str | None = None,
        on_state: OnState | None = None,
    ) -> None:
        """`experts`: names or `module:factory` (default: all); `memory`: keep tasks in memory, for one-shot use.

        `token` says who talks to it, where roles.toml knows it; else it is the user of this account.

        `on_state` is called on the event loop with each new state and a line about it.
        """
        self._experts = tuple(experts)
        self._memory = memory
        self._on_state = on_state
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._told: dict[str, str] = {}
        self._telling = asyncio.Lock()
        self._up = asyncio.Event()
        self.state: State = "stopped"
        self.agents: tuple[str, ...] = ()
        self.reach = Reach(uds=_socket_path(), token=token)

    @property
    def pid(self) -> int | None:
        """Process id of the child, where one runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the child and return once it serves. Raises UserError (exit 3) where it does not come up."""
        self._set("starting", "the local agents are starting")
        try:
            await self._spawn()
        except UserError as error:
            self._set("down", str(error))
            raise
        self._set("up", f"serving {', '.join(self.agents)}")
        self._watch = asyncio.create_task(self._supervise(), name="local agents")

    async def tell_target(self, target: Target) -> None:
        """Return once the child knows a target, secrets included; it is told again after a restart."""
        self._told[target.name] = json.dumps({"target": target.to_private_json()})
        if self._up.is_set():
            await self._write(self._told[target.name])

    async def wait_up(self, limit_s: float = READY_LIMIT_S) -> None:
        """Return once the child serves. Raises AgentLost where it takes too long."""
        try:
            async with asyncio.timeout(limit_s):
                await self._up.wait()
        except TimeoutError:
            raise AgentLost("local", "its process does not come up") from None

    async def stop(self) -> None:
        """End the child: it finishes an action under way, and lets go of the rest."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        self._up.clear()
        if self._process is not None:
            await _end(self._process)
            self._process = None
        if self.reach.uds is not None:
            self.reach.uds.unlink(missing_ok=True)
        self._set("stopped", "the local agents have ended")

    async def __aenter__(self) -> LocalHost:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _supervise(self) -> None:
        failures = 0
        while True:
            assert self._process is not None
            began = time.monotonic()
            code = await self._process.wait()
            self._up.clear()
            failures = 0 if time.monotonic() - began > STEADY_S else failures
            self._set("down", f"the local agents ended ({_ending(code)}); starting them again")
            await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
            failures += 1
            try:
                await self._spawn()
            except UserError as error:
                self._set("down", str(error))
            else:
                self._set("restarted", f"serving {', '.join(self.agents)} again")

    async def _spawn(self) -> None:
        assert self.reach.uds is not None
        ensure_private(self.reach.uds.parent)
        errors = logs_dir() / "agents.stderr"
        with _private(errors) as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, "PYTHONSAFEPATH": "1"},
                # A Ctrl+C at the terminal is for the workbench alone.
                start_new_session=True,
            )
        try:
            ready = await self._ready(errors)
        except BaseException:
            await _end(self._process, limit_s=0.5)
            raise
        self.agents = tuple(ready["agents"])
        for line in self._told.values():
            await self._write(line)
        self._up.set()

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "agents.protocol.local", "--socket", str(self.reach.uds)]
        command += [part for expert in self._experts for part in ("--expert", expert)]
        return [*command, "--memory"] if self._memory else command

    async def _ready(self, errors: Path) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        try:
            async with asyncio.timeout(READY_LIMIT_S):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        told: dict[str, Any] = json.loads(line) if line else {}
        if told.get("ready"):
            return told
        why = told.get("error") or _last_line(errors) or f"nothing was heard within {READY_LIMIT_S:.0f} s"
        raise UserError(
            f"the local agents do not start: {why}; see {logs_dir() / 'agents.log'}", NOT_COMPLETED
        )

    async def _write(self, line: str) -> None:
        assert (
            self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        )
        # A child that just died is told again when it is back.
        async with self._telling:
            with suppress(ConnectionError, TimeoutError):
                self._process.stdin.write(line.encode() + b"\n")
                await self._process.stdin.drain()
                async with asyncio.timeout(TELL_LIMIT_S):
                    await self._process.stdout.readline()

    def _set(self, state: State, text: str) -> None:
        self.state = state
        if self._on_state is not None:
            self._on_state(state, text)


async def _end(process: asyncio.subprocess.Process, limit_s: float = STOP_LIMIT_S) -> None:
    if process.stdin is not None:
        process.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await process.wait()
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _socket_path() -> Path:
    return runtime_dir() / f"agents-{os.getpid()}-{secrets.token_hex(3)}.sock"


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return mask(lines[-1]) if lines else ""


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
