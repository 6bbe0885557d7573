"""Help: the keys that work right here, then the others, from the one table of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from helpdesk_tui.keys import bindings, by_place, shown
from helpdesk_tui.paper import BLANK, Block, Span, block
from helpdesk_tui.paper_view import PaperView

WIDTH = 18
"""Room for the keys, before what they do."""


class HelpScreen(ModalScreen[None]):
    """A list of keys; Esc leaves it."""

    BINDINGS = bindings("help")
    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen > Vertical {
        width: 72; max-width: 96%; height: auto; max-height: 92%;
        border: round $primary; background: $panel; padding: 1 2;
    }
    HelpScreen VerticalScroll { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
    """

    def __init__(self, here: str, places: Sequence[str]) -> None:
        """`here`: title of the place; `places`: places of the key table that are active in it."""
        super().__init__()
        self._here = here
        self._places = places

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = Content.assemble((f"Keys · {self._here}", "bold"))
        box.border_subtitle = Content("Esc closes")
        with box, VerticalScroll():
            yield PaperView(self._paper())

    def _paper(self) -> Iterator[Block]:
        here = list(dict.fromkeys(self._places))
        first = True
        for title, keys in by_place([*here, "panes", "everywhere"]):
            if not first:
                yield BLANK
            first = False
            yield block(Span(title, "head"))
            for key in keys:
                yield Block((Span(key.help),), f"  {shown(key):<{WIDTH}}", " " * (WIDTH + 2), margin="accent")

    def action_close(self) -> None:
        self.dismiss()
