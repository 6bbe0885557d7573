"""A server as a process of ours: JSON lines over its stdin and stdout.

The process is started here and not by the library, so that its lines have a limit, its stderr a file, its end is
noticed at once, and closing it takes a second at most, whatever it does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inventory.errors import NOT_COMPLETED, UserError
from inventory.masking import inert, mask

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

logger = logging.getLogger(__name__)

LONGEST_LINE = 8_000_000
"""Bytes of one message; a server that sends more is cut off."""
MOST_ERRORS = 1_000_000
"""Bytes of its stderr that are kept."""
GRACE_S = 0.4
"""How long it may take to end once its stdin is closed, and again after SIGTERM."""
KILLED_S = 2.0
"""How long the system may take to end what was killed; it takes milliseconds."""
INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
"""What a server finds of our environment; anything else the operator gives it by name."""


@asynccontextmanager
async def process_streams(
    command: tuple[str, ...], env: Mapping[str, str], cwd: Path | None, errors: Path, lost: asyncio.Event
) -> AsyncIterator[tuple[Any, Any]]:
    """The library's two streams over a new process; `lost` is set when the process goes away.

    Raises UserError (exit 3) where it cannot be started.
    """
    import anyio

    process = await _spawn(command, env, cwd)
    to_session, read = anyio.create_memory_object_stream[Any](0)
    write, from_session = anyio.create_memory_object_stream[Any](0)
    pumps = [
        asyncio.create_task(_read(process, to_session, lost), name="mcp stdout"),
        asyncio.create_task(_write(process, from_session, lost), name="mcp stdin"),
        asyncio.create_task(_keep_errors(process, errors), name="mcp stderr"),
    ]
    try:
        async with AsyncExitStack() as stack:
            for stream in (read, write, to_session, from_session):
                stack.push_async_callback(stream.aclose)
            yield read, write
    finally:
        # A cancelled caller must not leave a process behind: every wait in there is short.
        await asyncio.shield(asyncio.create_task(_end(process, pumps)))


async def _spawn(
    command: tuple[str, ...], env: Mapping[str, str], cwd: Path | None
) -> asyncio.subprocess.Process:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**inherited, **env},
            cwd=cwd,
            limit=LONGEST_LINE,
            # Its children end with it, and a Ctrl+C at the terminal is not for it.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{command[0]} cannot be started ({reason})", NOT_COMPLETED) from error


async def _keep_errors(process: asyncio.subprocess.Process, path: Path) -> None:
    """Keep what it prints on stderr, masked, up to a limit; the rest is let go, so that it never waits for us."""
    assert process.stderr is not None
    left = MOST_ERRORS
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    # A line without an end is where we stop to listen.
    with (
        os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", buffering=1) as file,
        suppress(ValueError),
    ):
        async for line in process.stderr:
            if left > 0:
                file.write(inert(mask(line[:left].decode("utf-8", "replace"))))
            left -= len(line)


async def _read(
    process: asyncio.subprocess.Process,
    to_session: MemoryObjectSendStream[Any],
    lost: asyncio.Event,
) -> None:
    import anyio
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                # Some servers print where they must not; what it is stays out of our log.
                logger.warning("a line from process %d is no message", process.pid)
                continue
            await to_session.send(SessionMessage(message))
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        # The session has ended, and nobody listens any more.
        return
    except (ValueError, OSError) as error:
        logger.warning("process %d is not read any more: %s", process.pid, type(error).__name__)
    finally:
        lost.set()
        to_session.close()


async def _write(
    process: asyncio.subprocess.Process,
    from_session: MemoryObjectReceiveStream[SessionMessage],
    lost: asyncio.Event,
) -> None:
    assert process.stdin is not None
    try:
        async for item in from_session:
            text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()
    except OSError:
        lost.set()


async def _end(process: asyncio.subprocess.Process, pumps: list[asyncio.Task[None]]) -> None:
    """Close its stdin, then ask it to end, then kill it with all its children."""
    if process.stdin is not None:
        process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            # Also where it has ended by itself: what it started may still be there.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(KILLED_S if number == signal.SIGKILL else GRACE_S):
                await process.wait()
        if process.returncode is not None and number is not None:
            break
    for pump in pumps:
        pump.cancel()
    await asyncio.wait(pumps)
