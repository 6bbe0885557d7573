"""Limits of roles and databases, and clients that come and go too often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.catalogue.server import refusal
from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.rates import Change, RowChange
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, plural

DATABASES = "database_counters"
INVALID = -2
LOST = {
    "sessions_abandoned": "lost their client",
    "sessions_fatal": "ended by a fatal error",
    "sessions_killed": "were terminated",
}


def limited(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows("connection_limits"):
        if row["connection_limit"] == INVALID:
            yield _invalid(row)
        elif 100 * row["used"] >= limits["used_warning"] * row["connection_limit"]:
            yield _limited(row)


def _invalid(row: Row) -> Match:
    return Match(
        severity="warning",
        title=f"Database {row['name']} is invalid: its DROP was interrupted",
        summary=f"Nobody can connect to {row['name']} any more, part of its files may be gone. "
        "DROP DATABASE is the only thing that can still be done with it.",
        identity={"kind": row["kind"], "name": row["name"]},
        facts={"limit": row["connection_limit"], "used": row["used"]},
        evidence=("connection_limits",),
    )


def _limited(row: Row) -> Match:
    kind, name, limit = row["kind"], row["name"], row["connection_limit"]
    return Match(
        severity="critical" if row["used"] >= limit else "warning",
        title=f"{row['used']} of {limit} connections allowed to {kind} {name} are taken",
        summary=f"The CONNECTION LIMIT of {kind} {name} is {limit}; from there on the server refuses it with "
        "SQLSTATE 53300, whatever max_connections is. Find who keeps the sessions open (a leak, a pool that is too "
        f"large), or raise it: ALTER {kind.upper()} … CONNECTION LIMIT.",
        identity={"kind": kind, "name": name},
        facts={"limit": limit, "used": row["used"]},
        evidence=("connection_limits",),
    )


def refused_for_limit(row: Row) -> Match:
    what = "Connection limit of the role or database reached"
    return refusal("conn.role_db_limit", row, what, "Find who keeps the sessions open, or raise the limit.")


def churning(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    change = snapshot.change(DATABASES, "database")
    for row in change.rows if change else ():
        assert change is not None
        match = _churning(change, row, limits)
        if match is not None:
            yield match


def _churning(change: Change, row: RowChange, limits: Limits) -> Match | None:
    opened = int(row.delta("sessions"))
    lost = {words: int(row.delta(column)) for column, words in LOST.items()}
    per_second = opened / change.seconds
    share = 100 * sum(lost.values()) / max(opened, 1)
    enough = opened >= limits["least_sessions"]
    breaking = enough and share > limits["lost_warning"]
    if not breaking and not (enough and per_second > limits["new_per_second"]):
        return None
    told = ", ".join(f"{count} {words}" for words, count in lost.items() if count)
    return Match(
        severity="critical" if breaking and share > limits["lost_critical"] else "warning",
        title=f"{per_second:.0f} new sessions a second in database {row['database']}"
        + (f", {share:.0f} % of them end badly" if breaking else ""),
        summary=f"{plural(opened, 'session')} began within {duration(change.seconds)}"
        + (f"; {told}" if told else "")
        + ". Each new session costs a process and a login: put a pooler in between, or keep connections open."
        + (" Sessions that lose their client: check keepalives and the network in between." if told else ""),
        identity={"database": row["database"]},
        facts={"sessions": opened, "per_second": round(per_second, 1), "lost_percent": round(share, 1)},
        evidence=(DATABASES,),
    )


def limited_by_waiters(limit: Mapping[str, Any], tree: Mapping[str, Any]) -> bool:
    """Most sessions of the role or database wait in this tree."""
    key = "database" if limit.get("kind") == "database" else "user"
    return bool(tree[key] == limit.get("name") and 2 * len(tree["waiters"]) > limit.get("used", float("inf")))


CONDITIONS = (
    Condition(
        id="conn.role_db_limit",
        title="Connection limit of the role or database reached",
        severity="critical",
        meaning="The role or the database has as many sessions as its own CONNECTION LIMIT allows, although the "
        "server has slots left. A database whose DROP was interrupted takes no connection at all.",
        needs=("connection_limits",),
        thresholds={
            "used_warning": Threshold(90, "percent", "PostgreSQL docs, CREATE ROLE and ALTER DATABASE")
        },
        find=limited,
        refused=refused_for_limit,
        causes=(Cause("lock.blocking_tree", limited_by_waiters),),
        absent="no role or database is near its CONNECTION LIMIT",
    ),
    Condition(
        id="conn.churn",
        title="Connection churn, killed and abandoned sessions",
        severity="critical",
        meaning="Clients connect for a statement or two and leave, or sessions end because their client vanished, "
        "failed or was killed.",
        rates=(DATABASES,),
        thresholds={
            "new_per_second": Threshold(10, "count", "practice: more new sessions a second need a pooler"),
            "lost_warning": Threshold(1, "percent", "fresha/pgdoctor connection-efficiency, warning"),
            "lost_critical": Threshold(5, "percent", "fresha/pgdoctor connection-efficiency, critical"),
            "least_sessions": Threshold(20, "count", "own choice: of fewer sessions a share says nothing"),
        },
        find=churning,
        absent="clients keep their connections",
    ),
)
