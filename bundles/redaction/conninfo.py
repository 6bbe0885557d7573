"""Connection strings and option lists by their own syntax: what is known to be harmless stays, the rest goes."""

from __future__ import annotations

import re

from bundles.redaction.keys import HARMLESS
from inventory.masking import HIDDEN

_PAIR = re.compile(
    r"\s*([A-Za-z_][\w.]*)\s*=\s*(?:'((?:[^'\\]|\\.|'')*)'|((?:\\.|[^\s'\\])(?:\\.|[^\s\\])*|))", re.DOTALL
)
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",{}]+)')


def without_secrets(text: str) -> tuple[str, list[str]]:
    """A libpq keyword string with its secret values hidden, and those values.

    Text that is no keyword string but has a `=` is hidden as a whole; a URI is left to the rules for text.
    """
    if "://" in text or "=" not in text:
        return text, []
    pairs = _pairs(text)
    if pairs is None:
        return HIDDEN, [text]
    taken = [value for key, value in pairs if _hides(key, value)]
    if not taken:
        return text, []
    return " ".join(
        f"{key}={HIDDEN if _hides(key, value) else _quoted(value)}" for key, value in pairs
    ), taken


def option_without_secret(text: str) -> tuple[str, list[str]]:
    """One `name=value` of a foreign server or a user mapping, the value hidden unless its name is harmless."""
    name, sign, value = text.partition("=")
    if not sign or not _hides(name.strip(), value):
        return text, []
    return f"{name}={HIDDEN}", [value]


def options_without_secrets(text: str) -> tuple[str, list[str]]:
    """The text form of an array of options, `{user=bob,"password=x y"}`; other text is left alone."""
    inner = text.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        return text, []
    if _ITEM.sub("", inner[1:-1]).strip(", ") or inner.count("{") > 1:
        return HIDDEN, [text]
    taken: list[str] = []

    def hide(found: re.Match[str]) -> str:
        quoted, bare = found.groups()
        item = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        changed, values = option_without_secret(item)
        taken.extend(values)
        return changed if values else found[0]

    return "{" + _ITEM.sub(hide, inner[1:-1]) + "}", taken


def _pairs(text: str) -> list[tuple[str, str]] | None:
    pairs, position = [], 0
    while text[position:].strip():
        found = _PAIR.match(text, position)
        if not found or (found.end() < len(text) and not text[found.end()].isspace()):
            return None
        value = found[2].replace("''", "'") if found[2] is not None else found[3]
        pairs.append((found[1], re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)))
        position = found.end()
    return pairs


def _hides(name: str, value: str) -> bool:
    return name.lower() not in HARMLESS and value not in ("", HIDDEN)


def _quoted(value: str) -> str:
    if value and not re.search(r"[\s'\\]", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
