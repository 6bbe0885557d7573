"""Which session a command is about: a whole id, the end of one, or the last."""

from __future__ import annotations

from agents.log import EventLog, SessionRow
from inventory.errors import UserError

LAST = "last"
SHOWN = 3


def any_session(log: EventLog, wanted: str) -> str:
    """The id of a session, as `find_session` finds it; one that was purged is known by its whole id alone."""
    return wanted if log.events(wanted) else find_session(log, wanted).id


def find_session(log: EventLog, wanted: str) -> SessionRow:
    """The session whose id is `wanted`, begins or ends with it, or was used last. UserError where that isn't one."""
    rows = log.sessions()
    if wanted == LAST and rows:
        return rows[0]
    exact = [row for row in rows if row.id == wanted]
    matching = exact or [row for row in rows if row.id.startswith(wanted) or row.id.endswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    if not rows:
        raise UserError(f"{log.path}: no session is recorded yet; helpdesk triage TARGET makes one")
    if matching:
        ids = ", ".join(row.id for row in matching[:SHOWN])
        raise UserError(f"session {wanted!r}: {len(matching)} sessions match ({ids} …); give more of the id")
    raise UserError(f"session {wanted!r}: not in {log.path}; helpdesk session list shows those that are")
