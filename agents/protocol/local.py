"""The child process of local experts: `python -m agents.protocol.local --socket PATH`.

It serves on a private Unix socket, says so in one JSON line on stdout, takes targets (with secrets) as JSON
lines on stdin, and ends when stdin does: with its parent, however that one ended.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from agents.protocol.logs import log_to_file
from agents.protocol.sdk import import_lean

logger = logging.getLogger("agents.protocol.local")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    # Only the ready line goes to the parent; whatever else is printed belongs in the log file.
    ready = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    log_to_file("agents")
    try:
        asyncio.run(_run(options, ready))
    except Exception as error:
        logger.exception("the local agents cannot run")
        _say(ready, {"error": str(error)})
        return 3
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m agents.protocol.local", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--expert", action="append", default=[], help="name of an expert, or module:factory")
    parser.add_argument("--memory", action="store_true", help="keep tasks in memory: for one-shot use")
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace, ready: TextIO) -> None:
    # What is made while modules are imported stays: to look for garbage in it takes a seventh of the start.
    gc.disable()
    import_lean("agents.protocol.server")
    from agents.loading import load
    from agents.log import EventLog
    from agents.protocol.experts import EXPERTS
    from agents.protocol.kept_tasks import STORE_FILE
    from agents.protocol.server import AgentServer, unix_door
    from agents.protocol.store import open_store

    log = EventLog.open()
    experts = load(options.expert or EXPERTS)
    store = open_store(None if options.memory else log.path.parent / STORE_FILE)
    server = AgentServer(experts, log, store, unix_door(options.socket))
    await server.settle()
    gc.freeze()
    gc.enable()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    listening = asyncio.create_task(_listen(server.stop, ready), name="stdin")
    serving = asyncio.create_task(server.serve(), name="server")
    _say(ready, {"ready": True, "pid": os.getpid(), "agents": [expert.name for expert in experts]})
    logger.info("serving %s", ", ".join(expert.name for expert in experts))
    await serving
    listening.cancel()
    log.close()


async def _listen(stop: Callable[[], None], told: TextIO) -> None:
    """Take targets until the parent closes the pipe; each is answered with a line."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while line := await reader.readline():
            _say(told, {"told": _take(line)})
    finally:
        stop()


def _take(line: bytes) -> str:
    from agents.kernel import targets
    from inventory.target import Target

    try:
        target = Target.from_private_json(json.loads(line)["target"])
    except (ValueError, KeyError, TypeError):
        # The line itself may hold a secret, so nothing of it is written down.
        logger.warning("a line on stdin was not understood")
        return ""
    targets.tell(target)
    return target.name


def _say(ready: TextIO, line: dict[str, Any]) -> None:
    ready.write(json.dumps(line) + "\n")
    ready.flush()


if __name__ == "__main__":
    # Not `sys.exit`: threads of a library must not keep a process alive whose parent is gone.
    code = main()
    logging.shutdown()
    os._exit(code)
