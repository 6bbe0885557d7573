"""Paper: styled words laid out to a width. What the panes compute, before any widget exists.

A tone is a word such as `bad` or `strong dim`; `helpdesk_tui.paper_view` gives it a colour. All text here is
data: control and bidirectional characters are made visible when lines are laid out, and nothing is markup. What
was made visible has a tone of its own, so that it is told from the same words typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from rich.cells import cell_len, chop_cells

from inventory.masking import inert, inert_pieces

MAX_BLOCK_CHARACTERS = 20_000
"""A block longer than this is cut among others and says so: wrapping a megabyte would stop the screen for seconds."""

MAX_BLOCK_LINES = 400
"""The same for a block of many short lines."""

WHOLE_CHARACTERS = 200_000
"""Of a block on a page of its own; laid out within a second, whatever it holds."""

_ONE_LINE = str.maketrans("\n\t", "  ")
_WORDS = re.compile(r"\s*\S+|\s+$")


@dataclass(frozen=True, slots=True)
class Span:
    """Words of one tone."""

    text: str
    tone: str = ""
    glued: bool = False
    """True: no line ends between this and the first word of what follows."""


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph: spans that wrap, after `first` on the first line and `rest` on the others."""

    spans: tuple[Span, ...]
    first: str = ""
    rest: str = ""
    wrap: bool = True
    """False: a line of code or of a table, cut at the edge instead of wrapped."""
    margin: str = "dim"
    """Tone of `first` and `rest`."""


def block(*parts: Span | str, first: str = "", rest: str | None = None, margin: str = "dim") -> Block:
    """A block of spans and plain words; `rest` is as wide as `first` unless given."""
    spans = tuple(part if isinstance(part, Span) else Span(part) for part in parts)
    return Block(spans, first, " " * cell_len(first) if rest is None else rest, margin=margin)


BLANK = Block(())


def lay_out(blocks: Iterable[Block], width: int, most: int = MAX_BLOCK_CHARACTERS) -> list[Line]:
    """The lines of `blocks`, none wider than `width` cells; of each block `most` characters."""
    return list(chain.from_iterable(_lines(item, max(width, 8), most) for item in blocks))


def plain(lines: Iterable[Line]) -> str:
    """The words of `lines`, for the clipboard and for tests."""
    return "\n".join("".join(span.text for span in line).rstrip() for line in lines)


def whole(blocks: Iterable[Block]) -> str:
    """Every word of `blocks`, inert, neither cut nor wrapped: what is copied."""
    return "\n".join(
        f"{item.first}{inert(''.join(span.text for span in item.spans))}".rstrip() for item in blocks
    )


def clip(text: str, width: int) -> str:
    """`text` on one line of at most `width` cells, inert, with an ellipsis where it was cut."""
    short = inert(text[: width * 2 + 8]).translate(_ONE_LINE)
    if cell_len(short) <= width and len(text) <= width * 2 + 8:
        return short
    return fit(short, width - 1) + "…" if width > 0 else ""


def fit(text: str, width: int) -> str:
    """The start of `text` that is at most `width` cells wide."""
    if text.isascii():
        return text[: max(width, 0)]
    used = 0
    for index, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return text[:index]
    return text


def _lines(item: Block, width: int, most: int) -> list[Line]:
    spans = _inert_spans(item.spans, most)
    most_lines = MAX_BLOCK_LINES * most // MAX_BLOCK_CHARACTERS
    rows: list[Line] = []
    for paragraph in _paragraphs(spans):
        if len(rows) >= most_lines:
            return [*rows, (Span("… more lines are not shown; copying takes them all", "dim"),)]
        room = width - cell_len(item.first if not rows else item.rest)
        wrapped = (
            _wrap(paragraph, room, width - cell_len(item.rest)) if item.wrap else [_cut(paragraph, room)]
        )
        for line in wrapped:
            margin = item.rest if rows else item.first
            rows.append((Span(margin, item.margin), *line) if margin else line)
    return rows


def _inert_spans(spans: Sequence[Span], most: int) -> list[Span]:
    result: list[Span] = []
    left = most
    for span in spans:
        made: list[Span] = []
        for text, stands in inert_pieces(span.text[:left].expandtabs(4)):
            _extend(made, text, f"{span.tone} mark".lstrip() if stands else span.tone)
        result += made[:-1] + [replace(last, glued=span.glued) for last in made[-1:]]
        left -= len(span.text)
        if left < 0:
            result.append(Span(f" … {-left:,} more characters are not shown; copying takes them all", "dim"))
            break
    return result


def _paragraphs(spans: Iterable[Span]) -> Iterable[list[Span]]:
    """The spans, split at the newlines in their text."""
    current: list[Span] = []
    for span in spans:
        head, *others = span.text.split("\n")
        current.append(Span(head, span.tone, span.glued))
        for text in others:
            yield current
            current = [Span(text, span.tone, span.glued)]
    yield current


def _cut(spans: Sequence[Span], width: int) -> Line:
    line: list[Span] = []
    left = width
    for span in spans:
        if cell_len(span.text) > left:
            return (*line, Span(fit(span.text, left - 1) + "…", span.tone)) if left > 0 else tuple(line)
        line.append(span)
        left -= cell_len(span.text)
    return tuple(line)


def _wrap(spans: Sequence[Span], width: int, later_width: int) -> list[Line]:
    """Greedy wrap; a word wider than a line is broken, a run of spaces at a break is dropped."""
    lines: list[list[Span]] = [[]]
    room = max(width, 4)
    for tone, word, together in _words(spans):
        size = cell_len(word)
        if room < together <= later_width and lines[-1]:
            lines.append([])
            word, room = word.lstrip(), max(later_width, 4)
            size = cell_len(word)
        if size > room:
            word = word.lstrip() if lines[-1] else word
            pieces = chop_cells(word, max(later_width, 4)) if cell_len(word) > later_width else [word]
            if lines[-1] or cell_len(pieces[0]) > room:
                lines.append([])
            for piece in pieces[:-1]:
                lines[-1].append(Span(piece, tone))
                lines.append([])
            word, size, room = pieces[-1], cell_len(pieces[-1]), max(later_width, 4)
        _extend(lines[-1], word, tone)
        room -= size
    return [tuple(line) for line in lines]


def _words(spans: Sequence[Span]) -> Iterable[tuple[str, str, int]]:
    """Tone and word, and how wide what must not be parted from it is; 0 where nothing is."""
    for number, span in enumerate(spans):
        words = _WORDS.findall(span.text)
        after = _WORDS.findall(spans[number + 1].text)[:1] if span.glued and number + 1 < len(spans) else []
        together = cell_len("".join((*words, *after))) if after else 0
        for place, word in enumerate(words):
            yield span.tone, word, 0 if place else together


def _extend(line: list[Span], word: str, tone: str) -> None:
    if line and line[-1].tone == tone:
        line[-1] = Span(line[-1].text + word, tone)
    else:
        line.append(Span(word, tone))
