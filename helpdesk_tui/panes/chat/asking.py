"""How it looks in the chat where the operator is asked something, with the number keys of what may be answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helpdesk_tui.panes.chat import markdown
from helpdesk_tui.panes.chat.state import ChatBlock
from helpdesk_tui.paper import BLANK, Block, Span, block

MOST_CHOICES = 9
"""As many as there are number keys."""


def undecided(item: ChatBlock) -> Iterator[Block]:
    """The router abstained: why, and the agents to choose from."""
    yield block(Span("? WHICH AGENT", "warn strong"), Span(f"  {item.text}", "dim"))
    yield from _choices(item.choices)
    yield BLANK
    yield block(Span("a number sends it there · @agent in a question decides it beforehand", "dim"))


def asks(item: ChatBlock) -> Iterator[Block]:
    """An agent's own words, and what it offers as answers."""
    credentials = item.tone == "credentials"
    what = "WAITS FOR CREDENTIALS" if credentials else "ASKS"
    yield block(Span(f"◆ {item.who} ", "strong"), Span(what, "warn strong"))
    yield from markdown.blocks(item.text)
    yield from _choices(item.choices)
    yield BLANK
    foot = "it gets them outside of this line, and then goes on" if credentials else "type the answer"
    keys = ", or press a number" if item.choices else ""
    leave = "" if credentials else f"{keys} · Esc leaves it waiting · ^r comes back to it"
    yield block(Span(f"{foot}{leave}", "dim"))


def _choices(choices: Sequence[str]) -> Iterator[Block]:
    for number, choice in enumerate(choices[:MOST_CHOICES], 1):
        yield Block((Span(f" {number} ", "key"), Span(f"  {choice}")), "  ", "       ")
    if len(choices) > MOST_CHOICES:
        yield block(Span(f"and {len(choices) - MOST_CHOICES} more: type it", "dim"), first="  ")
