"""Text inside text: base64 (also UTF-16 and line-wrapped), hexadecimal and percent-encoding."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_plus

DEEPEST = 3
"""Wrappings inside wrappings that are opened."""

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{40,}+(?:\r?\n[ \t]*|\\r\\n|\\n))*[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){12,}")
_WORD = re.compile(r"(?<![^\s\"'<>])[^\s\"'<>]+")
_BREAKS = re.compile(r"\s+|\\r\\n|\\n")

_OF_INTEREST = re.compile(
    rb"passw|pwd|passphrase|pass=|secret|credential|token|cookie|[a-z]key|[_-]key|://|bearer|authorization|AKIA|ASIA"
    rb"|eyJ|gh[a-z]_|glpat|xox|sk-|AIza|scram|md5|PRIVATE KEY|:\*:|:5432:|^[A-Za-z0-9+/_=\s-]{16,}$",
    re.IGNORECASE,
)
"""A cheap first look: most long words unwrap to noise. The last form is another wrapping."""

Reveals = Callable[[str], bool]


def hide_wrapped(
    text: str, reveals: Reveals, hide: Callable[[str], str], *, all_words: bool = False, depth: int = 0
) -> str:
    """`text` with each wrapped word whose content `reveals` a secret replaced by what `hide` gives for it.

    Words whose content looks like noise at a first glance are passed over, unless `all_words`.
    """

    def judge(found: re.Match[str]) -> str:
        inner = any(_tells(content, reveals, all_words, depth) for content in unwrapped(found[0], all_words))
        return hide(found[0]) if inner else found[0]

    if "%" in text:
        text = _WORD.sub(lambda found: judge(found) if "%" in found[0] else found[0], text)
    for pattern in (_BASE64, _HEX):
        text = pattern.sub(judge, text)
    return text


def unwrapped(word: str, all_words: bool) -> Iterator[str]:
    """What `word` may stand for."""
    if "%" in word:
        yield unquote_plus(word)
        return
    for data in _bytes_of(word):
        content = data.replace(b"\0", b"")
        if all_words or _OF_INTEREST.search(content):
            yield content.decode("utf-8", "replace")


def _bytes_of(word: str) -> Iterator[bytes]:
    if _HEX.fullmatch(word):
        yield bytes.fromhex(word)
    joined = _BREAKS.sub("", word).rstrip("=").replace("-", "+").replace("_", "/")
    # A word before it (a path, a prefix) may shift where the groups of four begin.
    for start in range(4):
        part = joined[start:]
        if len(part) % 4 == 1:
            part = part[:-1]
        yield base64.b64decode(part + "=" * (-len(part) % 4))


def _tells(content: str, reveals: Reveals, all_words: bool, depth: int) -> bool:
    if reveals(content):
        return True
    if depth + 1 >= DEEPEST:
        return False
    return hide_wrapped(content, reveals, lambda _: "", all_words=all_words, depth=depth + 1) != content
