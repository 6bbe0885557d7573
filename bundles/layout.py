"""Which files a bundle has: from redacted content to documents, fitted into the size that is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bundles.content import PURGED, LogEntry
from bundles.documents import Document, EventsDocument, JsonDocument, Rendered, RowsDocument, TextDocument
from bundles.limits import FILE_BYTES
from bundles.naming import EVENTS, REDACTION
from bundles.redaction import Redacted, evidence_paths


def documents(redacted: Redacted) -> list[Document]:
    """The files that hold content, without the manifest and the checksums."""
    content = redacted.content
    listed: list[Document] = [
        EventsDocument(EVENTS, _slice(redacted)),
        JsonDocument("findings.json", list(content.findings)),
        JsonDocument("approvals.json", list(content.approvals)),
        JsonDocument("report.json", content.report),
        JsonDocument(REDACTION, redacted.report()),
        TextDocument("transcript.md", content.transcript),
        TextDocument("REPORT.md", content.summary),
    ]
    for path, evidence in zip(evidence_paths(content), content.evidence, strict=True):
        listed.append(_evidence(path, evidence))
    return listed


def rendered(listed: Sequence[Document], limit: int) -> dict[str, Rendered]:
    """The bytes of each file, by path; the largest ones are cut until all together are within `limit` bytes."""
    files = {item.path: item.render(FILE_BYTES) for item in listed}
    level = _level([len(file.data) for file in files.values()], limit)
    for item in listed:
        if len(files[item.path].data) > level:
            files[item.path] = item.render(level)
    return files


def _slice(redacted: Redacted) -> list[Mapping[str, Any]]:
    """The events with the log's own hashes; `kept` says whether these can still be computed from the event."""
    return [
        {
            "seq": entry.seq,
            "n": entry.n,
            "event": entry.event,
            "hash": entry.hash,
            "before_in_session": entry.before_in_session,
            "before_in_log": entry.before_in_log,
            "kept": _kept(entry, redacted=place in redacted.changed_events),
        }
        for place, entry in enumerate(redacted.content.events)
    ]


def _kept(entry: LogEntry, *, redacted: bool) -> str:
    if entry.event["kind"] == PURGED:
        return PURGED
    return "redacted" if redacted else "whole"


def _evidence(path: str, evidence: Mapping[str, Any]) -> RowsDocument:
    rows = evidence.get("rows", [])
    head = {name: value for name, value in evidence.items() if name != "rows"}
    return RowsDocument(path, {**head, "rows": len(rows)}, rows)


def _level(sizes: Sequence[int], limit: int) -> int:
    """The size above which files are cut so that all fit: small files stay whole, large ones share the rest."""
    left = limit
    ordered = sorted(sizes)
    for number, size in enumerate(ordered):
        share = left // (len(ordered) - number)
        if size > share:
            return share
        left -= size
    return limit
