"""Heads of the log, sent where audit.toml says for as long as the workbench runs, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from helpdesk_tui.session import Feed
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.log.anchoring import Anchoring


class Anchors:
    """Sends on a thread; a place that fails is told once, in the session and on the screen."""

    def __init__(self, feed: Feed, on_trouble: Callable[[str], None]) -> None:
        """`on_trouble` gets a line for the operator."""
        self._feed = feed
        self._on_trouble = on_trouble
        self._anchoring: Anchoring | None = None

    async def run(self) -> None:
        """Send on the schedule, for ever; ends at once where no place is configured."""
        try:
            self._anchoring = await asyncio.to_thread(self._configured)
        except UserError as error:
            self._on_trouble(str(error))
            return
        await self._anchoring.run(self._tell)

    def last(self) -> list[str]:
        """Send what was not sent yet, before the log is closed; what failed, in lines. Blocks for seconds at most."""
        return self._anchoring.send() if self._anchoring else []

    def _configured(self) -> Anchoring:
        from agents.log.anchoring import Anchoring
        from agents.log.settings import load_audit

        return Anchoring(self._feed.log, load_audit().anchors)

    async def _tell(self, line: str) -> None:
        await self._feed.append(self._feed.event("note", {"text": line}, principal="helpdesk"))
        self._on_trouble(line)
