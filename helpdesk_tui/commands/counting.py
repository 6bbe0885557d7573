"""How far a long command has come, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

CLEAR = "\r\x1b[K"


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Call what is given with a count; it is shown on standard error, and gone at the end, where that is a terminal."""
    shows = sys.stderr.isatty()

    def tell(count: int) -> None:
        if shows:
            click.echo(f"{CLEAR}{count:,} events {what}", nl=False, err=True)

    try:
        yield tell
    finally:
        if shows:
            click.echo(CLEAR, nl=False, err=True)
