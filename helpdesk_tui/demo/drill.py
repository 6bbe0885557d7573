"""How a drill went: what the log says about the time from its opening to the verified fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from agents.kernel.event import Event


@dataclass(frozen=True, slots=True)
class Score:
    """Times in seconds from the session's opening; None for what didn't happen."""

    named_s: float | None
    """Until the condition was a finding."""
    mended_s: float | None
    """Until an action against that finding was verified."""
    action: str
    """What was done, in the words of the approval."""


def score(events: Iterable[Event], condition: str) -> Score:
    """The times of one session's events."""
    listed = list(events)
    opened = next((event.at for event in listed if event.kind == "session.opened"), None)
    if opened is None:
        return Score(None, None, "")
    named = next(_findings(listed, condition), None)
    mended, action = _mended(listed, {event.body["finding"]["id"] for event in _findings(listed, condition)})
    return Score(
        named_s=_seconds(opened, named.at) if named else None,
        mended_s=_seconds(opened, mended.at) if mended else None,
        action=action,
    )


def _findings(events: list[Event], condition: str) -> Iterator[Event]:
    return (
        event
        for event in events
        if event.kind == "finding" and event.body["finding"]["condition"] == condition
    )


def _mended(events: list[Event], findings: set[str]) -> tuple[Event | None, str]:
    """The first verified action that one of the findings asked for, and its words."""
    asked: dict[str, str] = {}
    for event in events:
        if event.kind in ("approval.requested", "approval.refreshed"):
            approval = event.body["approval"]
            if approval["call"].get("finding") in findings:
                asked[approval["id"]] = approval["preview"]["action"]
        elif event.kind == "action.finished" and event.body["verified"] and event.body["approval"] in asked:
            return event, asked[event.body["approval"]]
    return None, ""


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def told(result: Score, *, still_there: bool) -> str:
    """One line for the operator."""
    named = f"named after {result.named_s:.1f} s" if result.named_s is not None else "never named"
    if result.mended_s is not None and not still_there:
        return f"{named}, mended and verified after {result.mended_s:.1f} s: {result.action}"
    if not still_there:
        return f"{named}; it is gone, though no action of this session was verified against it"
    return f"{named}; it is still there"
