"""Help: the keys that work right here, then the others, from the one table of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helpdesk_tui.keys import bindings, by_place, shown
from helpdesk_tui.paper import BLANK, Block, Span, block
from helpdesk_tui.screens.reading import ReadingScreen

WIDTH = 18
"""Room for the keys, before what they do."""


class HelpScreen(ReadingScreen):
    """A list of keys; Esc leaves it."""

    BINDINGS = bindings("help")

    def __init__(self, here: str, places: Sequence[str]) -> None:
        """`here`: title of the place; `places`: places of the key table that are active in it."""
        super().__init__(f"Keys · {here}", _paper(places))


def _paper(places: Sequence[str]) -> Iterator[Block]:
    for place, (title, keys) in enumerate(by_place([*dict.fromkeys(places), "panes", "everywhere"])):
        if place:
            yield BLANK
        yield block(Span(title, "head"))
        for key in keys:
            yield Block((Span(key.help),), f"  {shown(key):<{WIDTH}}", " " * (WIDTH + 2), margin="accent")
