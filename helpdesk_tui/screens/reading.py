"""A page of text over the workbench, to be read and left."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from helpdesk_tui.keys import bindings
from helpdesk_tui.messages import CopyWanted
from helpdesk_tui.paper import WHOLE_CHARACTERS, Block
from helpdesk_tui.paper_view import PaperView
from inventory.masking import inert_line


class ReadingScreen(ModalScreen[None]):
    """Blocks of text that scroll; Esc leaves."""

    BINDINGS = bindings("reading")

    def __init__(self, title: str, blocks: Iterable[Block]) -> None:
        super().__init__()
        self._title = title
        self.paper = PaperView(blocks, most=WHOLE_CHARACTERS)

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = Content.assemble((inert_line(self._title), "bold"))
        box.border_subtitle = Content("y copies · Esc closes")
        with box, VerticalScroll():
            yield self.paper

    def action_copy(self) -> None:
        self.post_message(CopyWanted(self.paper.text(), "the page"))

    def action_close(self) -> None:
        self.dismiss()
