"""Transactions that somebody prepared and nobody ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.database.catalogue.locks import WAIT_THRESHOLDS, lock_tree, wait_severity
from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, pids, plural
from agents.kernel.records import Remedy

EVIDENCE = "prepared_transactions"
UNDO = "not reversible: a transaction ends once"


def blocking_prepared(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    waits = {row["pid"]: row["wait_s"] for row in snapshot.rows("waiting_locks")}
    tree = lock_tree(snapshot)
    for row in snapshot.rows(EVIDENCE):
        if not row["waiters"]:
            continue
        direct = row["waiters"]
        behind = tuple(dict.fromkeys((*direct, *(one for pid in direct for one in tree.waiters(pid)))))
        longest = max((waits.get(pid, 0.0) for pid in behind), default=0.0)
        yield Match(
            severity=wait_severity(longest, len(behind), row["prepared_s"], limits),
            title=f"{plural(len(behind), 'session')} wait for the prepared transaction {row['gid']}",
            summary=f"{_who(row)} {_held(row)}{plural(len(behind), 'session')} ({pids(behind)}) wait for it, the "
            f"longest for {duration(longest)}. No session runs it: only COMMIT PREPARED or ROLLBACK PREPARED "
            f"ends it. {_ask(row)}",
            identity={"gid": row["gid"], "database": row["database"]},
            facts={
                "owner": row["owner"],
                "waiters": list(behind),
                "prepared_s": row["prepared_s"],
                "longest_wait_s": longest,
            },
            evidence=(EVIDENCE, "waiting_locks"),
            remedies=end_prepared(row),
        )


def lingering_prepared(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    for row in snapshot.rows(EVIDENCE):
        if row["prepared_s"] < limits["prepared_warning"]:
            continue
        critical = row["prepared_s"] >= limits["prepared_critical"]
        yield Match(
            severity="critical" if critical else "warning",
            title=f"Prepared transaction {row['gid']} is open for {duration(row['prepared_s'])}",
            summary=f"{_who(row)} {_held(row)}It keeps VACUUM from removing what died since "
            f"({plural(row['xid_age'], 'transaction')}), and it survives restarts. {_ask(row)}",
            identity={"gid": row["gid"], "database": row["database"]},
            facts={"owner": row["owner"], "prepared_s": row["prepared_s"], "xid_age": row["xid_age"]},
            evidence=(EVIDENCE,),
            remedies=end_prepared(row),
        )


def _who(row: Row) -> str:
    return (
        f"Prepared transaction {row['gid']} of {row['owner']} in database {row['database']} is open for "
        f"{duration(row['prepared_s'])}."
    )


def _held(row: Row) -> str:
    return f"It holds {', '.join(row['locks'])}. " if row["locks"] else ""


def _ask(row: Row) -> str:
    where = (
        "" if row["own_database"] else f" Connect to database {row['database']}: it can be ended only there."
    )
    return f"Ask the transaction manager which way it was decided.{where}"


def end_prepared(row: Row) -> tuple[Remedy, ...]:
    """Both ways to end it; none where it belongs to another database than the one we are connected to."""
    if not row["own_database"]:
        return ()
    arguments = {"gid": row["gid"]}
    return (
        Remedy(
            "rollback_prepared",
            arguments,
            "destructive",
            "Ends it and throws its work away; right where the transaction manager doesn't know it.",
            UNDO,
        ),
        Remedy(
            "commit_prepared",
            arguments,
            "destructive",
            "Ends it and keeps its work; right where the transaction manager decided to commit.",
            UNDO,
        ),
    )


def same_gid(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (mine["gid"], mine["database"]) == (other["gid"], other["database"])


GRANTS = ("GRANT pg_monitor TO {role}",)
REMEDIES = ("rollback_prepared", "commit_prepared")
CONDITIONS = (
    Condition(
        id="lock.blocked_by_prepared",
        title="Waiter blocked by a prepared transaction",
        severity="critical",
        meaning="Sessions wait for a lock that no session holds: a prepared transaction does, which the lists "
        "of blockers show as pid 0. Nothing can be cancelled or terminated; it must be committed or rolled back.",
        needs=(EVIDENCE, "waiting_locks"),
        thresholds=WAIT_THRESHOLDS,
        find=blocking_prepared,
        remedies=REMEDIES,
        rivals=("lock.blocking_tree", "lock.ddl_queue"),
        absent="no session waits for a prepared transaction",
        grants=GRANTS,
    ),
    Condition(
        id="vacuum.xmin_prepared",
        title="VACUUM blocked: orphaned prepared transaction",
        severity="critical",
        meaning="A prepared transaction belongs to no session: nothing ends it by itself, not even a restart. "
        "Until then it keeps its locks, and VACUUM keeps every row that died since.",
        needs=(EVIDENCE,),
        thresholds={
            "prepared_warning": Threshold(1, "s", "check_postgres prepared_txns, warning"),
            "prepared_critical": Threshold(30, "s", "check_postgres prepared_txns, critical"),
        },
        find=lingering_prepared,
        causes=(Cause("lock.blocked_by_prepared", same_gid),),
        remedies=REMEDIES,
        rivals=("vacuum.xmin_backend", "vacuum.xmin_slot", "vacuum.xmin_standby"),
        absent="no prepared transaction is open",
        grants=GRANTS,
    ),
)
