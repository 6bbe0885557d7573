"""Which session a command is about: a whole id, a part of one, or the last."""

from __future__ import annotations

from agents.log import EventLog, SessionRow
from helpdesk_tui.commands.ids import one_of
from inventory.errors import UserError

LAST = "last"


def any_session(log: EventLog, wanted: str) -> str:
    """The id of a session, as `find_session` finds it; one that was purged is known by its whole id alone."""
    return wanted if log.events(wanted) else find_session(log, wanted).id


def find_session(log: EventLog, wanted: str) -> SessionRow:
    """The session whose id is `wanted`, begins or ends with it, or was used last. UserError where that isn't one."""
    rows = log.sessions()
    if not rows:
        raise UserError(f"{log.path}: no session is recorded yet; helpdesk triage TARGET makes one")
    if wanted == LAST:
        return rows[0]
    place = f"not in {log.path}; helpdesk session list shows those that are"
    found = one_of(wanted, ((row.id, row.id) for row in rows), "session", place)
    return next(row for row in rows if row.id == found)
