"""A list on Textual's line API: one widget, only the lines in sight are made, ten thousand rows are cheap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from helpdesk_tui.keys import bindings
from helpdesk_tui.paper import Line, Span, clip
from helpdesk_tui.rows import Column, Row, fields, header, line_of, widths

_COMPONENTS = {
    "dim": "rows--dim",
    "strong": "rows--strong",
    "italic": "rows--dim",
    "head": "rows--strong",
    "code": "rows--code",
    "accent": "rows--accent",
    "good": "rows--good",
    "warn": "rows--warn",
    "bad": "rows--bad",
}


class RowList(ScrollView, can_focus=True):
    """Rows with a cursor. It follows the end while the cursor is on the last row."""

    BINDINGS = bindings("list")
    COMPONENT_CLASSES = {*_COMPONENTS.values(), "rows--cursor", "rows--mark"}
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    RowList {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .rows--dim { color: $text-muted; }
        & > .rows--strong { text-style: bold; }
        & > .rows--code { color: $secondary; }
        & > .rows--accent { color: $primary; }
        & > .rows--good { color: $success; }
        & > .rows--warn { color: $warning; }
        & > .rows--bad { color: $error; }
        & > .rows--cursor { background: $panel; }
        & > .rows--mark { color: $primary; text-style: bold; }
    }
    """

    @dataclass
    class Opened(Message):
        """Enter on a row."""

        rows: RowList
        key: str

        @property
        def control(self) -> RowList:
            return self.rows

    @dataclass
    class Moved(Message):
        """The cursor is on another row."""

        rows: RowList
        key: str

        @property
        def control(self) -> RowList:
            return self.rows

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        follow: bool = False,
        empty: str = "",
        titles: bool = True,
        more: Callable[[str], str] = lambda _: "",
        id: str | None = None,
    ) -> None:
        """`more`: what else there is to say of a row, by its key."""
        super().__init__(id=id)
        self.more = more
        self.columns = list(columns)
        self.rows: Sequence[Row] = ()
        self.cursor = 0
        self.follow = follow
        self.empty = empty
        """What is said where there are no rows."""
        self.titles = titles
        self._styles: dict[str, RichStyle] = {}

    # what it shows

    def show(self, rows: Sequence[Row], columns: Sequence[Column] | None = None) -> None:
        """Show other rows; the cursor stays on the row it was on, or on the last where it follows."""
        at_end = self.follow and self.cursor >= len(self.rows) - 1
        key = self.key
        self.rows = rows
        if columns is not None:
            self.columns = list(columns)
        self.cursor = max(len(rows) - 1, 0) if at_end else self._place_of(key)
        self.virtual_size = Size(self.size.width, len(rows) + self.titles)
        if at_end:
            self._keep_in_sight()
        self.refresh()

    @property
    def key(self) -> str:
        """Key of the row under the cursor, or empty."""
        return self.rows[self.cursor].key if 0 <= self.cursor < len(self.rows) else ""

    def _place_of(self, key: str) -> int:
        if self.cursor < len(self.rows) and (not key or self.rows[self.cursor].key == key):
            return self.cursor
        if len(self.rows) <= 2000:
            found = next((i for i, row in enumerate(self.rows) if row.key == key), None)
            if found is not None:
                return found
        return min(self.cursor, max(len(self.rows) - 1, 0))

    # drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if self.titles and y == 0:
            return self._strip(header(self.columns, widths(self.columns, width - 2)), width)
        index = y + self.scroll_offset.y - self.titles
        if not self.rows and index == 0 and self.empty:
            return self._strip((Span(clip(self.empty, width - 2), "dim"),), width)
        if not 0 <= index < len(self.rows):
            return Strip.blank(width, self.rich_style)
        row = self.rows[index]
        line = line_of(row, self.columns, widths(self.columns, width - 2))
        return self._strip(line, width, cursor=index == self.cursor)

    def _strip(self, line: Line, width: int, cursor: bool = False) -> Strip:
        base = self.rich_style
        if cursor and self.has_focus:
            base += self._style("rows--cursor")
        mark = base + self._style("rows--mark") if cursor else base
        segments = [Segment("▌ " if cursor and self.has_focus else "  ", mark)]
        for span in line:
            segments.append(Segment(span.text, base + self._tone(span.tone)))
        return Strip(segments).extend_cell_length(width, base).crop(0, width)

    def _tone(self, tone: str) -> RichStyle:
        style = RichStyle.null()
        for word in tone.split():
            if word in _COMPONENTS:
                style += self._style(_COMPONENTS[word])
        return style

    def _style(self, name: str) -> RichStyle:
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(name, partial=True)
        return self._styles[name]

    # moving

    def action_move(self, by: int) -> None:
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        self._go(self.cursor + by * max(self.size.height - self.titles - 1, 1))

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(len(self.rows) - 1)

    def action_whole(self) -> None:
        """Every cell of the row in full, on a page of its own."""
        from helpdesk_tui.screens.reading import ReadingScreen

        if self.key:
            cells = zip(self.columns, self.rows[self.cursor].cells, strict=True)
            # What has no title is a sign of what another column says in words.
            told = [(column.title, cell.text) for column, cell in cells if column.title]
            self.app.push_screen(ReadingScreen("The whole row", fields([*told, ("", self.more(self.key))])))

    def action_open(self) -> None:
        if self.key:
            self.post_message(self.Opened(self, self.key))

    def _go(self, index: int) -> None:
        place = min(max(index, 0), max(len(self.rows) - 1, 0))
        if place != self.cursor:
            self.cursor = place
            self._keep_in_sight()
            self.refresh()
            self.post_message(self.Moved(self, self.key))

    def _keep_in_sight(self) -> None:
        first, height = self.scroll_offset.y, self.size.height - self.titles
        if self.cursor < first:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif height > 0 and self.cursor >= first + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    # the title line stays while the rows scroll, so every scroll redraws the whole list

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.refresh()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows) + self.titles)
        self._keep_in_sight()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y - self.titles
        if 0 <= index < len(self.rows) and not (self.titles and event.y == 0):
            chosen = index == self.cursor and self.has_focus
            self._go(index)
            if chosen or event.chain > 1:
                self.action_open()

    def line_region(self, index: int) -> Region:
        """Where a row is drawn, in the widget."""
        return Region(0, index - self.scroll_offset.y + self.titles, self.size.width, 1)
