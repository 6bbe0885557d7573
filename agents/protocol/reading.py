"""What agents that speak our extension send: their own events and text, each once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Protocol

from a2a.types import StreamResponse, Task

from agents.kernel.event import Event
from agents.kernel.recorder import Item
from agents.log.outputs import Whole
from agents.protocol.admission import admitted
from agents.protocol.wire import items_of, messages_of

logger = logging.getLogger(__name__)

Heard = Item | Whole
"""What comes over the line; an output that is too long for an event is kept before anyone is told of it."""


class Reader(Protocol):
    """Reads all that comes over the line about one task; what was read before is not given again."""

    task: str

    def items(self, response: StreamResponse | Task) -> Iterator[Heard]: ...

    def answered(self, message_id: str) -> None:
        """The operator's message with this id is about to be sent on the task."""


class OwnReader:
    """Events as the agent recorded them; those of another host are looked at before they are let in."""

    def __init__(self, agent: str, session: str, *, local: bool) -> None:
        self.task = ""
        self._agent = agent
        self._session = session
        self._local = local
        self._messages: set[str] = set()
        self._events: set[str] = set()

    def items(self, response: StreamResponse | Task) -> Iterator[Heard]:
        for message in messages_of(response):
            if message.message_id in self._messages:
                continue
            self._messages.add(message.message_id)
            for item in items_of(message):
                read = self._event(item) if isinstance(item, Event) else item
                if read is not None:
                    yield read

    def answered(self, message_id: str) -> None:
        return

    def _event(self, event: Event) -> Event | None:
        if event.id in self._events:
            return None
        if (event.session, event.task) != (self._session, self.task):
            logger.warning("%s: an event of another task or session was dropped", self._agent)
            return None
        self._events.add(event.id)
        return event if self._local else admitted(event, self._agent)
