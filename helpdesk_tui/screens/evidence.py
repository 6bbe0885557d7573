"""Evidence: a statement and the rows it returned, searchable and copyable."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from agents.kernel.records import Evidence
from helpdesk_tui import words
from helpdesk_tui.bars import KeyBar
from helpdesk_tui.keys import bindings, of
from helpdesk_tui.messages import CopyWanted
from helpdesk_tui.pane import FilterInput
from helpdesk_tui.paper import WHOLE_CHARACTERS, Block, Span, block, clip
from helpdesk_tui.paper_view import LineView, PaperView
from helpdesk_tui.row_list import RowList
from helpdesk_tui.rows import LABEL, Column, LazyRows, Row, matches
from inventory.errors import UserError

MAX_COLUMN = 48
"""Widest column of the table; the record shows a value in full."""
RECORD_FROM = 6
"""One row of more columns than this is shown as a record at once."""
NARROW_COLUMN = 12
"""The last column in sight is cut rather than left out where this much room is left."""
NAME_CHARACTERS = 1000
"""Of the name of a column; a server of ours has 63 bytes at most."""
SAMPLE = 200
"""Rows looked at to find how wide a column must be."""


Whole = Callable[[Evidence], Awaitable[Evidence | None]]


class EvidenceRows(RowList):
    """Rows of which the columns in sight are a part: a whole one is a record."""

    @dataclass
    class RecordWanted(Message):
        """The row under the cursor is to be seen in full."""

    def action_whole(self) -> None:
        self.post_message(self.RecordWanted())


class EvidenceScreen(ModalScreen[None]):
    """One or more pieces of evidence; n and p turn the page."""

    BINDINGS = bindings("rows", "evidence")

    def __init__(self, items: Sequence[Evidence], whole: Whole) -> None:
        """`whole` gets all that was kept of one of them."""
        super().__init__()
        self.items = list(items)
        self._whole = whole
        self.place = 0
        self._needle = ""
        self._rows: list[tuple[Any, ...]] = []
        self._first = 0
        """The first column in sight."""
        self.box = Vertical()
        self.facts = LineView()
        self.statement = PaperView(most=WHOLE_CHARACTERS)
        self.statement_scroll = VerticalScroll(self.statement, id="statement", can_focus=False)
        self.rows = EvidenceRows([], empty="no rows: the statement found nothing")
        self.record = PaperView(most=WHOLE_CHARACTERS)
        self.record_scroll = VerticalScroll(self.record, id="record")
        self.search = FilterInput()
        self.footer = LineView()
        self.key_bar = KeyBar()

    def compose(self) -> ComposeResult:
        with self.box:
            yield from (self.facts, self.statement_scroll, self.rows, self.record_scroll)
            yield from (self.search, self.footer, self.key_bar)

    def on_mount(self) -> None:
        self.set_focus(self.rows)
        self._turn_to(0)
        self.key_bar.draw(of("evidence", "rows"), ())

    @property
    def item(self) -> Evidence:
        return self.items[self.place]

    def _turn_to(self, place: int) -> None:
        self.place, self._first = place, 0
        item = self.item
        page = f"{place + 1} of {len(self.items)}" if len(self.items) > 1 else ""
        self.box.border_title = Content.assemble(
            (f"{clip(item.id, 40)} ", "bold $primary"), (clip(item.tool, 60), "bold $foreground")
        )
        self.box.border_subtitle = Content(page)
        cut = ", cut; w shows all" if item.truncated else ""
        facts = [item.target, words.clock(item.captured_at), words.milliseconds(item.duration_ms)]
        facts.append(words.count(len(item.rows), "row") + cut)
        self.facts.show((Span(clip(" · ".join(facts), 160), "dim"),))
        self.statement.show([block(Span(item.statement.strip(), "code"))])
        self._close_record()
        self._filter()
        if len(item.rows) == 1 and len(item.columns) > RECORD_FROM:
            self.action_record()

    def _filter(self) -> None:
        item = self.item
        self._rows = [
            row for row in item.rows if not self._needle or matches(" ".join(map(_text, row)), self._needle)
        ]
        self._show_table()
        self.rows.action_first()

    def _show_table(self) -> None:
        columns = _columns(self.item, self._first, self.size.width)
        # The list before still asks for its own rows, where these are fewer.
        self.rows.show(LazyRows(len(self._rows), partial(self._row, self._rows)), columns)
        self._say_what_shows(len(columns))

    def _say_what_shows(self, shown: int) -> None:
        item = self.item
        parts = []
        if self._needle:
            parts.append(f"{len(self._rows)} of {len(item.rows)} rows match")
        if shown < len(item.columns) and not self.record_scroll.display:
            parts.append(f"columns {self._first + 1}–{self._first + shown} of {len(item.columns)}, ← → move")
        self.footer.display = bool(parts)
        self.footer.show((Span(" · ".join(parts), "warn"),))

    def _row(self, rows: Sequence[tuple[Any, ...]], index: int) -> Row:
        values = rows[index][self._first : self._first + len(self.rows.columns)]
        return Row(str(index), tuple(Span(_text(value), _tone(value)) for value in values))

    # keys

    def action_close(self) -> None:
        if not self._close_record():
            self.dismiss()

    def action_turn(self, by: int) -> None:
        if len(self.items) > 1:
            self._turn_to((self.place + by) % len(self.items))

    async def action_whole(self) -> None:
        """Put all that was kept in the place of the rows."""
        place = self.place
        try:
            whole = await self._whole(self.item) if self.item.truncated else None
        except UserError as error:
            self.notify(str(error), severity="error")
            return
        if whole is None:
            self.notify("no more was kept than these rows")
            return
        self.items[place] = whole
        if place == self.place:
            self._turn_to(place)

    def action_columns(self, by: int) -> None:
        """Move the columns in sight."""
        last = max(len(self.item.columns) - 1, 0)
        if not self.record_scroll.display:
            self._first = min(max(self._first + by, 0), last)
            self._show_table()

    def action_scroll_statement(self, by: int) -> None:
        self.statement_scroll.scroll_relative(y=by * 3, animate=False)

    def action_filter(self) -> None:
        self.search.display = True
        self.set_focus(self.search)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._needle = event.value.strip()
        self._filter()

    @on(FilterInput.Left)
    def _left(self) -> None:
        self.search.display = bool(self.search.value)
        self.set_focus(self.rows)

    @on(RowList.Opened)
    @on(EvidenceRows.RecordWanted)
    def action_record(self) -> None:
        """Show the row under the cursor as a record, every value in full; or go back to the table."""
        if self._close_record() or not self._rows:
            return
        self.record.show(self._record())
        self.rows.display, self.record_scroll.display = False, True
        self.set_focus(self.record_scroll)
        self._say_what_shows(len(self.rows.columns))

    def _close_record(self) -> bool:
        was_open = bool(self.record_scroll.display)
        self.record_scroll.display, self.rows.display = False, True
        if was_open:
            self.set_focus(self.rows)
            self._say_what_shows(len(self.rows.columns))
        return was_open

    def _record(self) -> Iterator[Block]:
        names = [clip(name, NAME_CHARACTERS) for name in self.item.columns]
        room = max((cell_len(name) for name in names if cell_len(name) <= LABEL), default=0) + 2
        for name, value in zip(names, self._rows[self.rows.cursor], strict=True):
            if cell_len(name) > LABEL:
                yield block(Span(name, "dim"))
            label = name if cell_len(name) <= LABEL else ""
            margin = label + " " * (room - cell_len(label))
            yield Block((Span(_text(value), _tone(value)),), margin, " " * room)

    def action_copy(self) -> None:
        if self._rows and self.record_scroll.display:
            self.post_message(CopyWanted(self.record.text(), "the record"))
        elif self._rows:
            row = self._rows[min(self.rows.cursor, len(self._rows) - 1)]
            self.post_message(CopyWanted("\t".join(map(_field, row)), "the row"))

    def action_copy_rows(self) -> None:
        lines = ["\t".join(self.item.columns), *("\t".join(map(_field, row)) for row in self._rows)]
        self.post_message(CopyWanted("\n".join(lines), words.count(len(self._rows), "row")))

    def action_copy_statement(self) -> None:
        self.post_message(CopyWanted(self.item.statement.strip(), "the statement"))


def _columns(item: Evidence, first: int, width: int) -> list[Column]:
    """The columns from `first` on that fit, as wide as what is in them; at least one. A lone one takes all."""
    room = int(width * 0.96) - 8
    if len(item.columns) == 1:
        return [replace(_column(item, 0), width=room)]
    columns: list[Column] = []
    for index in range(first, len(item.columns)):
        column = _column(item, index)
        if columns and column.width > room:
            if room >= NARROW_COLUMN:
                columns.append(replace(column, width=room))
            break
        columns.append(column)
        room -= column.width + 1
    return columns


def _column(item: Evidence, index: int) -> Column:
    values = [row[index] for row in item.rows[:SAMPLE]]
    widest = max(
        [cell_len(item.columns[index]), *(cell_len(_text(value)[: MAX_COLUMN * 2]) for value in values)]
    )
    numeric = bool(values) and all(value is None or _is_number(value) for value in values)
    return Column(item.columns[index], max(min(widest, MAX_COLUMN), 1), "right" if numeric else "left")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
