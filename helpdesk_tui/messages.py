"""Messages that panes send to the app: what the operator wants done."""

from __future__ import annotations

from dataclasses import dataclass, field

from textual.message import Message


@dataclass
class CopyWanted(Message):
    """Put this text on the clipboard."""

    text: str
    what: str
    """What it is, for the notice: `the last answer`."""


@dataclass
class EvidenceWanted(Message):
    """Open these pieces of evidence."""

    ids: list[str]


@dataclass
class TargetWanted(Message):
    """Work on this target from now on."""

    name: str


@dataclass
class LockWanted(Message):
    """Make this target read-only again."""

    name: str


@dataclass
class PulseWanted(Message):
    """Read the health of every target now."""


@dataclass
class Decided(Message):
    """The operator decided on an approval."""

    approval: str
    decision: str
    """`approve` or `deny`."""
    reason: str = ""
    confirmation: str = ""
    unlock: bool = field(default=False)
    call_sha256: str = ""
    """The binding of the card that was on the screen."""


@dataclass
class RefreshWanted(Message):
    """Read the victims of an approval again."""

    approval: str
