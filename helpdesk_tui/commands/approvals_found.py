"""Approvals and grants in the log, as the commands find them and tell of them."""

from __future__ import annotations

import shlex

from agents.governance.grant import Grant, grants_of
from agents.log import ApprovalRow, EventLog
from helpdesk_tui.elsewhere import id_there, is_elsewhere, look_elsewhere, once
from helpdesk_tui.panes.approvals.state import ApprovalsState, Ask
from inventory.errors import UserError


def all_grants(log: EventLog) -> list[tuple[str, str, Grant]]:
    """All grants with their session and agent, oldest first."""
    agents = {row.id: row.agent for row in log.approvals()}
    kinds = ("grant.given", "grant.used", "grant.revoked")
    found = []
    for session in reversed(log.sessions()):
        events = log.events(session.id, kinds=kinds)
        for item in grants_of((stored.event.kind, stored.event.body) for stored in events).values():
            found.append((session.id, agents.get(item.approval, ""), item))
    return found


def next_commands(row: ApprovalRow, ask: Ask) -> list[str]:
    """What can be done about it now, as commands."""
    if row.state == "done":
        return [f"helpdesk approvals undo {row.id}"] if ask.can_undo else []
    if row.state != "pending":
        return []
    confirm = f" --confirm {shlex.quote(ask.confirmation)}" if ask.confirmation else ""
    unlock = " --unlock" if ask.locked else ""
    lines = [f"helpdesk approvals approve {row.id}{confirm}{unlock}", f"helpdesk approvals deny {row.id}"]
    if not ask.no_grant():
        lines.append(f"helpdesk approvals grant {row.id}{confirm}{unlock} --count 3 --for 30m")
    if ask.given:
        lines.append(f"helpdesk approvals withdraw {row.id}")
    return lines


def find_ask(wanted: str) -> tuple[ApprovalRow, Ask]:
    """An approval with all that its session tells of it, as the pane shows it."""
    row = find(wanted)
    state = ApprovalsState()
    with EventLog.open() as log:
        for item in log.events(row.session):
            state.feed(item.event)
    return row, state.asks[row.id]


def find(wanted: str) -> ApprovalRow:
    """The one approval whose id this is, or ends with. Raises UserError."""
    with EventLog.open() as log:
        rows = _matching(log, wanted)
        if not rows or any(is_elsewhere(row) for row in rows):
            look_elsewhere(log)
            rows = _matching(log, wanted)
        place = log.path
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise UserError(f"approval {wanted!r}: {len(rows)} match; give more of the id")
    raise UserError(f"approval {wanted!r}: not in {place}; helpdesk approvals list shows those that are")


def _matching(log: EventLog, wanted: str) -> list[ApprovalRow]:
    return [row for row in once(log.approvals()) if row.id.endswith(wanted) or id_there(row) == wanted]


def row_json(row: ApprovalRow) -> dict[str, object]:
    """An approval as the commands print it."""
    return {
        "id": row.id,
        "state": row.state,
        "session": row.session,
        "task": row.task,
        "agent": row.agent,
        "target": row.target,
        "approval": row.approval,
        "decision": row.decision,
        "outcome": row.outcome,
    }
