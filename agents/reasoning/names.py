"""Names of objects and literals in what a database tells: what the boundary can replace by placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

STATEMENTS = ("query", "statement", "definition", "expression", "command", "message", "detail", "context")
"""Columns that hold SQL or a server's words."""
_NAMED = re.compile(
    r"(?:^|_)(?:user|usename|role|owner|database|datname|application|client|host|address|schema|relation|table|index"
    r"|column|columns|constraint|trigger|slot|subscription|publication|sequence|gid|extension|member|path|directory"
    r"|object|holder|waiter|parent|partition)(?:_name|s)?$"
)
"""Columns whose values are names."""
_WORD = re.compile(r"[A-Za-z_][\w$]*")
_QUOTED = re.compile(r'"([^"\n]{2,63})"')
_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.$])(\d{4,})(?![\w.])")
_SHORTEST = 3
_OWN = frozenset({
    "public", "postgres", "template0", "template1", "client backend", "idle", "active", "relation", "transactionid",
    "tuple", "local", "true", "false", "null", "none",
})  # fmt: skip
"""PostgreSQL's own words, which tell nothing of anyone."""


def names_of(column: str, cell: str) -> Iterator[str]:
    """Names in one value: all of it where the column holds names, the identifiers where it holds SQL."""
    if column in STATEMENTS:
        yield from (word for word in _WORD.findall(cell) if tells(word) and word.lower() not in _keywords())
        yield from names_in(cell)
    elif _NAMED.search(column) and tells(cell):
        yield cell
        yield from (part for part in re.split(r'[."]+', cell) if tells(part))


def names_in(text: str) -> Iterator[str]:
    """Names that any text puts into double quotes, as the server's messages do."""
    yield from (word for word in _QUOTED.findall(text) if tells(word) and " " not in word)


def literals_of(column: str, cell: str) -> Iterator[tuple[str, str]]:
    """Literals in SQL, each with `text` or `number`; numbers of less than four digits tell nothing."""
    if column not in STATEMENTS:
        return
    for text, number in _LITERAL.findall(cell):
        if number:
            yield number, "number"
        elif len(text) >= _SHORTEST:
            yield text, "text"


def tells(word: str) -> bool:
    """Whether a word tells something of anyone: not too short, and none of PostgreSQL's own."""
    return (
        len(word) >= _SHORTEST
        and not word.startswith("pg_")
        and word.lower() not in _OWN
        and not word.isdigit()
    )


@cache
def _keywords() -> frozenset[str]:
    """SQL's own words, as PostgreSQL's parser has them."""
    from pglast import keywords

    kinds = ("RESERVED", "UNRESERVED", "COL_NAME", "TYPE_FUNC_NAME")
    return frozenset(word for kind in kinds for word in getattr(keywords, f"{kind}_KEYWORDS"))
