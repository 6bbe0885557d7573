"""Approvals and grants in the log, as the commands find them and tell of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from agents.governance.grant import Grant, grants_of
from agents.log import ApprovalRow, EventLog
from helpdesk_tui.commands.ids import matching, one_of
from helpdesk_tui.commands.left_behind import settle_left
from helpdesk_tui.elsewhere import id_there, is_elsewhere, look_elsewhere, once
from helpdesk_tui.panes.approvals.state import ApprovalsState, Ask


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


def find_grant(wanted: str) -> tuple[str, str, Grant]:
    """A grant with its session and agent, by its id or a part of it. Raises UserError."""
    with EventLog.open() as log:
        known = {entry[2].id: entry for entry in all_grants(log)}
    place = "not known; helpdesk approvals grants lists those that are"
    return known[one_of(wanted, ((id, id) for id in known), "grant", place)]


def next_commands(row: ApprovalRow, ask: Ask) -> list[str]:
    """What can be done about it now, as commands."""
    look = [f"helpdesk approvals show {row.id} --evidence"] if ask.evidence() else []
    return [*look, *_deciding(row, ask)]


def _deciding(row: ApprovalRow, ask: Ask) -> list[str]:
    if row.state == "done":
        return [f"helpdesk approvals undo {row.id}"] if ask.can_undo else []
    if row.state != "pending":
        return []
    confirm = f" --confirm {shlex.quote(ask.confirmation)}" if ask.confirmation else ""
    unlock = " --unlock" if ask.locked else ""
    lines = [f"helpdesk approvals approve {row.id}{confirm}{unlock}", f"helpdesk approvals deny {row.id}"]
    if not ask.foreign:
        lines.append(f"helpdesk approvals edit {row.id} NAME=VALUE")
    if not ask.no_grant():
        lines.append(f"helpdesk approvals grant {row.id}{confirm}{unlock} --count 3 --for 30m")
    if ask.given:
        lines.append(f"helpdesk approvals withdraw {row.id}")
    return lines


def find_ask(wanted: str) -> tuple[ApprovalRow, Ask]:
    """An approval with all that its session tells of it, as the pane shows it."""
    row = find(wanted)
    return row, ask_of(row)


def ask_of(row: ApprovalRow) -> Ask:
    """What the session of an approval tells of it."""
    state = ApprovalsState()
    with EventLog.open() as log:
        for item in log.events(row.session):
            state.feed(item.event)
    return state.asks[row.id]


def find(wanted: str) -> ApprovalRow:
    """The one approval whose id this is, or begins or ends with. Raises UserError."""
    with EventLog.open() as log:
        settle_left(log)
        known = _known(log)
        found = matching(wanted, _names(known))
        if not found or any(is_elsewhere(known[id]) for id in found):
            look_elsewhere(log)
            known = _known(log)
        place = f"not in {log.path}; helpdesk approvals list shows those that are"
        return known[one_of(wanted, _names(known), "approval", place)]


def _known(log: EventLog) -> dict[str, ApprovalRow]:
    return {row.id: row for row in once(log.approvals())}


def _names(known: Mapping[str, ApprovalRow]) -> list[tuple[str, str]]:
    """The approvals' ids; those of other systems have the ones that they have there, too."""
    return [(name, row.id) for row in known.values() for name in (row.id, id_there(row)) if name]


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
