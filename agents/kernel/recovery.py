"""What a process finds when it starts: tasks and actions that another one began and never finished."""

from __future__ import annotations

from collections.abc import Callable, Collection

from agents.kernel.event import Event
from agents.log import EventLog

Alive = Callable[[str], bool]
"""Tells of the mark of a process whether it still runs."""


def settle(log: EventLog, agents: Collection[str], alive: Alive) -> list[Event]:
    """Record what is left of processes that are gone, for `agents`; returns the events. Nothing is repeated."""
    settled = left(log, agents, alive)
    log.append(*settled)
    return settled


def left(log: EventLog, agents: Collection[str], alive: Alive) -> list[Event]:
    """What is to be said of what processes that are gone have left, for `agents`; not recorded yet.

    An action that was started is in doubt; a task that was working has failed, and its approvals are void.
    """
    failed = _tasks(log, agents, alive)
    return [*_actions(log, agents, alive), *_approvals(log, {event.task for event in failed}), *failed]


def _actions(log: EventLog, agents: Collection[str], alive: Alive) -> list[Event]:
    events = []
    for row in log.approvals():
        if row.state != "started" or row.agent not in agents or row.outcome is None:
            continue
        if alive(str(row.outcome.get("process", ""))):
            continue
        action = row.approval.get("preview", {}).get("action", row.id)
        reason = f"{action}: the agent ended between start and result; look before you do anything again"
        body = {"approval": row.id, "reason": reason}
        events.append(
            Event("action.in_doubt", row.session, body, f"agent:{row.agent}", row.task, row.agent, row.target)
        )
    return events


def _approvals(log: EventLog, tasks: Collection[str]) -> list[Event]:
    """Approvals of failed tasks that were not used: nobody can use them any more."""
    reason = "the agent ended before it acted; ask again"
    return [
        Event(
            "action.refused",
            row.session,
            {"approval": row.id, "reason": reason},
            f"agent:{row.agent}",
            row.task,
            row.agent,
            row.target,
        )
        for row in log.approvals()
        if row.task in tasks and row.state in ("pending", "expired", "approved")
    ]


def _tasks(log: EventLog, agents: Collection[str], alive: Alive) -> list[Event]:
    events = []
    for item in log.open_tasks():
        working = item.event
        if working.agent not in agents or alive(str(working.body.get("process", ""))):
            continue
        body = {"state": "failed", "text": "the agent ended while it was working; ask again"}
        principal = f"agent:{working.agent}"
        events.append(
            Event("task", working.session, body, principal, working.task, working.agent, working.target)
        )
    return events
