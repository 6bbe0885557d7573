"""Evidence: a statement and the rows it returned, searchable and copyable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from agents.kernel.records import Evidence
from helpdesk_tui import words
from helpdesk_tui.keys import bindings
from helpdesk_tui.messages import CopyWanted
from helpdesk_tui.pane import FilterInput
from helpdesk_tui.paper import Block, Span, block, clip
from helpdesk_tui.paper_view import LineView, PaperView
from helpdesk_tui.row_list import RowList
from helpdesk_tui.rows import Column, LazyRows, Row, matches

MAX_COLUMN = 48
"""Widest column of the table; the record shows a value in full."""
SAMPLE = 200
"""Rows looked at to find how wide a column must be."""


class EvidenceScreen(ModalScreen[None]):
    """One or more pieces of evidence; n and p turn the page."""

    BINDINGS = bindings("rows", "evidence")
    DEFAULT_CSS = """
    EvidenceScreen { background: $background 60%; align: center middle; }
    EvidenceScreen > Vertical {
        width: 96%; height: 94%; max-width: 180;
        border: round $primary; background: $background; padding: 0 1;
    }
    EvidenceScreen #statement { height: auto; max-height: 30%; margin: 1 0; scrollbar-size-vertical: 1; }
    EvidenceScreen #record { height: 1fr; display: none; scrollbar-size-vertical: 1; }
    EvidenceScreen #evidence-keys { color: $text-muted; }
    """

    def __init__(self, items: Sequence[Evidence]) -> None:
        super().__init__()
        self.items = items
        self.place = 0
        self._needle = ""
        self._rows: list[tuple[Any, ...]] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield LineView(id="evidence-head")
            with VerticalScroll(id="statement", can_focus=False):
                yield PaperView(id="statement-text")
            yield RowList([], empty="no rows: the statement found nothing", id="evidence-rows")
            with VerticalScroll(id="record"):
                yield PaperView(id="record-text")
            yield FilterInput()
            yield LineView(id="evidence-keys")

    def on_mount(self) -> None:
        self._turn_to(0)
        self.rows.focus()

    @property
    def rows(self) -> RowList:
        return self.query_one("#evidence-rows", RowList)

    @property
    def item(self) -> Evidence:
        return self.items[self.place]

    def _turn_to(self, place: int) -> None:
        self.place = place
        item, box = self.item, self.query_one(Vertical)
        page = f"{place + 1} of {len(self.items)}" if len(self.items) > 1 else ""
        box.border_title = Content.assemble((f"{item.id} ", "bold $primary"), (item.tool, "bold $foreground"))
        box.border_subtitle = Content(page) if page else ""
        cut = " (cut at the limit)" if item.truncated else ""
        facts = [item.target, words.clock(item.captured_at), words.milliseconds(item.duration_ms)]
        facts.append(words.count(len(item.rows), "row") + cut)
        self.query_one("#evidence-head", LineView).show((Span(clip(" · ".join(facts), 160), "dim"),))
        self.query_one("#statement-text", PaperView).show([block(Span(item.statement.strip(), "code"))])
        self._close_record()
        self._filter()

    def _filter(self) -> None:
        item = self.item
        self._rows = [
            row for row in item.rows if not self._needle or matches(" ".join(map(_text, row)), self._needle)
        ]
        kept = f"  {len(self._rows)} of {len(item.rows)} rows match" if self._needle else ""
        keys = "Space record · / search · y copy row · Y all rows · s statement · n p turn · Esc close"
        self.query_one("#evidence-keys", LineView).show(
            (Span(kept, "warn"), Span(("  " if kept else "") + keys, "dim"))
        )
        self.rows.show(LazyRows(len(self._rows), self._row), _columns(item, self.size.width))
        self.rows.action_first()

    def _row(self, index: int) -> Row:
        return Row(str(index), tuple(Span(_text(value), _tone(value)) for value in self._rows[index]))

    # keys

    def action_close(self) -> None:
        if not self._close_record():
            self.dismiss()

    def action_turn(self, by: int) -> None:
        if len(self.items) > 1:
            self._turn_to((self.place + by) % len(self.items))

    def action_filter(self) -> None:
        field = self.query_one(FilterInput)
        field.display = True
        field.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._needle = event.value.strip()
        self._filter()

    @on(FilterInput.Left)
    def _left(self) -> None:
        field = self.query_one(FilterInput)
        field.display = bool(field.value)
        self.rows.focus()

    @on(RowList.Opened)
    def action_record(self) -> None:
        """Show the row under the cursor as a record, every value in full; or go back to the table."""
        if self._close_record() or not self._rows:
            return
        record = self.query_one("#record")
        self.query_one("#record-text", PaperView).show(self._record())
        self.rows.display, record.display = False, True
        record.focus()

    def _close_record(self) -> bool:
        record = self.query_one("#record")
        was_open = record.display
        record.display, self.rows.display = False, True
        if was_open:
            self.rows.focus()
        return was_open

    def _record(self) -> Iterator[Block]:
        width = min(max(map(cell_len, self.item.columns), default=0), 28)
        for name, value in zip(self.item.columns, self._rows[self.rows.cursor], strict=True):
            label = clip(name, width).ljust(width + 2)
            yield Block((Span(_text(value), _tone(value)),), label, " " * (width + 2))

    def action_copy(self) -> None:
        if self._rows:
            row = self._rows[min(self.rows.cursor, len(self._rows) - 1)]
            self.post_message(CopyWanted("\t".join(map(_field, row)), "the row"))

    def action_copy_rows(self) -> None:
        lines = ["\t".join(self.item.columns), *("\t".join(map(_field, row)) for row in self._rows)]
        self.post_message(CopyWanted("\n".join(lines), words.count(len(self._rows), "row")))

    def action_copy_statement(self) -> None:
        self.post_message(CopyWanted(self.item.statement.strip(), "the statement"))


def _columns(item: Evidence, width: int) -> list[Column]:
    """Columns as wide as what is in them; the widest gives way where the screen is narrow."""
    sample = item.rows[:SAMPLE]
    sizes = [
        min(max([cell_len(name), *(cell_len(_text(row[i])[: MAX_COLUMN * 2]) for row in sample)]), MAX_COLUMN)
        for i, name in enumerate(item.columns)
    ]
    room = int(width * 0.96) - 8 - len(sizes)
    while sum(sizes) > room and max(sizes, default=0) > 8:
        sizes[sizes.index(max(sizes))] -= 1
    numeric = [
        all(isinstance(row[i], int | float) or row[i] is None for row in sample) for i in range(len(sizes))
    ]
    return [
        Column(name, max(size, 1), "right" if number and sample else "left")
        for name, size, number in zip(item.columns, sizes, numeric, strict=True)
    ]


def _text(value: Any) -> str:
    match value:
        case None:
            return "∅"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)


def _field(value: Any) -> str:
    """A value between tabs: nothing for NULL, no tab or newline of its own."""
    return "" if value is None else " ".join(_text(value).split())


def _tone(value: Any) -> str:
    return "dim" if value is None else ""
