"""Cancelling a task, and what came of it."""

from __future__ import annotations

from a2a.client import A2AClientError, ClientCallContext
from a2a.types import CancelTaskRequest
from a2a.utils.errors import A2AError

from agents.kernel.event import Event
from agents.protocol.admission import admitted
from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.line import Peer
from agents.protocol.reading import Heard, Reader
from agents.protocol.wire import items_of


async def cancel(
    peer: Peer, agent: str, task: str, reader: Reader | None, limit_s: float, *, local: bool
) -> list[Heard]:
    """Cancel the task; what comes of its end. Raises AgentLost or AgentRefused."""
    try:
        context = ClientCallContext(timeout=limit_s)
        ended = await peer.streaming.cancel_task(CancelTaskRequest(id=task), context=context)
    except A2AClientError as error:
        raise AgentLost(agent, str(error)) from error
    except A2AError as error:
        raise AgentRefused(agent, str(error)) from error
    if not peer.ours:
        return list(reader.items(ended)) if reader is not None else []
    events = [item for item in items_of(ended.status.message) if isinstance(item, Event)]
    return [event for item in events if (event := item if local else admitted(item, agent))]
