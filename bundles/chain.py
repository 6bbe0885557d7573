"""Two hash chains: the log's own, as far as the events are still what was logged, and the bundle's."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def log_hash(event: Mapping[str, Any], seq: int, n: int, before_in_session: str, before_in_log: str) -> str:
    """The hash that the log gave this event: SHA-256 over both places, both hashes before it and its text."""
    head = _compact([seq, n, before_in_session, before_in_log])
    text = _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", _compact(event))
    return hashlib.sha256(f"{head}\n{text}".encode()).hexdigest()


def sealed_hash(line: str, before: str) -> str:
    """SHA-256 over the sealed hash before it and a line of the slice as it stands in the bundle."""
    return hashlib.sha256(f"{before}\n{line}".encode()).hexdigest()


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
