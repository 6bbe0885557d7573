"""Cancelling a task, and what came of it."""

from __future__ import annotations

from a2a.client import A2AClientError, ClientCallContext
from a2a.types import CancelTaskRequest
from a2a.utils.errors import A2AError

from agents.kernel.event import Event
from agents.protocol.admission import admitted
from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.line import Peer
from agents.protocol.reading import Reader
from agents.protocol.wire import items_of


async def cancel(
    peer: Peer, agent: str, task: str, reader: Reader | None, limit_s: float, *, local: bool
) -> list[Event]:
    """Cancel the task; the events of its end. Raises AgentLost or AgentRefused."""
    try:
        context = ClientCallContext(timeout=limit_s)
        ended = await peer.streaming.cancel_task(CancelTaskRequest(id=task), context=context)
    except A2AClientError as error:
        raise AgentLost(agent, str(error)) from error
    except A2AError as error:
        raise AgentRefused(agent, str(error)) from error
    if not peer.ours:
        items = reader.items(ended) if reader is not None else ()
        return [item for item in items if isinstance(item, Event)]
    events = [item for item in items_of(ended.status.message) if isinstance(item, Event)]
    return events if local else [event for item in events if (event := admitted(item, agent))]
