"""Grants: an operator's yes to the next few calls of one tool on one target, for this session and a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from agents.governance.approval import Approval, address

MOST_CALLS = 20
LONGEST_S = 8 * 3600.0
"""A shift: nobody remembers a grant for longer."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant, and what is left of it."""

    id: str
    approval: str
    """The approval it was given with."""
    tool: str
    target: Mapping[str, Any]
    """Address of the target."""
    count: int
    until: str
    by: str
    used: int = 0
    revoked: bool = False

    def live(self, now: datetime | None = None) -> bool:
        left = self.used < self.count and not self.revoked
        return left and (now or datetime.now(UTC)) < datetime.fromisoformat(self.until)

    def stands_for(self, approval: Approval) -> bool:
        """Whether it can stand for a decision on this approval, if it is live."""
        return (
            approval.risk == "write"
            and not approval.locked
            and approval.approvers == 1
            and not (approval.four_eyes and self.by in approval.authors)
            and self.tool == approval.call.tool
            and dict(self.target) == address(approval.target)
        )


def grants_of(events: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Grant]:
    """The grants of one session by id, from its `grant.*` events as (kind, body), in order."""
    grants: dict[str, Grant] = {}
    for kind, body in events:
        grant = grants.get(str(body["grant"]))
        match kind:
            case "grant.given":
                keys = ("approval", "tool", "target", "count", "until", "by")
                grants[str(body["grant"])] = Grant(str(body["grant"]), *(body[key] for key in keys))
            case "grant.used" if grant:
                grants[grant.id] = replace(grant, used=max(grant.used, int(body["use"])))
            case "grant.revoked" if grant:
                grants[grant.id] = replace(grant, revoked=True)
    return grants
