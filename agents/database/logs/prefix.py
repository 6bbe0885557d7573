"""`log_line_prefix` as a regular expression that takes a line of a plain-text log apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.database.logs.labels import PART_OF, SEVERITY_OF
from agents.database.logs.moment import TIME

_ANYTHING = ".*?"
_FIELDS = {
    "a": ("application", _ANYTHING),
    "u": ("user", _ANYTHING),
    "d": ("database", _ANYTHING),
    "r": ("", _ANYTHING),
    "h": ("", _ANYTHING),
    "L": ("", _ANYTHING),
    "b": ("backend_type", _ANYTHING),
    "p": ("pid", r"\d+"),
    "P": ("", r"\d*"),
    "t": ("time", TIME),
    "m": ("time", TIME),
    "n": ("epoch", r"\d+\.\d+"),
    "s": ("", TIME),
    "i": ("", _ANYTHING),
    "e": ("sqlstate", "[0-9A-Z]{5}"),
    "c": ("session", r"[0-9a-f]+\.[0-9a-f]+"),
    "l": ("", r"\d+"),
    "v": ("", r"\S*?"),
    "x": ("", r"\d+"),
    "Q": ("", r"-?\d+"),
}
"""Escape → name of the group that keeps it (empty: not kept) and what it can be."""
_ESCAPE = re.compile(r"%(-?\d*)(.)|([^%]+)|%$", re.DOTALL)
_KNOWN = "|".join(sorted(map(re.escape, (*SEVERITY_OF, *PART_OF)), key=len, reverse=True))
_FOREIGN = r"\w[\w' ]{0,39}?"
TIMES = frozenset("tmn")


@dataclass(frozen=True, slots=True)
class LinePrefix:
    """A compiled prefix."""

    text: str
    line: re.Pattern[str]
    """Groups `label`, `text` and those fields that the prefix has."""
    foreign: re.Pattern[str]
    """The same for a server whose language isn't in our list: any word may stand before the colon."""

    @property
    def tells_time(self) -> bool:
        return bool(self.line.groupindex.keys() & {"time", "epoch"})


def compile_prefix(prefix: str) -> LinePrefix:
    """The expression for lines that a server with this `log_line_prefix` writes. Unknown escapes are empty."""
    head = "".join(_translated(prefix))
    return LinePrefix(
        prefix,
        re.compile(rf"{head}(?P<label>{_KNOWN})\s?:  ?(?P<text>.*)"),
        re.compile(rf"{head}(?P<label>{_FOREIGN})\s?:  (?P<text>.*)"),
    )


def _translated(prefix: str) -> Iterator[str]:
    kept: set[str] = set()
    only_sessions = False
    for found in _ESCAPE.finditer(prefix):
        padding, escape, literal = found.groups()
        if literal is not None:
            yield re.escape(literal)
        elif escape == "%":
            yield "%"
        elif escape == "q" and not only_sessions:
            only_sessions = True
            yield "(?:"  # processes without a session stop here
        elif escape in _FIELDS:
            yield _field(escape, padding, kept)
    if only_sessions:
        yield ")?"


def _field(escape: str, padding: str, kept: set[str]) -> str:
    name, pattern = _FIELDS[escape]
    group = f"(?P<{name}>{pattern})" if name and name not in kept else f"(?:{pattern})"
    kept.add(name)
    return f" *{group} *" if padding else group
