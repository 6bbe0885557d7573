"""Paper on the screen: one widget for a whole answer, card or note."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from helpdesk_tui.paper import MAX_BLOCK_CHARACTERS, Block, Line, Span, lay_out, whole
from inventory.masking import inert

TONES: Mapping[str, str] = {
    "dim": "$text-muted",
    "strong": "bold",
    "italic": "italic",
    "head": "bold $primary",
    "code": "$secondary",
    "accent": "$primary",
    "good": "$success",
    "warn": "$warning",
    "bad": "$error",
    "mark": "reverse",
    "key": "bold $background on $primary",
    "chip-bad": "bold $background on $error",
    "chip-warn": "bold $background on $warning",
    "chip-good": "bold $background on $success",
    "chip-accent": "bold $background on $secondary",
    "chip-dim": "$foreground on $panel",
    "chosen-good": "bold $background on $success",
    "chosen-bad": "bold $background on $error",
    "chosen": "bold $background on $foreground",
}


@lru_cache(maxsize=256)
def style_of(tone: str) -> str:
    """The style of a tone such as `strong bad`, in theme variables."""
    return " ".join(filter(None, (TONES.get(word, "") for word in tone.split())))


def content_of(lines: Iterable[Line]) -> Content:
    """Lines as Textual content; the text of a span is never read as markup, and is inert whoever made the line."""
    parts: list[str | tuple[str, str]] = []
    for number, line in enumerate(lines):
        if number:
            parts.append("\n")
        parts.extend((inert(span.text), style_of(span.tone)) for span in line)
    return Content.assemble(*parts)


SELECTABLE_LINES = 1000


class PaperView(Widget):
    """Blocks of paper, laid out to the widget's width; one widget however long the text is."""

    DEFAULT_CSS = "PaperView { height: auto; text-wrap: nowrap; }"

    def __init__(
        self,
        blocks: Iterable[Block] = (),
        *,
        most: int = MAX_BLOCK_CHARACTERS,
        id: str | None = None,
        classes: str = "",
    ) -> None:
        """`most`: characters shown of one block."""
        super().__init__(id=id, classes=classes)
        self._blocks = list(blocks)
        self._most = most
        self._laid_out: list[tuple[Block, list[Line]]] = []
        self._all: list[Line] | None = None
        self._width = -1

    def show(self, blocks: Iterable[Block]) -> None:
        """Show other blocks; those at the start that are the very same are not laid out again."""
        self._blocks = list(blocks)
        same = 0
        for block, (before, _) in zip(self._blocks, self._laid_out, strict=False):
            if block is not before:
                break
            same += 1
        del self._laid_out[same:]
        self._all = None
        self.refresh(layout=True)

    def text(self) -> str:
        """The words, for the clipboard: also those that are cut on the screen."""
        return whole(self._blocks)

    def _lines(self, width: int) -> list[Line]:
        if self._width != width:
            self._width, self._laid_out = width, []
        new = self._blocks[len(self._laid_out) :]
        for block in new:
            self._laid_out.append((block, lay_out([block], width, self._most)))
        if new or self._all is None:
            self._all = [line for _, lines in self._laid_out for line in lines]
        return self._all

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        return content_of(self._lines(self.size.width))

    def render_line(self, y: int) -> Strip:
        """Of a long text only the lines in sight are made; nothing can be selected in it with the mouse."""
        lines = self._lines(self.size.width)
        if len(lines) <= SELECTABLE_LINES:
            return super().render_line(y)
        seen = content_of(lines[y : y + 1])
        return Visual.to_strips(self, seen, self.size.width, 1, self.visual_style)[0]


class LineView(Widget):
    """One fixed line (or a few) of spans: bars and headings. It redraws itself, never its neighbours."""

    DEFAULT_CSS = "LineView { height: 1; text-wrap: nowrap; }"

    def __init__(self, *lines: Line, id: str | None = None, classes: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self._shown: tuple[Line, ...] = lines

    def show(self, *lines: Line) -> None:
        """Show other lines; nothing is drawn where they are the same."""
        if lines != self._shown:
            self._shown = lines
            self.refresh()

    def render(self) -> Content:
        return content_of(self._shown)


def spans(*parts: Span | str) -> Line:
    """A line of spans and plain words."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)
