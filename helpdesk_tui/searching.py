"""Words looked up in the log of all sessions, each hit with the piece of text they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.kernel.event import Event
from agents.log import EventLog

LIMIT = 200
"""Newest hits that are shown: nobody reads more of them, and another word finds fewer."""
AROUND = 16
"""Characters before the first word that is found."""
MOST_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Hit:
    """An event that holds all the words."""

    event: Event
    text: str
    """The words in what they stand in, on one line."""


def search(log: EventLog, words: str, limit: int = LIMIT) -> list[Hit]:
    """Events of any session that hold every word (the last one as a prefix), the newest first."""
    return [Hit(item.event, _snippet(item.event.body, words)) for item in log.search(words, limit=limit)]


def _snippet(body: Mapping[str, Any], words: str) -> str:
    wanted = [word.casefold() for word in re.findall(r"\w+", words)]
    best = max(_texts(body), key=lambda text: sum(word in text.casefold() for word in wanted), default="")
    places = [place for word in wanted if (place := best.casefold().find(word)) >= 0]
    start = max(min(places, default=0) - AROUND, 0)
    cut = " ".join(best[start : start + MOST_CHARACTERS].split())
    # A word that the cut went through is no word.
    return f"… {cut.partition(' ')[2] or cut}" if start else cut


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for item in value.values():
                yield from _texts(item)
        case Sequence():
            for item in value:
                yield from _texts(item)
        case bool() | None:
            return
        case _:
            yield str(value)
