"""How commands print: JSON that no byte can break out of, and plain tables for people."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import click

from inventory.errors import UserError
from inventory.masking import inert, inert_line, mask

GAP = 2
WIDEST = 60
"""Columns that are lined up; a longer cell moves what stands behind it, in its own row alone."""


def print_json(value: Any) -> None:
    """One JSON value on stdout; everything outside printable ASCII is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=True)
    click.echo(text.replace("\x7f", "\\u007f"))


def print_text(text: str, *, err: bool = False) -> None:
    """Text that may hold data: secrets are masked, and control characters become visible instead of acting."""
    click.echo(inert(mask(text)), err=err)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """A plain table, on a terminal as wide as that; `empty` where there is no row, `-` for what is None."""
    if not rows:
        click.echo(empty)
        return
    cells = [["-" if cell is None else inert_line(mask(str(cell))) for cell in row] for row in rows]
    widths = [
        min(max(len(heading), *(len(row[place]) for row in cells)), WIDEST)
        for place, heading in enumerate(headings)
    ]
    # A pipe or a file gets all of it: what reads it may look for what stands last.
    room = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else sys.maxsize
    for row in [list(headings), *cells]:
        line = (" " * GAP).join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(_cut(line.rstrip(), room))


def confirmed(question: str) -> bool:
    """The yes or no of whoever sits here. Raises UserError (exit 2) where nobody does."""
    try:
        return click.confirm(question)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise UserError("nobody is here to answer; give --yes to do it without asking") from None


def _cut(line: str, room: int) -> str:
    return line if len(line) <= room else line[: room - 1] + "…"
