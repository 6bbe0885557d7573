"""What can go wrong on the line to an agent, in words for the operator."""

from __future__ import annotations

from inventory.errors import UserError


class AgentLost(UserError):
    """The agent does not answer any more; what it did until then is in its log."""

    def __init__(self, agent: str, why: str) -> None:
        super().__init__(f"agent {agent} is gone: {why}; ask again when it is back", exit_code=3)
        self.agent = agent
        self.why = why


class AgentRefused(UserError):
    """The agent answered, and will not do what was asked."""

    def __init__(self, agent: str, why: str) -> None:
        super().__init__(f"agent {agent}: {why}", exit_code=3)
        self.agent = agent
