"""What the log gives back: events with their place, sessions, approvals, verdicts and hits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.kernel.event import Event

ApprovalState = Literal[
    "pending", "approved", "denied", "replaced", "started", "done", "failed", "refused", "expired", "in doubt"
]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with the place and the hash that the log gave it."""

    seq: int
    """Place in the whole log, from 1."""
    n: int
    """Place in its session, from 1."""
    event: Event
    hash: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session, as a list shows it."""

    id: str
    opened_at: str
    last_at: str
    target: str
    """Inventory name of the last target it worked on, or empty."""
    events: int
    title: str
    """The operator's first words in it, cut to one short line; data, not markup."""


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One approval with what became of it."""

    id: str
    seq: int
    """Place of the request in the log."""
    session: str
    task: str
    agent: str
    target: str
    approval: Mapping[str, Any]
    """JSON of the approval, as last refreshed."""
    state: ApprovalState
    decision: Mapping[str, Any] | None
    """Body of `approval.decided`, where it was decided."""
    outcome: Mapping[str, Any] | None
    """Body of the last `action.*` event, where there is one."""
    given: tuple[str, ...] = ()
    """Principals that approved so far, where several must."""

    @property
    def said(self) -> str:
        """Its state as the end of a sentence: `waits for a decision`, `is running`, `is denied`."""
        said = {"pending": "waits for a decision", "started": "is running"}
        return said.get(self.state, f"is {self.state}")


@dataclass(frozen=True, slots=True)
class Break:
    """The first event at which the hash chain does not hold."""

    seq: int
    n: int
    session: str
    id: str
    """Event id, empty where the event is gone."""
    reason: str


@dataclass(frozen=True, slots=True)
class Purge:
    """A purge that the log tells of itself."""

    session: str
    seq: int
    """Place of the tombstone."""
    by: str
    at: str
    reason: str
    events: int
    key: str
    """Public key (hex) that the tombstone's signature holds for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking the hash chain found."""

    ok: bool
    checked: int
    broken: Break | None = None
    purges: tuple[Purge, ...] = ()
    """Events whose content is gone with a tombstone in their place."""
