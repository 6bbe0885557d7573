"""What the operator wants of governance, as messages that the desk carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helpdesk_tui.messages import Wish


@dataclass
class EditWanted(Wish):
    """Put other arguments in the place of a waiting approval's."""

    approval: str
    arguments: Mapping[str, Any]


@dataclass
class WithdrawWanted(Wish):
    """Take one's own yes back."""

    approval: str


@dataclass
class UndoWanted(Wish):
    """Ask for what undoes an action that was done."""

    approval: str


@dataclass
class RevokeWanted(Wish):
    """Take a grant back."""

    grant: str


@dataclass
class LockWanted(Wish):
    """Make a target read-only again, or unlock it for this session."""

    target: str
    unlock: bool = False


@dataclass
class PurposeSaid(Wish):
    """Say what the session is for, with a note such as a ticket."""

    purpose: str
    note: str = ""
