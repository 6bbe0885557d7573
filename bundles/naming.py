"""Names of bundles and of the files inside them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SEAL = "SEAL"
EVENTS = "events.jsonl"
REDACTION = "redaction.json"

_TARGET_CHARACTERS = 40
"""Of the target's name in the archive's name, so that the whole fits every file system."""

_SAFE_PATH = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,79}/){0,3}[A-Za-z0-9_][A-Za-z0-9._-]{0,79}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def moment(created_at: str) -> datetime:
    """`created_at` as an aware time in UTC; ValueError where it is none."""
    parsed = datetime.fromisoformat(created_at)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def bundle_name(target: str, created_at: str, bundle_id: str) -> str:
    """`helpdesk-<target>-<UTC yyyymmddThhmmssZ>-<id8>`: the archive's name and the one directory in it."""
    label = slug(target)[:_TARGET_CHARACTERS].strip(".-") or "target"
    return f"helpdesk-{label}-{moment(created_at):%Y%m%dT%H%M%SZ}-{bundle_id[:8]}"


def slug(text: str) -> str:
    """`text` with letters, digits, dots, dashes and underscores alone."""
    return _UNSAFE.sub("-", text).strip(".-")


def is_safe_path(path: str) -> bool:
    """True for a relative path of plain names: no `..`, no leading dot or dash, no control character."""
    return _SAFE_PATH.fullmatch(path) is not None


def distinct(names: Iterable[str]) -> list[str]:
    """The names as slugs, a number added where two would be the same (case ignored)."""
    taken: set[str] = set()
    result = []
    for name in names:
        base = slug(name)[:60] or "item"
        candidate, number = base, 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{base}-{number}"
        taken.add(candidate.casefold())
        result.append(candidate)
    return result
