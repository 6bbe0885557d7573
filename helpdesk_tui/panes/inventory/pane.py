"""The inventory on the screen."""

from __future__ import annotations

from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget

from helpdesk_tui.keys import bindings
from helpdesk_tui.messages import CopyWanted, PulseWanted, TargetPolicyWanted, TargetWanted
from helpdesk_tui.pane import Pane
from helpdesk_tui.panes.inventory.state import COLUMNS, InventoryState
from helpdesk_tui.paper import Span, clip
from helpdesk_tui.paper_view import LineView
from helpdesk_tui.row_list import RowList
from helpdesk_tui.screens.unlocking import lock_or_unlock

_EMPTY = "no targets: add databases to inventory.toml, or start with a DSN"


class InventoryPane(Pane):
    """Inventory."""

    NAME = "inventory"
    TITLE = "Inventory"
    KEY = "F4"
    PLACES = ("inventory", "list", "rows")
    BINDINGS = bindings("rows", "inventory")

    def __init__(self, state: InventoryState) -> None:
        super().__init__()
        self.state = state
        self.rows = RowList(COLUMNS, more=self.state.error_of)
        self.error = LineView(id="target-error")
        self._now: datetime | None = None

    def compose(self) -> ComposeResult:
        yield self.rows
        yield self.error
        yield self.filter

    def home(self) -> Widget:
        return self.rows

    def sync(self, now: datetime) -> None:
        """Show the targets as they are now."""
        self._now = now
        # Not before: until the session and the file are read, nobody knows.
        self.rows.empty = _EMPTY
        self.rows.show(self.state.rows(now, self.needle))
        self.retitle((Span(self.state.summary() if self.state.targets else "", "dim"),))
        self._say_why_down()

    def filter_changed(self) -> None:
        if self._now is not None:
            self.sync(self._now)

    def _say_why_down(self) -> None:
        error = self.state.error_of(self.rows.key)
        self.error.display = bool(error)
        self.error.show((Span(clip(f"  ✗ {error}", self.size.width - 4), "bad"),))

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._say_why_down()

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        self.post_message(TargetWanted(event.key))

    def action_probe(self) -> None:
        self.post_message(PulseWanted())

    def action_lock(self) -> None:
        if self.rows.key:
            described = self.state.targets.get(self.rows.key, {"name": self.rows.key})
            lock_or_unlock(self.app, described, unlocked=self.rows.key in self.state.unlocked)

    def action_explain(self) -> None:
        if self.rows.key:
            self.post_message(TargetPolicyWanted(self.rows.key))

    def action_copy(self) -> None:
        row = next((row for row in self.rows.rows if row.key == self.rows.key), None)
        if row is not None:
            text = "  ".join(cell.text.strip() for cell in row.cells if cell.text.strip())
            error = self.state.error_of(row.key)
            self.post_message(CopyWanted(f"{text}  {error}".rstrip(), row.key))
