"""All that the screen shows, as states fed by one ordered stream of events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.kernel.event import Event
from helpdesk_tui.panes.agents.state import AgentsState
from helpdesk_tui.panes.approvals.state import ApprovalsState
from helpdesk_tui.panes.chat.state import ChatState
from helpdesk_tui.panes.inventory.state import InventoryState
from helpdesk_tui.panes.trace.state import TraceState
from helpdesk_tui.pending import PendingState
from helpdesk_tui.target_state import TargetState


@dataclass
class Views:
    """The states of the panes and of the target bar. The same events give the same views, live or replayed."""

    chat: ChatState = field(default_factory=ChatState)
    trace: TraceState = field(default_factory=TraceState)
    inventory: InventoryState = field(default_factory=InventoryState)
    approvals: ApprovalsState = field(default_factory=ApprovalsState)
    target: TargetState = field(default_factory=TargetState)
    agents: AgentsState = field(default_factory=AgentsState)
    pending: PendingState = field(default_factory=PendingState)

    def feed(self, events: Iterable[Event]) -> None:
        """Take events in, in order."""
        states = (
            self.chat, self.trace, self.inventory, self.approvals, self.target, self.agents, self.pending
        )  # fmt: skip
        for event in events:
            for state in states:
                state.feed(event)
