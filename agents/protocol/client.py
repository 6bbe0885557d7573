"""The workbench's side of the A2A line. The SDK is imported at the first call, not before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agents.governance.approval import Approval, Decision
from agents.kernel.event import Event
from agents.kernel.purpose import purpose_of
from agents.kernel.recorder import Delta, Item
from agents.log.outputs import Whole, kept_or_said
from agents.protocol.errors import AgentLost, AgentRefused
from agents.protocol.host import LocalHost
from agents.protocol.reach import Reach
from agents.protocol.sdk import import_lean
from inventory.errors import UserError

if TYPE_CHECKING:
    from a2a.types import Message

    from agents.log import EventLog
    from agents.protocol.conversation import Conversation
    from agents.protocol.line import Line, Peer
    from agents.protocol.reading import Heard, Reader

__all__ = ["AgentClient", "AgentLost", "AgentRefused", "Delta", "Item", "Reach"]

CANCEL_LIMIT_S = 5.0


class AgentClient:
    """Talks to the agents of one server, and to remote ones, each at its own address.

    Events come as they happen, each one once; they are in the agent's own log already. Whoever stops
    reading stops only the reading: the agent goes on.
    """

    def __init__(
        self,
        server: LocalHost | Reach | None,
        remote: Mapping[str, Reach] | None = None,
        log: EventLog | None = None,
    ) -> None:
        """`remote`: agents elsewhere by name; every other name is one of `server`.

        `log`: where the caller puts the events: agents elsewhere are told what its sessions are for, and outputs
        of theirs that are too long for an event are kept beside it.
        """
        self._host = server if isinstance(server, LocalHost) else None
        self._reach = server.reach if isinstance(server, LocalHost) else server
        self._remote = dict(remote or {})
        self._log = log
        self._lines: dict[str, Line] = {}
        self._talks: dict[str, Conversation] = {}
        self._agents: dict[str, str] = {}

    async def know(self, remote: Mapping[str, Reach]) -> None:
        """Know these agents elsewhere from now on; the lines to those that went or moved are closed."""
        before, self._remote = self._remote, dict(remote)
        for name in [name for name in self._lines if name and before.get(name) != remote.get(name)]:
            await self._lines.pop(name).close()

    def ask(
        self,
        agent: str,
        text: str,
        request: Mapping[str, Any] | None = None,
        session: str = "",
        target: str = "",
    ) -> AsyncIterator[Item]:
        """Ask an agent. The stream ends when the task ends, or waits for an answer (`task` event tells).

        Raises AgentLost where the agent dies meanwhile, AgentRefused where it will not.
        """
        if not session:
            raise UserError("a question belongs to a session, and none was given")

        async def opening(peer: Peer) -> Message:
            from agents.protocol.outgoing import question

            return question(peer.ours, agent, text, request or {}, session, target)

        return self._exchange(agent, session, opening, target=target)

    def answer(self, approval: Approval, decision: Decision) -> AsyncIterator[Item]:
        """Send a decision on the task that waits for it; the binding that was shown goes with it."""
        if approval.why.get("foreign"):
            return self._answer_foreign(approval, decision)

        async def deciding(peer: Peer) -> Message:
            from agents.protocol.outgoing import decided

            return decided(approval, decision, remote=approval.agent in self._remote)

        return self._exchange(approval.agent, approval.session, deciding, approval.task, approval.call.target)

    def refresh(self, approval: Approval) -> AsyncIterator[Item]:
        """Have the facts of a waiting approval read again: `approval.refreshed`, or `action.refused` if void."""

        async def refreshing(peer: Peer) -> Message:
            from agents.protocol.outgoing import refreshed

            return refreshed(approval, remote=approval.agent in self._remote)

        return self._exchange(
            approval.agent, approval.session, refreshing, approval.task, approval.call.target
        )

    def edit(self, approval: Approval, arguments: Mapping[str, Any]) -> AsyncIterator[Item]:
        """Put other arguments in the place of a waiting approval's: a new approval on the same task."""

        async def editing(peer: Peer) -> Message:
            from agents.protocol.outgoing import edited

            return edited(approval, arguments, remote=approval.agent in self._remote)

        return self._exchange(approval.agent, approval.session, editing, approval.task, approval.call.target)

    def withdraw(self, approval: Approval, reason: str = "") -> AsyncIterator[Item]:
        """Take back one's own yes, where more are needed: `approval.withdrawn`."""

        async def withdrawing(peer: Peer) -> Message:
            from agents.protocol.outgoing import withdrawn

            return withdrawn(approval, reason, remote=approval.agent in self._remote)

        return self._exchange(
            approval.agent, approval.session, withdrawing, approval.task, approval.call.target
        )

    def undo(self, approval: Approval) -> AsyncIterator[Item]:
        """Ask for what undoes the action of an approval: a task of its own, that waits for its own approval."""

        async def undoing(peer: Peer) -> Message:
            from agents.protocol.outgoing import undone

            return undone(approval, remote=approval.agent in self._remote)

        return self._exchange(approval.agent, approval.session, undoing, target=approval.call.target)

    def revoke(self, agent: str, session: str, grant_id: str, reason: str = "") -> AsyncIterator[Item]:
        """Take a grant back."""

        async def revoking(peer: Peer) -> Message:
            from agents.protocol.outgoing import revoked

            return revoked(agent, grant_id, reason, session, ours=peer.ours)

        return self._exchange(agent, session, revoking)

    def reply(self, agent: str, task: str, session: str, text: str, target: str = "") -> AsyncIterator[Item]:
        """Answer a plain question on the task that asked it. Raises as `ask` does."""

        async def replying(peer: Peer) -> Message:
            from agents.protocol.outgoing import replied

            return await replied(peer, agent, task, session, text)

        return self._exchange(agent, session, replying, task, target)

    async def resume(self, agent: str, task: str, session: str, target: str = "") -> AsyncIterator[Item]:
        """Listen again to a task that was asked before, also by another process. Raises as `ask` does."""
        async for item in self._talk(agent, session, lambda talk: talk.pick_up(task), task, target):
            yield item

    async def waiting(self, agent: str) -> list[tuple[str, str]]:
        """Tasks of the agent that wait for somebody, ours or others', each with its session.

        Raises AgentLost or AgentRefused.
        """
        line = await self._line(agent)
        from agents.protocol.waiting import waiting

        return await waiting(await line.peer(agent), agent)

    async def cancel(self, task: str, agent: str = "") -> list[Event]:
        """Cancel a task; returns the events of its end. `agent` is needed for a task asked by another client.

        Raises AgentLost or AgentRefused (where the task had ended).
        """
        name = agent or self._agents.get(task, "")
        if not name:
            raise UserError(f"task {task} was not asked here; name its agent to cancel it")
        line = await self._line(name)
        from agents.protocol.cancelling import cancel

        talk, peer = self._talks.get(task), await line.peer(name)
        heard = await cancel(
            peer, name, task, talk.reader if talk else None, CANCEL_LIMIT_S, local=line.local
        )
        if talk is not None and not peer.ours:
            talk.nudge()
        return [item for item in [await self._kept(item) for item in heard] if isinstance(item, Event)]

    async def card(self, agent: str) -> dict[str, Any]:
        """The agent's card as JSON. Raises AgentLost or AgentRefused."""
        line = await self._line(agent)
        from agents.protocol.cards import card_json

        return card_json((await line.card(agent))[0])

    async def close(self) -> None:
        lines, self._lines = self._lines, {}
        for line in lines.values():
            await line.close()

    async def __aenter__(self) -> AgentClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _answer_foreign(self, approval: Approval, decision: Decision) -> AsyncIterator[Item]:
        """Look whether the agent still waits for this very answer, record the decision, then send it."""
        line = await self._line(approval.agent)
        from agents.protocol.foreign.deciding import decision_events, decision_message, still_waits

        peer = await line.peer(approval.agent)
        waiting = await still_waits(peer, approval)
        recorded, sends = decision_events(approval, decision, waiting)
        for event in recorded:
            yield event
        if not sends:
            return

        async def deciding(peer: Peer) -> Message:
            return decision_message(approval, decision)

        async for item in self._exchange(
            approval.agent, approval.session, deciding, approval.task, approval.call.target
        ):
            yield item

    async def _exchange(
        self,
        agent: str,
        session: str,
        compose: Callable[[Peer], Awaitable[Message]],
        task: str = "",
        target: str = "",
    ) -> AsyncIterator[Item]:
        line = await self._line(agent)
        message = await compose(await line.peer(agent))
        if self._log is not None and not line.local:
            from agents.protocol.outgoing import tell_purpose

            # The local ones read the same log.
            tell_purpose(message, *await asyncio.to_thread(purpose_of, self._log, session))
        async for item in self._talk(agent, session, lambda talk: talk.run(message), task, target):
            yield item

    async def _talk(
        self,
        agent: str,
        session: str,
        talk: Callable[[Conversation], Awaitable[None]],
        task: str,
        target: str,
    ) -> AsyncIterator[Item]:
        line = await self._line(agent)
        from agents.protocol.conversation import Conversation

        # The reading never waits for whoever consumes: a slow reader would be cut off by the server.
        queue: asyncio.Queue[Heard | None] = asyncio.Queue()
        peer = await line.peer(agent)
        known = self._talks.get(task)
        reader = known.reader if known else _reader(agent, session, target, peer, local=line.local)
        conversation = Conversation(peer, agent, reader, queue.put_nowait, local=line.local)
        talking = asyncio.create_task(_to_the_end(talk(conversation), queue))
        try:
            while (item := await queue.get()) is not None:
                self._remember(conversation, agent)
                if (kept := await self._kept(item)) is not None:
                    yield kept
            await talking
        except AgentLost:
            line.forget(agent)
            raise
        finally:
            talking.cancel()
            self._remember(conversation, agent)

    async def _kept(self, heard: Heard) -> Item | None:
        """What is handed on: of an output that was kept beside the log, the event that tells of it."""
        if not isinstance(heard, Whole):
            return heard
        event = heard.event
        if self._log is None or await asyncio.to_thread(self._log.find, event.id) is not None:
            return None
        about = (self._log.path, event.session, str(event.body["evidence"]), lambda: heard.text)
        kind, body = await asyncio.to_thread(kept_or_said, *about)
        return replace(event, kind=kind, body=body)

    def _remember(self, conversation: Conversation, agent: str) -> None:
        if not conversation.task:
            return
        self._agents[conversation.task] = agent
        self._talks[conversation.task] = conversation
        if conversation.ended:
            del self._talks[conversation.task]

    async def _line(self, agent: str) -> Line:
        remote = self._remote.get(agent)
        reach = remote or self._reach
        if reach is None:
            raise UserError(f"unknown agent {agent}; known: {', '.join(self._remote) or 'none'}")
        key = agent if remote else ""
        if key not in self._lines:
            # The import takes a third of a second, which an event loop that draws a screen does not have.
            line = await asyncio.to_thread(_line_to, reach)
            if self._lines.setdefault(key, line) is not line:
                await line.close()
        line = self._lines[key]
        if remote is None and self._host is not None:
            await self._host.wait_up()
        return line


def import_wire() -> None:
    """Import what a first question needs; it takes a third of a second."""
    import_lean("agents.protocol.line", "agents.protocol.conversation")


def _line_to(reach: Reach) -> Line:
    import_wire()
    from agents.protocol.line import Line

    return Line(reach)


def _reader(agent: str, session: str, target: str, peer: Peer, *, local: bool) -> Reader:
    from agents.protocol.foreign.reading import ForeignReader
    from agents.protocol.reading import OwnReader

    return OwnReader(agent, session, local=local) if peer.ours else ForeignReader(agent, session, target)


async def _to_the_end(talking: Awaitable[None], queue: asyncio.Queue[Heard | None]) -> None:
    try:
        await talking
    finally:
        queue.put_nowait(None)
