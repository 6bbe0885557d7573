"""Queries behind the lists of sessions and approvals."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from agents.kernel.event import Event
from agents.log.records import ApprovalRow, ApprovalState, SessionRow, StoredEvent

TITLE_CHARACTERS = 100

_SESSIONS = """
SELECT s.session, first.at, last.at,
  coalesce((SELECT target FROM events WHERE session = s.session AND target <> '' ORDER BY n DESC LIMIT 1), ''),
  s.events,
  coalesce((SELECT json_extract(event, '$.body.text') FROM events
    WHERE session = s.session AND kind = 'message' AND json_extract(event, '$.body.role') = 'operator'
    ORDER BY seq LIMIT 1), '')
FROM (SELECT session, max(n) AS events, min(seq) AS opened, max(seq) AS latest FROM events GROUP BY session) AS s
JOIN events AS first ON first.seq = s.opened
JOIN events AS last ON last.seq = s.latest
WHERE EXISTS (SELECT 1 FROM events WHERE session = s.session AND kind NOT IN ('purged', 'log.purged'))
ORDER BY s.latest DESC
"""

_PURPOSE = (
    "SELECT event FROM events INDEXED BY events_kind WHERE session = ? AND kind = 'session.purpose'"
    " ORDER BY seq DESC LIMIT 1"
)

_ENDED: Mapping[str, ApprovalState] = {
    "action.started": "started",
    "action.refused": "refused",
    "action.in_doubt": "in doubt",
}


def stored(row: tuple[int, int, str, str]) -> StoredEvent:
    """A row of `seq, n, event, hash` as a record."""
    seq, n, text, own_hash = row
    return StoredEvent(seq, n, Event.from_json(json.loads(text)), own_hash)


def session_rows(connection: sqlite3.Connection) -> list[SessionRow]:
    """All sessions that were not purged, the one used last first."""
    return [
        SessionRow(session, opened, last, target, events, " ".join(str(title).split())[:TITLE_CHARACTERS])
        for session, opened, last, target, events, title in connection.execute(_SESSIONS)
    ]


def approval_rows(connection: sqlite3.Connection, approval_id: str | None = None) -> list[ApprovalRow]:
    """All approvals (or one) folded from their events, oldest first."""
    rows = connection.execute(
        "SELECT seq, n, event, hash FROM events WHERE approval IS NOT NULL AND (? IS NULL OR approval = ?)"
        " ORDER BY approval, seq",
        (approval_id, approval_id),
    ).fetchall()
    grouped = groupby((stored(row) for row in rows), key=lambda item: _approval_id(item.event.body))
    folded = (_fold(list(items)) for _, items in grouped)
    return sorted((row for row in folded if row), key=lambda row: row.seq)


def with_purpose(connection: sqlite3.Connection, event: Event) -> Event:
    """The event with what its session is for, where it does not say so itself."""
    if event.kind == "session.purpose":
        body: Mapping[str, Any] = event.body
    else:
        row = connection.execute(_PURPOSE, (event.session,)).fetchone()
        body = json.loads(row[0])["body"] if row else {}
    purpose, note = str(body.get("purpose") or ""), str(body.get("note") or "")
    if event.purpose not in ("", purpose):
        # It began for another purpose, and ends so.
        return event
    return replace(event, purpose=purpose, purpose_note=event.purpose_note or note)


def open_tasks(connection: sqlite3.Connection) -> list[StoredEvent]:
    """The last `task` event of each task that was submitted or working when last heard of."""
    rows = connection.execute(
        "SELECT seq, n, event, hash FROM events"
        " WHERE seq IN (SELECT seq FROM events INDEXED BY events_kind WHERE kind = 'task') ORDER BY seq"
    )
    latest: dict[str, StoredEvent] = {}
    for item in map(stored, rows):
        latest[item.event.task] = item
    return [item for item in latest.values() if item.event.body["state"] in ("submitted", "working")]


def _approval_id(body: Mapping[str, Any]) -> str:
    approval = body["approval"]
    return str(approval["id"] if isinstance(approval, Mapping) else approval)


def _fold(items: Iterable[StoredEvent]) -> ApprovalRow | None:
    """The approval after all its events; None where its request is not in this log."""
    request: StoredEvent | None = None
    approval: Mapping[str, Any] = {}
    state: ApprovalState = "pending"
    decision: Mapping[str, Any] | None = None
    outcome: Mapping[str, Any] | None = None
    given: dict[str, None] = {}
    for item in items:
        body = item.event.body
        match item.event.kind:
            case "approval.requested" if request is None:
                request, approval = item, body["approval"]
            case "approval.refreshed":
                approval = body["approval"]
            case "approval.given":
                given[str(body["by"])] = None
            case "approval.withdrawn" if decision is None:
                given.pop(str(body["by"]), None)
            case "approval.decided" if outcome is None and state != "denied":
                decision, state = body, "approved" if body["decision"] == "approve" else "denied"
            case "action.finished":
                outcome, state = body, "done" if body["ok"] else "failed"
            case "approval.edited":
                outcome, state = body, "replaced"
            case kind if kind in _ENDED and state != "replaced":
                outcome, state = body, _ENDED[kind]
    if request is None:
        return None
    event = request.event
    if state == "pending" and _past(str(approval.get("expires_at", ""))):
        state = "expired"
    return ApprovalRow(
        str(approval["id"]), request.seq, event.session, event.task, event.agent, event.target, approval,
        state, decision, outcome, tuple(given),
    )  # fmt: skip


def _past(moment: str) -> bool:
    return bool(moment) and datetime.fromisoformat(moment) <= datetime.now(UTC)
