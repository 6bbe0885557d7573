"""A session in the log for an MCP client: who it says it is, and each of its calls as a task."""

from __future__ import annotations

import asyncio
import getpass
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agents.kernel import targets
from agents.kernel.event import Event, new_id
from agents.kernel.recorded import one_line
from agents.kernel.recorder import Recorder
from agents.reasoning.boundary import Boundary
from inventory import __version__

if TYPE_CHECKING:
    from agents.log import EventLog
    from agents.models.configuration import Privacy

AGENT = "database"


class Visit:
    """One client's session. Its name is what the client says of itself; whoever started it has our account."""

    def __init__(self, log: EventLog, client: str, target: str, privacy: Privacy) -> None:
        """`target`: the only one that is read, or empty; `privacy`: what may leave this machine."""
        self.principal = f"mcp:{client}"
        self._log = log
        self._session = new_id()
        self.boundary = Boundary(privacy, self._session)
        self._target = target
        self._opened = False

    @asynccontextmanager
    async def task(self, tool: str, target: str) -> AsyncIterator[Recorder]:
        """A task for one call, recorded from its beginning to its end."""
        await self._open()
        recorder = Recorder(
            self._log, session=self._session, task=new_id(), agent=AGENT, target=target, caller=self.principal
        )
        async with recorder:
            recorder.emit(
                "message", {"role": "operator", "text": f"{tool} over MCP"}, principal=self.principal
            )
            recorder.emit("route", {"agent": AGENT, "why": "asked over MCP"}, principal=self.principal)
            recorder.emit("task", {"state": "working", "text": "", "process": "", "by": self.principal})
            state, text = "canceled", "the client cancelled"
            try:
                yield recorder
                state, text = "completed", ""
            except Exception as error:
                state, text = "failed", one_line(error)
                raise
            finally:
                recorder.emit("task", {"state": state, "text": text})

    async def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        described = dict(targets.describe(self._target)) if self._target else None
        body = {
            "operator": getpass.getuser(), "host": socket.gethostname(), "version": __version__,
            "target": described,
        }  # fmt: skip
        opened = Event("session.opened", self._session, body, self.principal, target=self._target)
        await asyncio.to_thread(self._log.append, opened)
