"""Text that is safe to show: secrets taken out, control characters made visible."""

from __future__ import annotations

import base64
import json
import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from inventory.secret_patterns import HIDDEN, names_secret, without_lookalikes

__all__ = ["HIDDEN", "inert", "inert_line", "inert_pieces", "mask", "masked", "remember_secret"]

_SHORTEST = 3
"""Characters; a shorter value would hit half the text by chance."""
_SHORTEST_INSIDE_WORDS = 8
"""Characters; a shorter value is masked as a whole word only, as it may be a part of ordinary words."""

MOST_MARKS = 6
"""Combining marks on one character; Hebrew with vowels and cantillation has up to four, Tibetan up to five."""
_HARMLESS = re.compile(r"[\n\t -~]*")
_RUNS = re.compile(r"[\n\t -~]+|[^\n\t -~]+")
_PILED = re.compile(rf"[^\x00-\x7f]{{{MOST_MARKS + 1},}}")
"""Where marks may pile up: none is in ASCII."""
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that show nothing: fillers, a joiner, an empty braille pattern, selectors of variants."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
"""Categories that act, hide, or look like whatever a font makes of them."""

_CACHED_CHARACTERS = 4000
"""Statements of ours are as long: each is in the log many times."""


class Known(tuple[str, ...]):
    """Forms of secrets; told from others by being another one, which is quick."""

    __slots__ = ()
    __hash__ = object.__hash__
    __eq__ = object.__eq__


_lock = threading.Lock()
_remembered = Known()
"""Every form of every secret that we know, the longest first."""


def remember_secret(value: str) -> None:
    """Mask `value` wherever it shows up from now on, also in the ways it may be quoted."""
    global _remembered
    if len(value) < _SHORTEST:
        return
    with _lock:
        forms = {*_remembered, *(form for form in _forms(value) if len(form) >= _SHORTEST)}
        if len(forms) > len(_remembered):
            _remembered = Known(sorted(forms, key=len, reverse=True))


def mask(text: str) -> str:
    """`text` with every secret that we know, and all that looks like one, replaced by `***`."""
    return (
        _masked_before(text, _remembered) if len(text) <= _CACHED_CHARACTERS else _masked(text, _remembered)
    )


@lru_cache(maxsize=2000)
def _masked_before(text: str, known: Known) -> str:
    """Many sessions run the same statements: each is searched once, until another secret is known."""
    return _masked(text, known)


def _masked(text: str, known: Known) -> str:
    # A secret of several words goes before the patterns, which could cut it in two. One that is a
    # single word goes after them: it may be a word, such as "password", by which they find another.
    text = _without(text, (form for form in known if not form.isalnum()))
    return _without(without_lookalikes(text), known)


def masked(value: Any, longest: int | None = None, name: str = "", kept: frozenset[str] = frozenset()) -> Any:
    """A JSON value with `mask` over each text in it, which is cut where it has more than `longest` characters.

    Beside a `name` that holds secrets, such as `password`, a text is one; beside one of `kept` it stays.
    """
    match value:
        case _ if name in kept:
            return value
        case str() if name and names_secret(name) and mask(f"{name}={value}") != f"{name}={value}":
            return HIDDEN
        case str():
            return mask(value) if longest is None or len(value) <= longest else f"{mask(value[:longest])} …"
        case Mapping():
            return {key: masked(item, longest, str(key), kept) for key, item in value.items()}
        case list() | tuple():
            return type(value)(masked(item, longest, name, kept) for item in value)
        case _:
            return value


def inert(text: str) -> str:
    """`text` with all that could move a cursor, reorder or hide text made visible; newlines and tabs stay.

    Control characters become `\\x1b`, bidirectional and zero-width ones `\\u202e`, as plain text; so do those that
    Unicode does not know, and marks that pile up on one character, beyond what any script writes.
    """
    if _HARMLESS.fullmatch(text):
        return text
    text = text.translate(_FORMS)
    return _PILED.sub(_spread, text) if _PILED.search(text) else text


def inert_pieces(text: str) -> Iterator[tuple[str, bool]]:
    """`inert(text)` in pieces, each with whether it stands for what was there: typed as such it is False."""
    for run in _RUNS.findall(text):
        shown = inert(run)
        if shown == run:
            yield run, False
            continue
        marks = 0
        for char in run:
            made = inert(char)
            marks = marks + 1 if made == char and unicodedata.category(char) in {"Mn", "Me"} else 0
            if marks > MOST_MARKS:
                made = _visible(char)
            yield made, made != char


def inert_line(text: str) -> str:
    """`inert` text folded to one line: every run of white space becomes a space."""
    return " ".join(inert(text).split())


def _forms(value: str) -> set[str]:
    escaped = value.replace("\\", "\\\\")
    return {
        value,
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        escaped.replace("'", "\\'"),
        escaped.replace(":", "\\:"),
        escaped.replace(" ", "\\ "),
        value.replace("'", "''"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(value)[1:-1])[1:-1],
        base64.b64encode(value.encode("utf-8", "surrogatepass")).decode().rstrip("="),
        repr(value)[1:-1],
        inert(value),
    }


def _without(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        if form in text:
            if len(form) >= _SHORTEST_INSIDE_WORDS:
                text = text.replace(form, HIDDEN)
            else:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", HIDDEN, text)
    return text


def _is_active(char: str) -> bool:
    if " " <= char <= "~":
        return False
    return unicodedata.category(char) in _UNSEEN or _BLANKS.match(char) is not None


def _spread(found: re.Match[str]) -> str:
    """A run of characters beyond ASCII: marks after the first few of a character stand beside it, visible."""
    result, marks = [], 0
    for char in found[0]:
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        result.append(char if marks <= MOST_MARKS else _visible(char))
    return "".join(result)


class _Forms(dict[int, int | str]):
    """Code point → what is shown in its place; each is worked out when it is first met."""

    def __missing__(self, code: int) -> int | str:
        char = chr(code)
        self[code] = form = code if char in "\n\t" or not _is_active(char) else _visible(char)
        return form


_FORMS = _Forms()


def _visible(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
