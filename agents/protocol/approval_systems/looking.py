"""One look at an approval system: new requests into the log, and the end of those that wait no more."""

from __future__ import annotations

import asyncio

from agents.governance.approval import Approval
from agents.log import EventLog
from agents.protocol.approval_systems.config import RemoteSystem
from agents.protocol.approval_systems.reading import ended, origin, remote_id, requested
from agents.protocol.approval_systems.rest import SystemClient


def look(system: RemoteSystem, log: EventLog, session: str, *, everywhere: bool = False) -> int:
    """Look once, on this thread, and record what is new in `session`; how many events that were.

    `everywhere`: what another session knows already is not new. Raises AgentLost or AgentRefused, or UserError
    where a secret is missing.
    """
    return asyncio.run(_look(system, log, session, everywhere))


async def _look(system: RemoteSystem, log: EventLog, session: str, everywhere: bool) -> int:
    async with SystemClient(system) as client:
        # The newest comes first on that wire; here the one that waits longest does.
        pending = reversed(await client.pending())
        waiting = {there: item for item in pending if (there := remote_id(item))}
        own = [row for row in log.approvals() if row.agent == system.name]
        rows = [row for row in own if everywhere or row.session == session]
        known = {origin(row.approval)[1] for row in rows}
        news = [requested(system, item, session) for there, item in waiting.items() if there not in known]
        for row in rows:
            there = origin(row.approval)[1]
            if row.state == "pending" and there not in waiting:
                end = ended(Approval.from_json(row.approval), await client.one(there))
                news += [end] if end else []
    log.append(*news)
    return len(news)
