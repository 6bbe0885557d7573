"""The one append-only log of events that every pane is a view of."""

from __future__ import annotations

from agents.log.records import ApprovalRow, Break, SessionRow, StoredEvent, Verdict
from agents.log.store import EventLog

__all__ = ["ApprovalRow", "Break", "EventLog", "SessionRow", "StoredEvent", "Verdict"]
