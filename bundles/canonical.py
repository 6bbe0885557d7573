"""Canonical JSON of a bundle: sorted keys, no spaces, and no character that could act on a terminal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

DEEPEST = 100
"""Levels of nesting that are kept; people's records have under ten, a parser's stack holds about 900."""

TOO_DEEP = "TRUNCATED: nested too deep"

_ACTIVE = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""DEL, C1 controls, bidirectional and zero-width characters, lone surrogates; JSON escapes C0 itself."""


def canonical_json(value: Any) -> str:
    """Text of `value`; equal values give equal text, and parsing it gives `value` back."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _ACTIVE.sub(_escaped, text)


def plain(value: Any, depth: int = 0) -> Any:
    """`value` as plain JSON: mappings and sequences copied, NaN and foreign objects as text, depth limited."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping() | list() | tuple() if depth >= DEEPEST:
            return TOO_DEEP
        case Mapping():
            return {str(key): plain(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, depth + 1) for item in value]
        case _:
            return str(value)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
