"""Fields of a card: a name in a column of its own, then words that wrap beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from helpdesk_tui import words
from helpdesk_tui.paper import Block, Span

LABEL = 10
"""Width of the column of field names."""


def field(name: str, *parts: Span | str) -> Iterator[Block]:
    """One field; with an empty name it goes on with the one before."""
    yield Block(
        tuple(part if isinstance(part, Span) else Span(part) for part in parts),
        name.ljust(LABEL),
        " " * LABEL,
    )


def items(name: str, points: Sequence[Span]) -> Iterator[Block]:
    """One field of several points."""
    for number, point in enumerate(points):
        yield Block((point,), ("" if number else name).ljust(LABEL) + "• ", " " * (LABEL + 2))


def pid_first(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The values by name, a pid before all others."""
    return sorted(values.items(), key=lambda item: item[0] != "pid")


def dotted(pairs: Iterable[tuple[str, Any]]) -> Iterator[Span]:
    """`name value · name value`."""
    for number, (label, value) in enumerate(pairs):
        if number:
            yield Span(" · ", "dim")
        if label:
            yield Span(f"{label.removesuffix(' s')} ", "dim", glued=True)
        yield Span(value_text(value, label))


def value_text(value: Any, label: str = "") -> str:
    """A value as an operator reads it; `label` tells which figures are seconds."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float() if label in {"transaction", "idle"} or label.endswith(" s"):
            return words.seconds(value)
        case int() if label == "bytes" or label.endswith(" bytes"):
            return words.size(value)
        case str():
            return value
        case {"mode": mode, "relation": relation}:
            return f"{mode} on {relation}"
        case _:
            return json.dumps(value, ensure_ascii=False, default=str)
