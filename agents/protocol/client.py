"""The workbench's side of the A2A line. The SDK is imported at the first call, not before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agents.governance.approval import Approval, Decision
from agents.kernel.event import Event
from agents.kernel.recorder import Delta, Item
from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.extension import encode_decision, encode_question, encode_refresh
from agents.protocol.host import LocalHost
from agents.protocol.reach import Reach
from inventory.errors import UserError

if TYPE_CHECKING:
    from a2a.types import Message

    from agents.protocol.conversation import Seen
    from agents.protocol.line import Line

__all__ = ["AgentClient", "AgentLost", "AgentRefused", "Delta", "Item", "Reach"]

CANCEL_LIMIT_S = 5.0


class AgentClient:
    """Talks to the agents of one server.

    Events come as they happen, each one once; they are in the agent's own log already. Whoever stops
    reading stops only the reading: the agent goes on.
    """

    def __init__(self, server: LocalHost | Reach) -> None:
        self._host = server if isinstance(server, LocalHost) else None
        self._reach = server.reach if isinstance(server, LocalHost) else server
        self._open: Line | None = None
        self._seen: dict[str, Seen] = {}
        self._agents: dict[str, str] = {}

    def ask(
        self,
        agent: str,
        text: str,
        request: Mapping[str, Any] | None = None,
        session: str = "",
        target: str = "",
    ) -> AsyncIterator[Item]:
        """Ask an agent. The stream ends when the task ends, or waits for an approval (`task` event tells).

        Raises AgentLost where the agent dies meanwhile, AgentRefused where it will not.
        """
        if not session:
            raise UserError("a question belongs to a session, and none was given")
        return self._exchange(agent, text, encode_question(text, request or {}, target), session)

    def answer(self, approval: Approval, decision: Decision) -> AsyncIterator[Item]:
        """Send a decision on the task that waits for it; the binding that was shown goes with it."""
        sent = replace(decision, call_sha256=decision.call_sha256 or approval.call_sha256)
        return self._exchange(
            approval.agent, decision.decision, encode_decision(sent), approval.session, approval.task
        )

    def refresh(self, approval: Approval) -> AsyncIterator[Item]:
        """Have the facts of a waiting approval read again: `approval.refreshed`, or `action.refused` if void."""
        return self._exchange(
            approval.agent, "refresh", encode_refresh(approval.id), approval.session, approval.task
        )

    async def cancel(self, task: str, agent: str = "") -> list[Event]:
        """Cancel a task; returns the events of its end. `agent` is needed for a task asked by another client.

        Raises AgentLost or AgentRefused (where the task had ended).
        """
        name = agent or self._agents.get(task, "")
        if not name:
            raise UserError(f"task {task} was not asked here; name its agent to cancel it")
        line = await self._line()
        from a2a.client import A2AClientError, ClientCallContext
        from a2a.types import CancelTaskRequest
        from a2a.utils.errors import A2AError

        from agents.protocol.wire import items_of

        client = await line.client(name)
        try:
            context = ClientCallContext(timeout=CANCEL_LIMIT_S)
            ended = await client.cancel_task(CancelTaskRequest(id=task), context=context)
        except A2AClientError as error:
            raise AgentLost(name, str(error)) from error
        except A2AError as error:
            raise AgentRefused(name, str(error)) from error
        return [item for item in items_of(ended.status.message) if isinstance(item, Event)]

    async def card(self, agent: str) -> dict[str, Any]:
        """The agent's card as JSON. Raises AgentLost or AgentRefused."""
        line = await self._line()
        from agents.protocol.line import card_json

        return card_json(await line.card(agent))

    async def close(self) -> None:
        if self._open is not None:
            await self._open.close()
            self._open = None

    async def __aenter__(self) -> AgentClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _exchange(
        self, agent: str, text: str, data: Mapping[str, Any], session: str, task: str = ""
    ) -> AsyncIterator[Item]:
        line = await self._line()
        from agents.protocol.conversation import Conversation, Seen
        from agents.protocol.wire import operator_message

        # The reading never waits for whoever consumes: a slow reader would be cut off by the server.
        queue: asyncio.Queue[Item | None] = asyncio.Queue()
        seen = self._seen.get(task) or Seen()
        conversation = Conversation(
            await line.client(agent), agent, session, seen, queue.put_nowait, local=line.local
        )
        talking = asyncio.create_task(_talk(conversation, operator_message(text, data, session, task), queue))
        try:
            while (item := await queue.get()) is not None:
                self._remember(conversation, agent)
                yield item
            await talking
        finally:
            talking.cancel()
            self._remember(conversation, agent)

    def _remember(self, conversation: Any, agent: str) -> None:
        if not conversation.task:
            return
        self._agents[conversation.task] = agent
        self._seen[conversation.task] = conversation.seen
        if conversation.ended:
            del self._seen[conversation.task]

    async def _line(self) -> Line:
        if self._host is not None:
            await self._host.wait_up()
        if self._open is None:
            # The import takes a third of a second, which an event loop that draws a screen does not have.
            self._open = await asyncio.to_thread(_line_to, self._reach)
        return self._open


def _line_to(reach: Reach) -> Line:
    from agents.protocol import conversation, line  # noqa: F401

    return line.Line(reach)


async def _talk(conversation: Any, message: Message, queue: asyncio.Queue[Item | None]) -> None:
    try:
        await conversation.run(message)
    finally:
        queue.put_nowait(None)
