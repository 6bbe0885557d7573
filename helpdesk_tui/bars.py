"""The three bars: which database this is, the tabs of a narrow terminal, and the keys that work right here."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widget import Widget

from helpdesk_tui.keys import Key, first_shown
from helpdesk_tui.paper import Line, Span
from helpdesk_tui.paper_view import LineView, content_of
from helpdesk_tui.target_state import TargetState


class TargetBar(Widget):
    """The target, always in sight."""

    DEFAULT_CSS = "TargetBar { height: 1; text-wrap: nowrap; }"

    def __init__(self, state: TargetState) -> None:
        super().__init__(id="target-bar")
        self.state = state
        self._drawn: Line = ()

    def sync(self) -> None:
        """Draw again, where something changed."""
        if self.state.line(self.size.width) != self._drawn:
            self.refresh()

    def render(self) -> Content:
        self._drawn = self.state.line(self.size.width)
        return content_of([self._drawn])


class TabStrip(LineView):
    """The four panes as tabs, in terminals too narrow to show them side by side."""

    def __init__(self, panes: Sequence[tuple[str, str, str]]) -> None:
        """`panes`: name, key and title of each."""
        super().__init__(id="tabs")
        self._panes = panes
        self._ends: list[tuple[int, str]] = []

    def draw(self, active: str, waiting: int) -> None:
        """Mark the pane in sight, and say how many approvals wait."""
        line: list[Span] = []
        self._ends, width = [], 0
        for name, key, title in self._panes:
            badge = f" ◆{waiting}" if name == "approvals" and waiting else ""
            tone = "chosen" if name == active else ("warn strong" if badge else "")
            line += [Span(f" {key} {title}{badge} ", tone), Span(" ")]
            width += sum(cell_len(span.text) for span in line[-2:])
            self._ends.append((width, name))
        self.show(tuple(line))

    async def on_click(self, event: events.Click) -> None:
        name = next((name for end, name in self._ends if event.x < end), "")
        if name:
            await self.run_action(f"app.pane('{name}')")


class KeyBar(LineView):
    """The keys of the place that has the focus, then those that work everywhere. One widget, whatever it shows."""

    def __init__(self) -> None:
        super().__init__(classes="key-bar")
        self._keys: tuple[Sequence[Key], Sequence[Key]] = ((), ())

    def draw(self, here: Sequence[Key], everywhere: Sequence[Key]) -> None:
        """Show these keys, as many as fit; one of here stands for one of everywhere with the same label."""
        labelled = {key.label: key for key in reversed(here) if key.label}
        others = [key for key in everywhere if key.label and key.label not in labelled]
        self._keys = (list(reversed(labelled.values())), others)
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        here, everywhere = self._keys
        right = _spans(everywhere)
        room = self.size.width - _width(right) - 1
        left: list[Span] = []
        for key in here:
            more = _spans([key])
            if _width(left) + _width(more) > room:
                break
            left += more
        gap = Span(" " * max(room - _width(left), 0))
        self.show((*left, gap, *right))


def _spans(keys: Sequence[Key]) -> list[Span]:
    return [
        span
        for key in keys
        for span in (Span(f" {first_shown(key)} ", "accent strong"), Span(f"{key.label} ", "dim"))
    ]


def _width(line: Sequence[Span]) -> int:
    return sum(cell_len(span.text) for span in line)
