"""Rows: what a list shows, before any widget exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, overload

from rich.cells import cell_len

from helpdesk_tui.paper import Block, Line, Span, clip, fit

LABEL = 28
"""Widest name beside a text."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list."""

    title: str
    width: int = 0
    """Cells; 0 takes what the other columns leave."""
    align: Literal["left", "right"] = "left"
    from_width: int = 0
    """The column is shown in lists at least this wide."""
    below_width: int = 10_000
    """The column is shown in lists narrower than this."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: a key that stays the same, and a cell for each column."""

    key: str
    cells: tuple[Span, ...]


class LazyRows(Sequence[Row]):
    """Rows made when they are looked at: ten thousand of them cost nothing until they are shown."""

    def __init__(self, length: int, make: Callable[[int], Row]) -> None:
        self._length = length
        self._make = make

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._make(i) for i in range(*index.indices(self._length))]
        return self._make(range(self._length)[index])

    def __iter__(self) -> Iterator[Row]:
        return (self._make(index) for index in range(self._length))


def widths(columns: Sequence[Column], width: int) -> list[int]:
    """The width of each column in a list of `width` cells; 0 hides it."""
    hidden = [not column.from_width <= width < column.below_width for column in columns]
    shown = [0 if hides else column.width for column, hides in zip(columns, hidden, strict=True)]
    taken = sum(cells + 1 for cells in shown if cells)
    flexible = [i for i, column in enumerate(columns) if not column.width and not hidden[i]]
    for place, index in enumerate(flexible):
        left = max(width - taken - len(flexible) + 1, 0)
        shown[index] = max(left // len(flexible) + (place < left % len(flexible)), 6)
    return shown


def header(columns: Sequence[Column], sizes: Sequence[int]) -> Line:
    """The line of titles."""
    return _join(
        [
            _cell(Span(column.title, "dim"), size, column.align)
            for column, size in zip(columns, sizes, strict=True)
            if size
        ]
    )


def line_of(row: Row, columns: Sequence[Column], sizes: Sequence[int]) -> Line:
    """A row as a line of cells, each cut and padded to its column."""
    cells = zip(row.cells, columns, sizes, strict=True)
    return _join([_cell(cell, size, column.align) for cell, column, size in cells if size])


def fields(told: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """Names and texts as a page, one below the other; a text is whole."""
    shown = [(name, text.strip()) for name, text in told if text.strip()]
    width = max((cell_len(clip(name, LABEL)) for name, _ in shown), default=0)
    for name, text in shown:
        label = clip(name, LABEL)
        yield Block((Span(text),), label + " " * (width + 2 - cell_len(label)), " " * (width + 2))


def _cell(cell: Span, width: int, align: str) -> Span:
    text = clip(cell.text, width)
    room = " " * (width - cell_len(text))
    return Span(room + text if align == "right" else text + room, cell.tone)


def _join(cells: Sequence[Span]) -> Line:
    line: list[Span] = []
    for number, cell in enumerate(cells):
        if number:
            line.append(Span(" "))
        line.append(cell)
    return tuple(line)


def matches(text: str, needle: str) -> bool:
    """True where `text` holds every word of `needle`, whatever the case."""
    lowered = text.lower()
    return all(word in lowered for word in needle.lower().split())


__all__ = ["Column", "LazyRows", "Row", "fit", "header", "line_of", "matches", "widths"]
