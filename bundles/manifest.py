"""The manifest: what is in a bundle, where it comes from, and what its bytes must be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bundles.canonical import canonical_json
from bundles.documents import Document, Rendered
from bundles.naming import MANIFEST, SEAL, SUMS
from bundles.redaction import LEVEL, Redacted

SCHEMA = "helpdesk.bundle/1"


def digest(data: bytes) -> str:
    """SHA-256 (hex)."""
    return hashlib.sha256(data).hexdigest()


def build(
    redacted: Redacted, listed: Mapping[str, Document], files: Mapping[str, Rendered]
) -> dict[str, Any]:
    """The manifest of these files, with the id that follows from all the rest of it."""
    content = redacted.content
    body = {
        "schema": SCHEMA,
        "created_at": content.created_at,
        "session": content.session,
        "target": content.target,
        "servers": content.servers,
        "tool": {"name": "helpdesk-tui", "version": content.tool_version},
        "python": content.python,
        "platform": content.platform,
        "clock": asdict(content.clock),
        "collectors": [asdict(collector) for collector in content.collectors],
        "entries": [_entry(path, listed[path].mime, files[path].data) for path in sorted(files)],
        "truncated": {path: file.cut for path, file in files.items() if file.cut},
        "redaction": {
            "level": LEVEL,
            "rules": redacted.totals(),
            "events_changed": len(redacted.changed_events),
        },
    }
    return {**body, "id": identity(body)}


def identity(manifest: Mapping[str, Any]) -> str:
    """32 hex digits over all of the manifest but its id: the same content has the same id."""
    body = {name: value for name, value in manifest.items() if name != "id"}
    return digest(canonical_json(body).encode())[:32]


def with_checksums(manifest: Mapping[str, Any], files: Mapping[str, Rendered]) -> dict[str, bytes]:
    """All files in the order of the archive: sorted by path, the seal last."""
    data = {path: file.data for path, file in files.items()}
    data[MANIFEST] = f"{canonical_json(manifest)}\n".encode()
    data[SUMS] = sums(data)
    ordered = {path: data[path] for path in sorted(data)}
    ordered[SEAL] = sums({path: data[path] for path in (SUMS, MANIFEST)})
    return ordered


def sums(files: Mapping[str, bytes]) -> bytes:
    """Lines that `sha256sum -c` reads, sorted by path."""
    return "".join(f"{digest(files[path])}  {path}\n" for path in sorted(files)).encode()


def _entry(path: str, mime: str, data: bytes) -> dict[str, Any]:
    return {"path": path, "bytes": len(data), "sha256": digest(data), "mime": mime}
