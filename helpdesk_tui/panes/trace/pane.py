"""The trace on the screen."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget

from helpdesk_tui import words
from helpdesk_tui.keys import bindings
from helpdesk_tui.messages import CallPolicyWanted, CopyWanted, EvidenceWanted
from helpdesk_tui.pane import Pane
from helpdesk_tui.panes.trace.state import COLUMNS, TraceState
from helpdesk_tui.paper import Span
from helpdesk_tui.row_list import RowList


class TracePane(Pane):
    """Trace."""

    NAME = "trace"
    TITLE = "Trace"
    KEY = "F3"
    PLACES = ("trace", "list", "rows")
    BINDINGS = bindings("rows", "trace")

    def __init__(self, state: TraceState) -> None:
        super().__init__()
        self.state = state
        self.rows = RowList(COLUMNS, follow=True, empty="what the experts do shows up here, as it happens")

    def compose(self) -> ComposeResult:
        yield self.rows
        yield self.filter

    def home(self) -> Widget:
        return self.rows

    def sync(self) -> None:
        """Show the tree as it is now."""
        self.rows.show(self.state.rows(self.needle))
        calls = sum(1 for node in self.state.nodes if node.depth > 1)
        self.retitle((Span(words.count(calls, "step") if calls else "", "dim"),))

    def filter_changed(self) -> None:
        self.rows.show(self.state.rows(self.needle))

    def action_fold(self) -> None:
        self.state.fold(self.rows.key)
        self.rows.show(self.state.rows(self.needle))

    def action_copy(self) -> None:
        node = self.state.by_key.get(self.rows.key)
        if node is not None:
            parts = [
                node.mark.word,
                node.label,
                node.risk,
                node.target,
                words.milliseconds(node.ms),
                node.error,
            ]
            self.post_message(CopyWanted("  ".join(filter(None, parts)), "the step"))

    def action_explain(self) -> None:
        node = self.state.by_key.get(self.rows.key)
        if node is None or node.depth < 2 or not (node.call or node.approval or node.risk):
            self.notify("go to a call first: the policy judges calls", markup=False)
        else:
            call = node.call or {"tool": node.label, "risk": node.risk}
            self.post_message(CallPolicyWanted(call, node.target, node.approval))

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        node = self.state.by_key.get(event.key)
        if node is None:
            return
        if node.evidence:
            self.post_message(EvidenceWanted([node.evidence]))
        elif node.depth < 2:
            self.action_fold()
        else:
            self.rows.action_whole()
