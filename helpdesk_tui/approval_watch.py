"""Approvals that wait at other systems, read into the session for as long as the workbench runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from helpdesk_tui.crash import record_crash
from helpdesk_tui.session import Feed
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.log import EventLog
    from agents.protocol.approval_systems.config import RemoteSystem

INTERVAL_S = 5.0
"""Between two looks at a system: a person waits there, and an answer is a few kilobytes."""
LONGEST_S = 60.0
"""Between two looks at a system that does not answer; each time twice as long as before."""


class ApprovalWatch:
    """Looks at each system of `approvals.toml` in turn of its own, on a thread; a lost line is told once."""

    def __init__(self, feed: Feed, on_trouble: Callable[[str], None], interval_s: float = INTERVAL_S) -> None:
        """`on_trouble` gets a line for the operator."""
        self._feed = feed
        self._on_trouble = on_trouble
        self._interval_s = interval_s

    async def run(self) -> None:
        """Look for ever; ends at once where there is no such system."""
        try:
            systems, warnings = await asyncio.to_thread(_load)
        except UserError as error:
            self._on_trouble(str(error))
            return
        for warning in warnings:
            self._on_trouble(warning)
        log = self._feed.log
        await asyncio.gather(*(self._follow(system, log) for system in systems.values()))

    async def _follow(self, system: RemoteSystem, log: EventLog) -> None:
        pause, lost = self._interval_s, ""
        while True:
            found, trouble = await asyncio.to_thread(self._look, system, log)
            if found:
                self._feed.wake()
            if bool(trouble) != bool(lost):
                await self._tell(trouble or f"approvals of {system.name}: it answers again")
            lost = trouble
            pause = min(pause * 2, max(LONGEST_S, self._interval_s)) if trouble else self._interval_s
            await asyncio.sleep(pause)

    def _look(self, system: RemoteSystem, log: EventLog) -> tuple[int, str]:
        """One look: how many events it brought, and why it failed, empty where it did not."""
        from agents.protocol.approval_systems.looking import look

        try:
            return look(system, log, self._feed.session), ""
        except UserError as error:
            return 0, f"approvals of {system.name} cannot be read; asked again, ever more seldom: {error}"
        except Exception as error:
            return 0, f"approvals of {system.name} cannot be read: {record_crash(error)}"

    async def _tell(self, text: str) -> None:
        await self._feed.append(self._feed.event("note", {"text": text}, principal="helpdesk"))
        self._on_trouble(text)


def _load() -> tuple[dict[str, RemoteSystem], tuple[str, ...]]:
    from agents.protocol.approval_systems.config import load_systems, systems_path

    return load_systems() if systems_path().exists() else ({}, ())
