"""What a model writes as text that every store and wire takes."""

from __future__ import annotations

import re
from typing import Any

_HALF = re.compile("[\ud800-\udfff]")
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def whole(value: Any) -> Any:
    """The JSON value with half characters, which JSON can escape and UTF-8 cannot hold, replaced by U+FFFD."""
    match value:
        case str():
            return value if value.isascii() else _HALF.sub(_UNKNOWN, value)
        case dict():
            return {whole(key): whole(item) for key, item in value.items()}
        case list():
            return [whole(item) for item in value]
        case _:
            return value
