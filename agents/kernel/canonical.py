"""Canonical JSON: one byte string for one value, so that it can be hashed and compared."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

_ESCAPED = re.compile("[\ud800-\udfff\x85\u2028\u2029]")


def canonical_json(value: Any) -> str:
    """Text of `value` with sorted keys and no spaces; equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def storable_json(value: Any) -> str:
    """Canonical JSON that every store and wire takes.

    Lone surrogates (undecodable file names), which are no UTF-8, and what some readers take for an end of line
    stand as JSON escapes.
    """
    text = canonical_json(value)
    return text if text.isascii() else _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def sha256_of(value: Any) -> str:
    """SHA-256 (hex) over the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def known_fields(record: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a dataclass knows of `data`; a newer version's further fields are passed over."""
    return {item.name: data[item.name] for item in fields(record) if item.name in data}


def utc_now() -> str:
    """The time now as ISO 8601 in UTC with microseconds, for example `2026-11-20T02:11:09.123456Z`."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """`moment` as ISO 8601 in UTC; a naive one is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def jsonable(value: Any) -> Any:  # noqa: PLR0911
    """A value from a driver as plain JSON: times in UTC, intervals in seconds, the rest as text.

    Decimals become int or float where that is exact enough to show; NaN and infinities become text.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            if not value.is_finite():
                return str(value)
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return utc_text(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value).hex()
        case UUID():
            return str(value)
        case Mapping():
            return {str(key): jsonable(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [jsonable(item) for item in value]
        case _:
            return str(value)
