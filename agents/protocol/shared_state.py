"""What holds for a session on every server that shares a task store: its purpose, unlocked targets, and grants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import text

from agents.kernel.event import Event
from agents.log import StoredEvent

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

KINDS = frozenset({
    "session.purpose", "target.unlocked", "target.locked", "grant.given", "grant.used", "grant.revoked",
})  # fmt: skip
"""Events that change what is allowed in a session; the server's own log keeps them too, for the record."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS helpdesk_session_state (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " id text NOT NULL UNIQUE, session text NOT NULL, kind text NOT NULL, event text NOT NULL)"
)
_INDEX = "CREATE INDEX IF NOT EXISTS helpdesk_session_state_of ON helpdesk_session_state (session, kind)"


class SharedState:
    """These events of all servers, in one order. Without the database nothing is unlocked and no grant stands."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(self, connection: AsyncConnection) -> None:
        """Make the table where it is missing."""
        for statement in (_TABLE, _INDEX):
            await connection.execute(text(statement))

    async def remember(self, events: Sequence[Event]) -> None:
        """Make events known to every server. Raises what the database raises."""
        async with self._engine.begin() as connection:
            for event in events:
                await connection.execute(
                    text(
                        "INSERT INTO helpdesk_session_state (id, session, kind, event)"
                        " VALUES (:id, :session, :kind, :event) ON CONFLICT (id) DO NOTHING"
                    ),
                    {
                        "id": event.id,
                        "session": event.session,
                        "kind": event.kind,
                        "event": json.dumps(event.to_json()),
                    },
                )

    async def recall(self, session: str, kinds: Sequence[str]) -> list[StoredEvent]:
        """The events of a session of these kinds, in the order in which the database took them."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(
                text(
                    "SELECT n, event FROM helpdesk_session_state WHERE session = :session AND kind = ANY(:kinds)"
                    " ORDER BY n"
                ),
                {"session": session, "kinds": list(kinds)},
            )
            return [StoredEvent(row[0], row[0], Event.from_json(json.loads(row[1])), "") for row in rows]
