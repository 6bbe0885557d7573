"""The experts as the desk sees them: a process of local ones, and agents elsewhere, all on the other side of A2A."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from helpdesk_tui.messages import Decided
from inventory.errors import NOT_COMPLETED, UserError

if TYPE_CHECKING:
    from agents.governance.approval import Approval
    from agents.kernel.recorder import Item
    from agents.log import EventLog
    from agents.protocol.client import AgentClient
    from agents.protocol.host import LocalHost
    from agents.protocol.reach import Reach
    from inventory.target import Target

OnState = Callable[[str, str], Awaitable[None]]


class Experts:
    """Starts the process, talks to it and to others, stops it. All of A2A is imported here, when it is first needed."""

    def __init__(self, names: Sequence[str], on_state: OnState, token: str | None = None) -> None:
        """`names`: which experts, all where empty. `on_state` gets each new state of the process (starting, up, down, restarted) and a line about it. `token` says who talks to the local ones."""
        self._names = names
        self._token = token
        self._on_state = on_state
        self._host: LocalHost | None = None
        self._client: AgentClient | None = None
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """Process id, where one runs."""
        return self._host.pid if self._host else None

    @property
    def up(self) -> bool:
        """Whether the local experts serve."""
        return self._host is not None and self._host.state in {"up", "restarted"}

    @property
    def local(self) -> list[str]:
        """Names of the local experts; those that are only known once they serve are left out until then."""
        if self._host is not None and self._host.agents:
            return list(self._host.agents)
        from agents.protocol.experts import EXPERTS

        return [name for name in self._names or EXPERTS if ":" not in name]

    @property
    def reach(self) -> Reach | None:
        """How the local experts are reached."""
        return self._host.reach if self._host else None

    def open(self, log: EventLog) -> None:
        """Be ready to be asked: what is asked from now on waits for the process. `log`: where the events go."""
        from agents.protocol.client import AgentClient
        from agents.protocol.host import LocalHost

        self._host = LocalHost(self._names, on_state=self._state, token=self._token)
        self._client = AgentClient(self._host, log=log)

    async def start(self, targets: Iterable[Target]) -> None:
        """Start the process and tell it the targets. Raises UserError where it does not come up."""
        assert self._host is not None
        for target in targets:
            await self._host.tell_target(target)
        await self._host.start()

    async def stop(self) -> None:
        """End the process; an action under way is waited for."""
        if self._client is not None:
            await self._client.close()
        if self._host is not None:
            await self._host.stop()

    async def know(self, remote: Mapping[str, Reach]) -> None:
        """Know these agents elsewhere from now on; a session that is only looked at asks none."""
        if self._client is not None:
            await self._client.know(remote)

    async def wait_up(self) -> None:
        """Return once the local experts serve. Raises UserError where that takes too long."""
        if self._host is not None:
            await self._host.wait_up()

    def ask(
        self, agent: str, text: str, request: Mapping[str, Any], session: str, target: str
    ) -> AsyncIterator[Item]:
        """Ask an expert; everything that comes of it until the task ends or waits."""
        return self.client.ask(agent, text, request, session, target)

    def reply(self, agent: str, task: str, session: str, text: str, target: str) -> AsyncIterator[Item]:
        """Answer the plain question of a task."""
        return self.client.reply(agent, task, session, text, target)

    def resume(self, agent: str, task: str, session: str, target: str) -> AsyncIterator[Item]:
        """Listen again to a task that was asked before."""
        return self.client.resume(agent, task, session, target)

    def answer(self, asked: Approval, decided: Decided) -> AsyncIterator[Item]:
        """Carry a decision to the task that waits for it."""
        from agents.governance.approval import Decision
        from agents.protocol.approval_systems import answer, is_elsewhere

        decision = Decision(
            approval=decided.approval,
            decision=cast("Literal['approve', 'deny']", decided.decision),
            reason=decided.reason,
            confirmation=decided.confirmation,
            unlock=decided.unlock,
            call_sha256=decided.call_sha256,
            grant=decided.grant,
        )
        return answer(asked, decision) if is_elsewhere(asked) else self.client.answer(asked, decision)

    async def cancel(self, agent: str, task: str) -> AsyncIterator[Item]:
        """Cancel a task; the events of its end."""
        for event in await self.client.cancel(task, agent):
            yield event

    @property
    def client(self) -> AgentClient:
        """The line to the experts. Raises UserError where it is not open."""
        if self._client is None:
            raise UserError("the experts are not running", exit_code=NOT_COMPLETED)
        return self._client

    def _state(self, state: str, text: str) -> None:
        if state == "stopped":
            return
        # A reference is kept, or the loop may drop the task before it has run.
        task = asyncio.ensure_future(self._on_state(state, text))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
