"""A whole output, kept beside the log, as rows that a screen can show a few of at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from agents.kernel.records import Evidence

LINE_CHARACTERS = 2_000
"""Of a line of text; a longer one goes on in the next row."""


def unfolded(evidence: Evidence, text: str) -> Evidence:
    """The evidence with all that was kept: its rows, where that is what the text holds, else the text line by line."""
    lines = text.splitlines()
    rows = _rows(lines, evidence.columns)
    if rows is None:
        return replace(evidence, columns=("text",), rows=tuple(_lines(lines)), truncated=False)
    return replace(evidence, rows=tuple(rows), truncated=False)


def _rows(lines: Sequence[str], columns: Sequence[str]) -> list[tuple[Any, ...]] | None:
    """The rows of a text of one JSON array on a line, the names of the columns first; None for any other text."""
    if not lines or not lines[0].startswith("["):
        return None
    try:
        names, *rows = map(json.loads, lines)
    except (ValueError, RecursionError):
        return None
    fits = names == list(columns) and all(isinstance(row, list) and len(row) == len(names) for row in rows)
    return [tuple(row) for row in rows] if fits else None


def _lines(lines: Sequence[str]) -> Iterator[tuple[str]]:
    for line in lines:
        for start in range(0, max(len(line), 1), LINE_CHARACTERS):
            yield (line[start : start + LINE_CHARACTERS],)
