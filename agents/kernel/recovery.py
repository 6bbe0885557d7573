"""What a process finds when it starts: actions that another one began and never finished."""

from __future__ import annotations

from collections.abc import Callable, Collection

from agents.kernel.event import Event
from agents.log import EventLog


def settle(log: EventLog, agents: Collection[str], alive: Callable[[str], bool]) -> list[Event]:
    """Record as in doubt each action of `agents` that was started by a process that is gone; returns the events.

    `alive` tells of a process mark (see `action.started`) whether that process still runs. Nothing is repeated.
    """
    settled = []
    for row in log.approvals():
        if row.state != "started" or row.agent not in agents or row.outcome is None:
            continue
        if alive(str(row.outcome.get("process", ""))):
            continue
        action = row.approval.get("preview", {}).get("action", row.id)
        reason = f"{action}: the agent ended between start and result; look before you do anything again"
        body = {"approval": row.id, "reason": reason}
        settled.append(
            Event("action.in_doubt", row.session, body, f"agent:{row.agent}", row.task, row.agent, row.target)
        )
    log.append(*settled)
    return settled
