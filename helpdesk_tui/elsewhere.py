"""Approvals of other systems on the command line: asked for just now, and kept in the log like our own."""

from __future__ import annotations

from collections.abc import Sequence

from agents.kernel.event import new_id
from agents.log import ApprovalRow, EventLog
from helpdesk_tui.commands.output import print_text
from inventory.errors import UserError


def look_elsewhere(log: EventLog) -> None:
    """Look at each system of `approvals.toml` once; one that does not answer is told on standard error.

    What is new belongs to the last session. Raises UserError (exit 2) where the file cannot be read.
    """
    from agents.protocol.approval_systems.config import load_systems
    from agents.protocol.approval_systems.looking import look

    systems, warnings = load_systems()
    for warning in warnings:
        print_text(f"helpdesk: {warning}", err=True)
    if not systems:
        return
    session = next((row.id for row in log.sessions()), "") or new_id()
    for system in systems.values():
        try:
            look(system, log, session, everywhere=True)
        except UserError as error:
            print_text(f"helpdesk: approvals of {system.name} cannot be read: {error}", err=True)


def is_elsewhere(row: ApprovalRow) -> bool:
    """Whether another system asked for it."""
    return bool(_origin(row)[0])


def id_there(row: ApprovalRow) -> str:
    """The id of a request of another system at that system; empty for our own."""
    return _origin(row)[1]


def once(rows: Sequence[ApprovalRow]) -> list[ApprovalRow]:
    """The rows, without a request of another system that a later row tells of again for another session."""
    later = {_origin(row): row.id for row in rows if is_elsewhere(row)}
    return [row for row in rows if not is_elsewhere(row) or later[_origin(row)] == row.id]


def _origin(row: ApprovalRow) -> tuple[str, str]:
    from agents.protocol.approval_systems.reading import origin

    return origin(row.approval)
