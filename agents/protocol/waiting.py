"""Tasks that wait at an agent, whoever asked them, as far as it shows them to us."""

from __future__ import annotations

from a2a.client import A2AClientError, ClientCallContext
from a2a.types import ListTasksRequest, TaskState
from a2a.utils.errors import A2AError

from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.line import Peer

LIMIT_S = 10.0
MOST = 100


async def waiting(peer: Peer, agent: str) -> list[tuple[str, str]]:
    """Id and session of each task that waits for input. Raises AgentLost or AgentRefused."""
    request = ListTasksRequest(status=TaskState.TASK_STATE_INPUT_REQUIRED, page_size=MOST)
    try:
        found = await peer.streaming.list_tasks(request, context=ClientCallContext(timeout=LIMIT_S))
    except A2AClientError as error:
        raise AgentLost(agent, str(error)) from error
    except A2AError as error:
        raise AgentRefused(agent, f"it does not tell what waits: {error}") from error
    return [(task.id, task.context_id) for task in found.tasks]
