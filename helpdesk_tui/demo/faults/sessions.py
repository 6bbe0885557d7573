"""Too many sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import psycopg

from helpdesk_tui.demo.embedded import EmbeddedServer
from helpdesk_tui.demo.faults.fault import Fault, application


@asynccontextmanager
async def exhaustion(server: EmbeddedServer, database: str) -> AsyncIterator[None]:
    """An application that leaks sessions until ordinary roles get none; the superuser's reserve is left."""
    async with AsyncExitStack() as stack:
        with suppress(psycopg.OperationalError):
            while True:
                session = await stack.enter_async_context(application(server, database, "leaky-web"))
                await session.execute("SELECT 1")
        yield


FAULTS = (
    Fault(
        "conn.exhaustion",
        "Connection slots used up",
        "The web servers say: remaining connection slots are reserved.",
        exhaustion,
        {"max_connections": "20", "superuser_reserved_connections": "6"},
    ),
)
