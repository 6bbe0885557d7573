"""Baselines in the log: how a server was set up when somebody said that this is worth keeping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.kernel.records import Evidence
from agents.log.store import EventLog

KEPT = "baseline.kept"


def baselines(log: EventLog, address: Mapping[str, Any]) -> list[Evidence]:
    """Baselines of the target at this address (see `governance.approval.address`), oldest first."""
    kept = [item.event for item in log.of_kind(KEPT, str(address["name"]))]
    wanted = {event.body["evidence"]: event.session for event in kept if event.body["address"] == address}
    recorded = {
        body["id"]: body
        for session in dict.fromkeys(wanted.values())
        for body in (item.event.body["evidence"] for item in log.events(session, kinds=("evidence",)))
    }
    return [Evidence.from_json(recorded[id]) for id in wanted if id in recorded]
