"""The agents on the screen."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget

from helpdesk_tui.keys import bindings
from helpdesk_tui.marks import UNKNOWN
from helpdesk_tui.messages import AgentAddressed, AgentsWanted, CopyWanted, RouteTaught
from helpdesk_tui.pane import Pane
from helpdesk_tui.panes.agents.state import COLUMNS as COLUMNS
from helpdesk_tui.panes.agents.state import STATES, AgentsState
from helpdesk_tui.paper import Span, clip
from helpdesk_tui.paper_view import LineView
from helpdesk_tui.row_list import RowList


class AgentsPane(Pane):
    """Agents."""

    NAME = "agents"
    TITLE = "Agents"
    KEY = "F9"
    PLACES = ("agents", "list", "rows")
    BINDINGS = bindings("rows", "agents")

    def __init__(self, state: AgentsState) -> None:
        super().__init__()
        self.state = state
        self.rows = RowList(COLUMNS, empty="no agent is up yet")
        self.error = LineView(id="agent-error")

    def compose(self) -> ComposeResult:
        yield self.rows
        yield self.error
        yield self.filter

    def home(self) -> Widget:
        return self.rows

    def sync(self) -> None:
        """Show the agents as they are now."""
        self.rows.show(self.state.rows(self.needle))
        self.set_class(self.state.elsewhere, "-some")
        self.retitle((Span(self.state.summary() if self.state.agents else "", "dim"),))
        self._say_where()

    def filter_changed(self) -> None:
        self.sync()

    def _say_where(self) -> None:
        """Of the agent under the cursor: why it is not up, else where it is."""
        agent = self.state.agents.get(self.rows.key)
        if agent is None:
            self.error.show()
            return
        mark = STATES.get(agent.state, UNKNOWN)
        said, tone = (f"{mark.glyph} {agent.error}", mark.tone) if agent.error else (agent.where, "dim")
        self.error.show((Span(f"  {clip(said, self.size.width - 6)}", tone),))

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._say_where()

    @on(RowList.Opened)
    async def _open(self, event: RowList.Opened) -> None:
        from helpdesk_tui.screens.agent_card import AgentCardScreen

        await self.app.push_screen(AgentCardScreen(self.state.agents[event.key]))

    def action_address(self) -> None:
        if self.rows.key:
            self.post_message(AgentAddressed(self.rows.key))

    def action_teach(self) -> None:
        if self.rows.key:
            self.post_message(RouteTaught(self.rows.key))

    def action_reload(self) -> None:
        self.post_message(AgentsWanted())

    def action_copy(self) -> None:
        agent = self.state.agents.get(self.rows.key)
        if agent is not None:
            parts = (agent.name, agent.state, agent.version, agent.transport, agent.where, agent.error)
            self.post_message(CopyWanted("  ".join(filter(None, parts)), agent.name))
