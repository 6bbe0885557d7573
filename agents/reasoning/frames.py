"""Data as a model is shown it: framed, said to be data, within limits, head and tail, the evidence id in front."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from agents.kernel.records import Evidence
from agents.reasoning.boundary import FRAMED, Boundary

RESULT_CHARS = 6000
"""Characters of one tool's result, about 1,500 tokens; the rows between head and tail can be asked for."""
CELL_CHARS = 400
TAIL_SHARE = 0.25
"""Part of the room that the last rows get."""


def framed(tag: str, lines: Sequence[str], **about: object) -> str:
    """Lines of data between an opening and a closing tag. No line can close them: each begins with a bar."""
    told = "".join(f' {name}="{_attribute(value)}"' for name, value in about.items())
    body = [FRAMED + part for line in lines for part in line.splitlines() or [""]]
    return "\n".join([f"<{tag}{told}>", *body, f"</{tag}>"])


def shown(
    evidence: Evidence, boundary: Boundary, first_row: int = 1, room: int = RESULT_CHARS, tail: bool = True
) -> str:
    """The rows of evidence from `first_row` on, as far as there is room; what is left out is said, never silent."""
    lines = [json.dumps(_cells(row, boundary), ensure_ascii=False) for row in evidence.rows[first_row - 1 :]]
    return framed(
        "evidence",
        [json.dumps(evidence.columns), *_head_and_tail(lines, first_row, room, tail)],
        id=evidence.id,
        tool=evidence.tool,
        target=evidence.target,
        captured_at=evidence.captured_at,
        rows=f"{len(evidence.rows)}{' (cut by the tool)' if evidence.truncated else ''}",
    )


def _head_and_tail(lines: Sequence[str], first_row: int, room: int, tail: bool) -> Iterator[str]:
    end_room = int(room * TAIL_SHARE) if tail else 0
    if sum(map(len, lines)) <= room:
        yield from lines
        return
    head = _fitting(lines, room - end_room)
    last = _fitting(lines[:head:-1], end_room) if tail else 0
    yield from lines[:head]
    left = len(lines) - head - last
    yield f"… rows {first_row + head} to {first_row + head + left - 1} are left out: show_evidence has them …"
    yield from lines[len(lines) - last :]


def _fitting(lines: Sequence[str], room: int) -> int:
    """How many of the lines fit, one at least."""
    used = 0
    for count, line in enumerate(lines):
        used += len(line) + 1
        if used > room:
            return max(count, 1)
    return len(lines)


def _cells(row: Sequence[Any], boundary: Boundary) -> list[Any]:
    return [_cell(value, boundary) for value in row]


def _cell(value: Any, boundary: Boundary) -> Any:
    if isinstance(value, str):
        safe = boundary.cell(value)
        more = len(safe) - CELL_CHARS
        return safe if more <= 0 else f"{safe[:CELL_CHARS]}… and {more} characters more"
    if isinstance(value, list):
        return [_cell(one, boundary) for one in value]
    return value


def _attribute(value: object) -> str:
    return "".join(char for char in str(value) if char not in '"<>\n')
