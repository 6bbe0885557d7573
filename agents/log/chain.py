"""The hash chain: each event is bound to the one before it in its session and in the whole log."""

from __future__ import annotations

import hashlib

from agents.kernel.canonical import canonical_json, storable_json
from agents.kernel.event import Event

GENESIS = ""
"""What stands before the first event."""


def event_text(event: Event) -> str:
    """Canonical JSON of the whole event, as it is stored and hashed."""
    return storable_json(event.to_json())


def link(text: str, seq: int, n: int, before_in_session: str, before_in_log: str) -> str:
    """SHA-256 (hex) over the event's text, its two places and the two hashes before it."""
    head = canonical_json([seq, n, before_in_session, before_in_log])
    return hashlib.sha256(f"{head}\n{text}".encode()).hexdigest()
