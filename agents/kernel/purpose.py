"""What a session is for: a purpose and a note such as a ticket, which hold until others are given."""

from __future__ import annotations

from agents.governance.policy_file import PURPOSES
from agents.kernel.event import Event
from agents.log import EventLog
from inventory.masking import inert_line

SAID = "session.purpose"
NOTE_CHARACTERS = 200
"""Of a note that comes over the line."""


def purpose_of(log: EventLog, session: str) -> tuple[str, str]:
    """Purpose and note that the session said last; empty where it said none."""
    said = log.events(session, kinds=(SAID,))
    body = said[-1].event.body if said else {}
    return str(body.get("purpose") or ""), str(body.get("note") or "")


def say_purpose(log: EventLog, session: str, told: tuple[str, str], by: str) -> None:
    """Record a purpose and a note that came with a message of `by`, where they are new and it is a purpose."""
    purpose, note = told[0], inert_line(told[1])[:NOTE_CHARACTERS]
    if purpose in PURPOSES and (purpose, note) != purpose_of(log, session):
        log.append(Event(SAID, session, {"purpose": purpose, "note": note, "by": by}, by))
