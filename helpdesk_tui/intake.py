"""What comes of an exchange with an agent: every event into the log, text to the chat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from agents.kernel.event import Event
from agents.protocol.errors import AgentLost, AgentRefused
from helpdesk_tui.crash import record_crash
from helpdesk_tui.session import Feed
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.kernel.recorder import Item

Stream = Callable[[], "AsyncIterator[Item]"]


class End(Enum):
    """How an exchange ended."""

    THROUGH = "the task ended, or waits"
    LOST = "the agent is gone"
    REFUSED = "the agent will not"
    BROKEN = "something else went wrong"


@dataclass(frozen=True, slots=True)
class Taken:
    """An exchange that is over."""

    end: End
    why: str = ""
    """One line, where it did not get through."""
    task: str = ""
    """The task that it was about, as far as that became known."""


class Intake:
    """Reads exchanges to their end. Whatever goes wrong on one, the session and the others go on."""

    def __init__(self, feed: Feed, on_text: Callable[[str, str], None]) -> None:
        """`on_text` gets the agent and a piece of text as it is streamed."""
        self._feed = feed
        self._on_text = on_text
        self._reading: dict[asyncio.Task[Taken], tuple[str, _Known]] = {}
        self._given_up: dict[asyncio.Task[Taken], str] = {}

    async def take(self, agent: str, stream: Stream) -> Taken:
        """Put every event of the stream into the log."""
        task = _Known()
        reading = asyncio.ensure_future(self._read(agent, stream, task))
        self._reading[reading] = (agent, task)
        try:
            return await reading
        except asyncio.CancelledError:
            why = self._given_up.pop(reading, "")
            if not why:
                raise
            return Taken(End.LOST, why, task.id)
        finally:
            del self._reading[reading]

    def tasks(self, agent: str) -> set[str]:
        """The agent's tasks that are being read."""
        return {task.id for name, task in self._reading.values() if name == agent and task.id}

    def give_up(self, agent: str, why: str) -> None:
        """Stop reading what the agent says: it is known to be gone before its line breaks off."""
        for reading in [reading for reading, (name, _) in self._reading.items() if name == agent]:
            self._given_up[reading] = why
            reading.cancel()

    async def take_or_say(
        self, agent: str, stream: Stream, what: str, about: Mapping[str, Any] | None = None
    ) -> bool:
        """Take it in, and say in the session where it did not get through; `about` goes with that note."""
        taken = await self.take(agent, stream)
        if taken.end is not End.THROUGH:
            lost = f"the line broke off at {what}, which may have arrived"
            said = lost if taken.end is End.LOST else f"{what} did not get through"
            await self.note(f"{said}: {taken.why}", about)
        return taken.end is End.THROUGH

    async def note(self, text: str, about: Mapping[str, Any] | None = None) -> None:
        """Say something of our own in the session."""
        body = {"text": text, **(about or {})}
        await self._feed.append(self._feed.event("note", body, principal="helpdesk"))

    async def _read(self, agent: str, stream: Stream, task: _Known) -> Taken:
        try:
            async for item in stream():
                if isinstance(item, Event):
                    task.id = item.task or task.id
                    await self._feed.append(item)
                else:
                    self._on_text(agent, item.text)
        except AgentLost as error:
            return Taken(End.LOST, str(error), task.id)
        except AgentRefused as error:
            return Taken(End.REFUSED, str(error), task.id)
        except UserError as error:
            return Taken(End.BROKEN, str(error), task.id)
        except Exception as error:
            return Taken(End.BROKEN, record_crash(error), task.id)
        return Taken(End.THROUGH, "", task.id)


@dataclass
class _Known:
    """The task of an exchange, once it is known."""

    id: str = ""
