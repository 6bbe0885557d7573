"""What was found in the log of all sessions; Enter opens a hit in full."""

from __future__ import annotations

import json
from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from helpdesk_tui import words
from helpdesk_tui.keys import bindings
from helpdesk_tui.paper import BLANK, Block, Span, block
from helpdesk_tui.row_list import RowList
from helpdesk_tui.rows import Column, Row
from helpdesk_tui.screens.reading import ReadingScreen
from helpdesk_tui.searching import Hit
from inventory.masking import inert_line

COLUMNS = (
    Column("when", 16),
    Column("session", 7, from_width=70),
    Column("kind", 18, from_width=96),
    Column("what"),
)


class HitsScreen(ModalScreen[None]):
    """A list of hits, the newest first."""

    BINDINGS = bindings("hits")

    def __init__(self, wanted: str, hits: Sequence[Hit]) -> None:
        super().__init__()
        self._wanted = wanted
        self._hits = {hit.event.id: hit for hit in hits}
        self.rows = RowList(COLUMNS, empty="nothing in any session holds all these words")

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = Content.assemble((inert_line(f"{len(self._hits)} found: {self._wanted}"), "bold"))
        box.border_subtitle = Content("Enter opens · Esc closes")
        with box:
            yield self.rows

    def on_mount(self) -> None:
        self.rows.show([_row(hit) for hit in self._hits.values()])
        self.set_focus(self.rows)

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        event.stop()
        self.app.push_screen(ReadingScreen("An event of the log", _page(self._hits[event.key])))

    def action_close(self) -> None:
        self.dismiss()


def _row(hit: Hit) -> Row:
    event = hit.event
    return Row(
        event.id,
        (
            Span(words.day(event.at), "dim"),
            Span(event.session[-6:], "dim"),
            Span(event.kind, "accent"),
            Span(hit.text),
        ),
    )


def _page(hit: Hit) -> list[Block]:
    event = hit.event
    about = f"{event.kind} · {words.day(event.at)} · {event.principal} · {event.target or 'no target'}"
    body = json.dumps(event.body, ensure_ascii=False, indent=2, default=str)
    return [
        block(Span(about, "strong")),
        block(Span(f"helpdesk --session {event.session}", "code")),
        BLANK,
        block(body),
    ]
