"""What a session is for: a purpose and a note such as a ticket, which hold until others are given."""

from __future__ import annotations

from agents.log import EventLog


def purpose_of(log: EventLog, session: str) -> str:
    """The purpose that the session said last; empty where it said none."""
    said = log.events(session, kinds=("session.purpose",))
    return str(said[-1].event.body["purpose"]) if said else ""
