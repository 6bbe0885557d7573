"""What this login can't see."""

from __future__ import annotations

from collections.abc import Iterator

from agents.database.condition import Condition, Limits, Match
from agents.database.session_rules import ours
from agents.database.snapshot import Snapshot
from agents.database.wording import granted, pids, plural

GRANT = "GRANT pg_monitor TO {role}"


def insufficient_privilege(snapshot: Snapshot, _: Limits) -> Iterator[Match]:
    server = snapshot.row("server")
    clients = [row for row in snapshot.rows("sessions") if row["database"] and not ours(row)]
    hidden = {row["pid"] for row in clients if row["hidden"]}
    if server is None or not hidden:
        return
    waiting = sorted(hidden & {row["pid"] for row in snapshot.rows("waiting_locks")})
    role = server["role"]
    grant = granted(GRANT, role)
    blind = len(hidden) == len(clients)
    yield Match(
        severity="warning" if waiting or blind else "info",
        title=f"Login {role} can't see what {plural(len(hidden), 'session')} do",
        summary=f"State and statement of {len(hidden)} of {plural(len(clients), 'other session')} are hidden"
        + (f", {pids(waiting)} of them waiting for locks" if waiting else "")
        + f". {_memberships(server['member_of'])} A superuser opens it with: {grant}",
        identity={"role": role},
        facts={"hidden": len(hidden), "waiting": waiting, "grant": grant},
        evidence=("sessions", "server", *(("waiting_locks",) if waiting else ())),
    )


def _memberships(roles: list[str]) -> str:
    return f"It is a member of {', '.join(roles)}." if roles else "It is a member of no other role."


CONDITIONS = (
    Condition(
        id="access.insufficient_privilege",
        title="Insufficient privilege to diagnose",
        severity="warning",
        meaning="The login sees less than a diagnosis needs. What it can't see isn't an all-clear.",
        needs=("sessions", "server"),
        wants=("waiting_locks",),
        find=insufficient_privilege,
        grants=(GRANT,),
    ),
)
