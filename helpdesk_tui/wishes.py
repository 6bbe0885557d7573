"""What the operator wants of governance, as messages that the desk carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpdesk_tui.messages import Wish

if TYPE_CHECKING:
    from helpdesk_tui.desk import Desk


@dataclass
class EditWanted(Wish):
    """Put other arguments in the place of a waiting approval's."""

    approval: str
    arguments: Mapping[str, Any]

    async def carry_out(self, desk: Desk) -> None:
        await desk.governing.edit(self.approval, self.arguments)


@dataclass
class WithdrawWanted(Wish):
    """Take one's own yes back."""

    approval: str

    async def carry_out(self, desk: Desk) -> None:
        await desk.governing.withdraw(self.approval)


@dataclass
class UndoWanted(Wish):
    """Ask for what undoes an action that was done."""

    approval: str

    async def carry_out(self, desk: Desk) -> None:
        await desk.governing.undo(self.approval)


@dataclass
class RevokeWanted(Wish):
    """Take a grant back."""

    grant: str

    async def carry_out(self, desk: Desk) -> None:
        await desk.governing.revoke(self.grant)


@dataclass
class LockWanted(Wish):
    """Make a target read-only again, or unlock it for this session."""

    target: str
    unlock: bool = False

    async def carry_out(self, desk: Desk) -> None:
        await desk.governing.lock(self.target, unlock=self.unlock)


@dataclass
class PurposeSaid(Wish):
    """Say what the session is for, with a note such as a ticket."""

    purpose: str
    note: str = ""

    async def carry_out(self, desk: Desk) -> None:
        await desk.governing.say_purpose(self.purpose, self.note)
