"""Names of agents completed while a question is typed: after `@`, and after `/route`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from helpdesk_tui.free_sql import MODE

COMMANDS = (MODE, "/route")
_OPEN = re.compile(r"(?:(?:^|\s)@|^/route\s+@?)([\w.-]*)$")
_ROUTE = re.compile(r"/route(?:\s+@?(\S+))?\s*")


def matches(before: str, names: Iterable[str]) -> tuple[str, list[str]]:
    """What is typed of a name right before the cursor, and the names that begin so; none where no name is due."""
    found = _OPEN.search(before)
    if found is None:
        return "", []
    typed = found[1]
    return typed, [name for name in names if name.lower().startswith(typed.lower()) and name != typed]


def mistyped(text: str) -> str:
    """The first word of a question that looks like a command and is none: alone, or close to one; else empty.

    A path such as /var/lib/pgsql, or /data in a sentence, is no command.
    """
    word, *rest = text.split(None, 1) or [""]
    looks = re.fullmatch(r"/[A-Za-z]+", word) is not None
    return word if looks and (not rest or get_close_matches(word.lower(), COMMANDS)) else ""


def taught(text: str) -> str | None:
    """The agent of `/route AGENT`, empty where it is missing; None for a question."""
    found = _ROUTE.fullmatch(text)
    return None if found is None else found[1] or ""
