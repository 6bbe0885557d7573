"""Markdown as paper: what an agent writes, without links that open, images or HTML that hides words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from rich.cells import cell_len

from helpdesk_tui.paper import BLANK, Block, Span, clip
from inventory.masking import mask

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_CHARACTERS = 60_000
"""Longer answers are cut and say so; the log keeps them whole."""
MAX_CELL = 60
"""Cells of a table are cut to this many columns of the screen."""

MAX_LIVE_BLOCKS = 120
"""Of an answer that is being written, the end is shown; once it is finished, all of it."""

_BOUNDARY = re.compile(r"\n[ \t]*\n(?=[A-Za-z#])")
"""A blank line and then a line that continues neither a list nor a quote."""
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_BULLETS = ("•", "◦", "▪")
_INLINE_TONE = {"strong_open": "strong", "em_open": "italic", "s_open": "dim"}


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Links, images and HTML stay the characters they are: an operator sees every address, and none can be opened.
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable(
        ["link", "image", "autolink", "html_inline", "html_block", "reference", "entity"]
    )  # fmt: skip


def blocks(text: str) -> list[Block]:
    """The blocks of a Markdown text, a blank one between two paragraphs."""
    shown = text[:MAX_CHARACTERS]
    result = list(_Reader(_parser().parse(shown)).read())
    if len(text) > MAX_CHARACTERS:
        left = len(text) - MAX_CHARACTERS
        result += [BLANK, Block((Span(f"… {left:,} more characters are not shown: ^o shows all", "dim"),))]
    return result


class Growing:
    """Markdown that is still being written: only what may yet change is read again."""

    def __init__(self) -> None:
        self.text = ""
        self._done: list[Block] = []
        self._read = 0
        """Where the part begins that may still change."""

    def add(self, piece: str) -> None:
        self.text += piece

    def blocks(self) -> list[Block]:
        """The blocks as of now, the last MAX_LIVE_BLOCKS of them."""
        tail = self.text[self._read :]
        cut = _last_boundary(tail)
        if cut:
            self._done = [*self._done, *blocks(mask(tail[:cut])), BLANK][-MAX_LIVE_BLOCKS:]
            self._read += cut
        return [*self._done, *blocks(mask(self.text[self._read :]))][-MAX_LIVE_BLOCKS:]


def _last_boundary(text: str) -> int:
    """Where the last paragraph begins that nothing before it can change; 0 where there is none."""
    boundaries = [match.end() for match in _BOUNDARY.finditer(text)]
    return next((end for end in reversed(boundaries) if _FENCE.subn("", text[:end])[1] % 2 == 0), 0)


@dataclass
class _List:
    ordered: bool
    number: int
    depth: int
    started: bool = False

    def marker(self) -> str:
        return f"{self.number}." if self.ordered else _BULLETS[min(self.depth, len(_BULLETS) - 1)]


@dataclass
class _Reader:
    """Walks the flat tokens of markdown-it with the lists and quotes that are open."""

    tokens: Sequence[Token]
    lists: list[_List] = field(default_factory=list)
    quotes: int = 0
    heading: bool = False
    item_starts: bool = False
    written: bool = False

    def read(self) -> Iterator[Block]:
        index = 0
        while index < len(self.tokens):
            token = self.tokens[index]
            if token.type == "table_open":
                end = next(i for i in range(index, len(self.tokens)) if self.tokens[i].type == "table_close")
                yield from self._spaced(list(_table(self.tokens[index:end])))
                index = end
            else:
                yield from self._one(token)
            index += 1

    def _one(self, token: Token) -> Iterator[Block]:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                start = int(token.attrs.get("start", 1))
                self.lists.append(_List(token.type.startswith("ordered"), start, len(self.lists)))
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
            case "list_item_open":
                self.item_starts = True
            case "list_item_close":
                self.lists[-1].number += 1
                self.lists[-1].started = True
            case "blockquote_open":
                self.quotes += 1
            case "blockquote_close":
                self.quotes -= 1
            case "heading_open" | "heading_close":
                self.heading = token.type == "heading_open"
            case "inline":
                yield from self._paragraph(token)
            case "fence" | "code_block":
                code = token.content.rstrip("\n").split("\n")
                yield from self._spaced(
                    [Block((Span(line, "code"),), "  ", "  ", wrap=False) for line in code]
                )
            case "hr":
                yield from self._spaced([Block((Span("─" * 200, "dim"),), wrap=False)])

    def _paragraph(self, token: Token) -> Iterator[Block]:
        tight_item = bool(self.lists) and self.item_starts
        first, rest = self._margins()
        spans = tuple(_inline(token.children or (), "head" if self.heading else ""))
        made = Block(spans, first, rest)
        if tight_item and (self.lists[-1].started or len(self.lists) > 1) and self.written:
            yield made
        else:
            yield from self._spaced([made])

    def _margins(self) -> tuple[str, str]:
        quote = "▏ " * self.quotes
        if not self.lists:
            return quote, quote
        indent = sum(len(item.marker()) + 1 for item in self.lists[:-1])
        marker = self.lists[-1].marker()
        room = " " * (indent + len(marker) + 1)
        starts, self.item_starts = self.item_starts, False
        return (quote + " " * indent + marker + " " if starts else quote + room), quote + room

    def _spaced(self, made: list[Block]) -> Iterator[Block]:
        if self.written:
            yield BLANK
        self.written = True
        yield from made


def _inline(tokens: Sequence[Token], base: str) -> Iterator[Span]:
    tones = [base] if base else []
    for token in tokens:
        match token.type:
            case "text":
                yield Span(token.content, " ".join(tones))
            case "code_inline":
                yield Span(token.content, "code")
            case "softbreak":
                yield Span(" ", " ".join(tones))
            case "hardbreak":
                yield Span("\n")
            case kind if kind in _INLINE_TONE:
                tones.append(_INLINE_TONE[kind])
            case kind if kind.endswith("_close") and tones:
                tones.pop()
            case _:
                yield Span(token.content, " ".join(tones))


def _table(tokens: Sequence[Token]) -> Iterator[Block]:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(clip("".join(span.text for span in _inline(token.children or (), "")), MAX_CELL))
    columns = max((len(row) for row in rows), default=0)
    widths = [max(cell_len(row[i]) for row in rows if i < len(row)) for i in range(columns)]
    for number, row in enumerate(rows):
        line = "  ".join(cell + " " * (widths[i] - cell_len(cell)) for i, cell in enumerate(row))
        yield Block((Span(line.rstrip(), "strong" if number == 0 else ""),), wrap=False)
        if number == 0:
            yield Block((Span("  ".join("─" * width for width in widths), "dim"),), wrap=False)
