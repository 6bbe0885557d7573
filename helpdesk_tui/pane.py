"""What the panes have in common: a key, a title, a filter, and one place that takes the focus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from helpdesk_tui.keys import bindings
from helpdesk_tui.paper import Line
from helpdesk_tui.paper_view import content_of
from helpdesk_tui.typed import PlainInput


class FilterInput(PlainInput):
    """The line under a list where a filter is typed."""

    BINDINGS = bindings("filter")

    @dataclass
    class Left(Message):
        """The operator is done with it."""

    def __init__(self) -> None:
        super().__init__(placeholder="words that a row must hold", compact=True, classes="filter")
        self.cursor_blink = False
        self.display = False

    def action_clear(self) -> None:
        self.value = ""
        self.post_message(self.Left())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())


class Pane(Vertical):
    """One of the panes."""

    NAME: ClassVar[str]
    TITLE: ClassVar[str]
    KEY: ClassVar[str]
    PLACES: ClassVar[tuple[str, ...]]
    """Places of the key table that work here."""

    @dataclass
    class Filtered(Message):
        """The filter changed."""

        pane: Pane
        needle: str

    def __init__(self) -> None:
        super().__init__(id=self.NAME, classes="pane")
        self.filter = FilterInput()
        self.needle = ""
        self.state_line: Line = ()

    def on_mount(self) -> None:
        self.retitle()

    def places(self) -> tuple[str, ...]:
        """Places of the key table that work here right now."""
        return self.PLACES

    def home(self) -> Widget:
        """The widget that takes the focus when the pane is gone to."""
        raise NotImplementedError

    def retitle(self, *state: Line) -> None:
        """Write the border: key and title left, state and filter right."""
        if state:
            self.state_line = state[0]
        self.border_title = Content.assemble(
            (f"{self.KEY} ", "bold $primary"), (self.TITLE, "bold $foreground")
        )
        right = content_of([self.state_line])
        if self.needle:
            right = Content.assemble((f"/ {self.needle}  ", "bold $warning"), right)
        self.border_subtitle = right

    # the filter

    def action_filter(self) -> None:
        self.filter.display = True
        self.screen.set_focus(self.filter)

    @on(Input.Changed)
    def _filter_typed(self, event: Input.Changed) -> None:
        if event.input is self.filter:
            event.stop()
            self.needle = event.value.strip()
            self.retitle()
            self.filter_changed()

    @on(FilterInput.Left)
    def _filter_left(self) -> None:
        self.filter.display = bool(self.filter.value)
        self.screen.set_focus(self.home())

    def clear_filter(self) -> bool:
        """Clear the filter; False where there was none."""
        if not self.needle:
            return False
        self.filter.action_clear()
        return True

    def filter_changed(self) -> None:
        """Show what matches the filter now."""
