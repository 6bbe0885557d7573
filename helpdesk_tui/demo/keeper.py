"""The process that keeps a demo or a drill: it owns the server and the fault's sessions, and takes both with it.

Run by `start_keeper`, with the name of a fault for a drill. It tells its progress on stdout, a JSON object a line, and lives as long as its
stdin is open: whoever started it may quit, crash or be killed, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpdesk_tui.demo.embedded import EmbeddedServer
from inventory.errors import UserError

if TYPE_CHECKING:
    from helpdesk_tui.demo.faults.fault import Fault

TARGET_NAME = "shop-demo"
STOP_TIMEOUT_S = 30
SETTINGS = {"shared_buffers": "64MB", "max_connections": "60", "cluster_name": TARGET_NAME}


@dataclass(frozen=True, slots=True)
class Keeper:
    """A running keeper and the conninfo (with its password, where it has one) of its database."""

    process: subprocess.Popen[str]
    conninfo: str

    def stop(self) -> None:
        """Let go; returns when the server and its files are gone."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start_keeper(progress: Callable[[str], None], fault: str = "") -> Keeper:
    """Start a server of its own with the demo's incident, or with one fault; `progress` gets a line for each step.

    Raises `UserError` (exit 3) with the keeper's own words where it can't.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "helpdesk_tui.demo.keeper", *([fault] if fault else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    last = "the demo server's keeper ended before it was ready"
    assert process.stdout is not None
    for line in process.stdout:
        said = json.loads(line)
        if "ready" in said:
            return Keeper(process, said["ready"])
        last = said.get("error", last)
        progress(said.get("step", last))
    process.wait()
    raise UserError(last, exit_code=3)


def main() -> int:
    """Keep a demo until stdin closes or a signal asks to stop."""
    server: EmbeddedServer | None = None
    try:
        _say(step="starting PostgreSQL 18")
        fault = _asked_for()
        settings = {**SETTINGS, **(fault.settings if fault else {})}
        server = EmbeddedServer.create(18, settings).start()
        asyncio.run(_keep_fault(server, fault) if fault else _keep(server))
    except UserError as error:
        _say(error=str(error))
        return error.exit_code
    finally:
        if server is not None:
            server.destroy()
    return 0


async def _keep(server: EmbeddedServer) -> None:
    from helpdesk_tui.demo import incident

    released = _released()
    password = secrets.token_urlsafe(18)
    _say(step="loading the shop")
    await incident.prepare(server.conninfo(), password)
    _say(step="making the incident")
    async with incident.incident(server.conninfo()):
        _say(ready=server.conninfo(user="dba", dbname=incident.DATABASE, password=password, tcp=True))
        await released.wait()


async def _keep_fault(server: EmbeddedServer, fault: Fault) -> None:
    from helpdesk_tui.demo.faults.fault import DATABASE, prepare

    released = _released()
    _say(step="loading a database")
    await prepare(server)
    _say(step="making the fault")
    async with fault.make(server, DATABASE):
        await asyncio.sleep(fault.grows_s)
        _say(ready=server.conninfo(dbname=DATABASE))
        await released.wait()


def _asked_for() -> Fault | None:
    if len(sys.argv) < 2:
        return None
    from helpdesk_tui.demo.faults import all_faults

    return all_faults()[sys.argv[1]]


def _released() -> asyncio.Event:
    """An event that is set when stdin closes or a signal asks to stop; a lost terminal doesn't."""
    released = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: None if os.read(0, 4096) else released.set())
    for asked in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(asked, released.set)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return released


def _say(**words: str) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    sys.exit(main())
