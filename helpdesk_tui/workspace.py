"""The workspace: target bar, tabs, the panes at their places, key bar; and which pane is active."""

from __future__ import annotations

from datetime import datetime

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from helpdesk_tui.bars import KeyBar, TabStrip, TargetBar
from helpdesk_tui.keys import of
from helpdesk_tui.messages import AgentAddressed
from helpdesk_tui.pane import FilterInput, Pane
from helpdesk_tui.panes.agents.pane import AgentsPane
from helpdesk_tui.panes.approvals.pane import ApprovalsPane
from helpdesk_tui.panes.chat.pane import ChatPane
from helpdesk_tui.panes.inventory.pane import InventoryPane
from helpdesk_tui.panes.trace.pane import TracePane
from helpdesk_tui.paper import Span, block
from helpdesk_tui.paper_view import PaperView
from helpdesk_tui.views import Views

ORDER = ("chat", "trace", "inventory", "approvals", "agents")
_TOO_SMALL = "This terminal is too small: the workbench needs 60 columns and 15 lines. Enlarge it, or leave with Ctrl+Q."


class Workspace(Vertical):
    """Everything of the main screen. It shows views; it never changes them."""

    def __init__(self, views: Views, flush_s: float = 0.1) -> None:
        """`flush_s`: shortest time between two paints of streamed text, in seconds."""
        super().__init__(id="workspace")
        self.views = views
        self.target_bar = TargetBar(views.target)
        self.chat = ChatPane(views.chat, views.pending, flush_s)
        self.trace = TracePane(views.trace)
        self.inventory = InventoryPane(views.inventory)
        self.approvals = ApprovalsPane(views.approvals)
        self.agents = AgentsPane(views.agents)
        self.panes: dict[str, Pane] = {
            pane.NAME: pane for pane in (self.chat, self.trace, self.inventory, self.approvals, self.agents)
        }
        self.tabs = TabStrip([(pane.NAME, pane.KEY, pane.TITLE) for pane in self.panes.values()])
        self.key_bar = KeyBar()
        self.active = "chat"
        self._waiting = 0

    def compose(self) -> ComposeResult:
        yield self.target_bar
        yield self.tabs
        with Horizontal(id="columns"):
            with Vertical(id="left", classes="column"):
                yield self.chat
                yield self.approvals
            with Vertical(id="right", classes="column"):
                yield self.trace
                yield self.inventory
                yield self.agents
        yield self.key_bar
        yield PaperView([block(Span(_TOO_SMALL))], id="too-small")

    def sync(self, now: datetime) -> None:
        """Bring everything up to date with the views."""
        self._waiting = len(self.views.approvals.pending(now))
        self.target_bar.sync()
        self.chat.sync(now)
        self.trace.sync()
        self.inventory.sync(now)
        self.approvals.sync(now)
        self.sync_agents()
        self.draw_bars()

    def sync_agents(self) -> None:
        """Show the agents as they are now; their names are completed in the prompt."""
        self.chat.prompt.agents = tuple(self.views.agents.agents)
        self.agents.sync()

    def tick(self, now: datetime) -> None:
        """Once a second: what shows a running time."""
        self.chat.tick(now)
        self.approvals.tick(now)

    def decided_all(self, now: datetime) -> bool:
        """True where the approvals pane is in front and has done its work, so that the chat goes on."""
        approvals = self.views.approvals
        return (
            self.screen.is_current
            and self.active == "approvals"
            and not approvals.pending(now)
            and not any(ask.state in {"approved", "started"} for ask in approvals.asks.values())
        )

    def inventory_in_sight(self) -> bool:
        """True where someone can see the health of targets."""
        return self.is_attached and self.screen.is_current and self.inventory.region.height > 0

    @on(AgentAddressed)
    def _addressed(self, event: AgentAddressed) -> None:
        self.address(event.agent)

    def address(self, agent: str) -> None:
        """Begin a question to this agent."""
        self.go("chat")
        self.chat.prompt.address(agent)

    # the active pane

    def go(self, name: str) -> None:
        """Make a pane the active one and give it the focus."""
        self._activate(name)
        # At once, not on the next turn of the loop: keys that follow in the same breath belong to the new pane.
        self.screen.set_focus(self.panes[name].home(), scroll_visible=False)

    def step(self, by: int) -> None:
        """Go to the next pane, or back."""
        self.go(ORDER[(ORDER.index(self.active) + by) % len(ORDER)])

    def zoom(self) -> bool:
        """The active pane over the whole workspace, or back; True where it is zoomed now."""
        self.screen.toggle_class("-zoom")
        return self.screen.has_class("-zoom")

    def back(self) -> bool:
        """Leave the filter, an agent's question or the zoom; False where there was nothing to leave."""
        if self.panes[self.active].clear_filter() or (self.active == "chat" and self.chat.leave()):
            return True
        if self.screen.has_class("-zoom"):
            self.screen.remove_class("-zoom")
            return True
        return False

    def _activate(self, name: str) -> None:
        self.active = name
        for pane in self.panes.values():
            pane.set_class(name == pane.NAME, "-active")
        for column in self.query(".column"):
            column.set_class(self.panes[name] in column.children, "-active")
        self.draw_bars()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        pane = next((node for node in event.widget.ancestors if isinstance(node, Pane)), None)
        if pane is not None and self.active != pane.NAME:
            self._activate(pane.NAME)
        else:
            self.draw_bars()

    def places(self) -> tuple[str, ...]:
        """The places of the key table that are active right here."""
        if isinstance(self.screen.focused, FilterInput):
            return ("filter",)
        return self.panes[self.active].places()

    def draw_bars(self) -> None:
        """Tabs and keys for what is active now."""
        self.tabs.draw(self.active, self._waiting)
        self.key_bar.draw(of(*self.places()), of("everywhere"))
