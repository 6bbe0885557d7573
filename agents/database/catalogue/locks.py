"""Lock waits: who is at the root, and the queue behind a DDL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.database.condition import Cause, Condition, Limits, Match, Threshold
from agents.database.lock_tree import PREPARED, LockTree
from agents.database.session_rules import end_session, idle_in_transaction, why_not_offered
from agents.database.snapshot import Row, Snapshot
from agents.database.wording import duration, pids, plural, sentence, who
from agents.kernel.records import SEVERITY_ORDER, Remedy, Severity

LARGEST = 20
"""Trees and queues reported in one sweep, the worst first."""
INCIDENT = "incident default: a wait that a user feels; published for monitoring: pganalyze 300/600 s, pgFirstAid 30 s"
WAIT_THRESHOLDS = {
    "wait_warning": Threshold(5, "s", INCIDENT),
    "wait_critical": Threshold(60, "s", INCIDENT),
    "waiters_critical": Threshold(3, "count", "pganalyze connections/blocking_query: 3 blocked sessions"),
    "stalled": Threshold(
        0.5, "s", "own measurement: under pgbench on a hot row no holder keeps one state this long"
    ),
}


def sessions_by_pid(snapshot: Snapshot) -> Mapping[int, Row]:
    return snapshot.derived("sessions", by_pid)


def by_pid(rows: tuple[Row, ...]) -> Mapping[int, Row]:
    return {row["pid"]: row for row in rows}


def lock_tree(snapshot: Snapshot) -> LockTree:
    return snapshot.derived("waiting_locks", LockTree.of_rows)


def hidden_sessions(snapshot: Snapshot) -> str:
    """What the login can't see of other sessions, in words."""
    hidden = sum(1 for row in snapshot.rows("sessions") if row["hidden"] and row["database"])
    if not hidden:
        return ""
    return f"state and statement of {plural(hidden, 'session')} are hidden from this login"


def wait_severity(longest_s: float, waiters: int, stalled_s: float, limits: Limits) -> Severity:
    """A count alone says nothing on a busy server: it counts where who is in the way doesn't move."""
    crowd = waiters >= limits["waiters_critical"] and stalled_s >= limits["stalled"]
    if longest_s >= limits["wait_critical"] or crowd:
        return "critical"
    return "warning" if longest_s >= limits["wait_warning"] else "info"


def worst_first(matches: Iterable[Match]) -> list[Match]:
    """The `LARGEST` matches by severity."""
    return sorted(matches, key=lambda match: -SEVERITY_ORDER[match.severity])[:LARGEST]


def blocking_trees(snapshot: Snapshot, limits: Limits) -> Iterable[Match]:
    tree = lock_tree(snapshot)
    return worst_first(_blocking_tree(snapshot, tree, root, limits) for root in tree.roots())


def _blocking_tree(snapshot: Snapshot, tree: LockTree, root: int, limits: Limits) -> Match:
    session = sessions_by_pid(snapshot).get(root)
    waiters = tree.waiters(root)
    waits = snapshot.derived("waiting_locks", by_pid)
    longest = max(waits[pid]["wait_s"] for pid in waiters)
    depth = tree.depth(root)
    relation = next((waits[pid]["relation"] for pid in waiters if waits[pid]["relation"]), None)
    held = next((row for row in snapshot.rows("locks_held") if row["pid"] == root), None)
    chain = f" in a chain of depth {depth}" if depth > 1 else ""
    place = f" on {relation}" if relation else ""
    return Match(
        severity=wait_severity(longest, len(waiters), stalled_for(session, longest), limits),
        title=f"{plural(len(waiters), 'session')} {'waits' if len(waiters) == 1 else 'wait'} behind {_root(session, root)}",
        summary=f"{_root_in_words(snapshot, session, root, held)} {plural(len(waiters), 'session')} "
        f"({pids(waiters)}) wait for it{chain}{place}, the longest for {duration(longest)}.",
        identity={"root": root, "backend_start": session["backend_start"] if session else None},
        facts={
            "pid": root,
            "waiters": list(waiters),
            "direct_waiters": list(tree.direct(root)),
            "depth": depth,
            "relation": relation,
            "state": session["state"] if session else None,
            "user": session["user"] if session else None,
            "database": session["database"] if session else None,
            "application": session["application"] if session else None,
            "longest_wait_s": longest,
        },
        evidence=("waiting_locks", "sessions", "locks_held"),
        remedies=end_session(session, _why_end(session, tree, root), snapshot.row("server")),
    )


def stalled_for(session: Row | None, longest_s: float) -> float:
    """How long who is in the way has kept its state; where it is hidden, the longest wait says it."""
    if session is None or session["hidden"] or session["state_s"] is None:
        return longest_s
    return float(session["state_s"])


def busy_or_stuck(snapshot: Snapshot, limits: Limits) -> float:
    """A crowd behind a root that changed state just now: look again once it would have stood still."""
    tree, sessions = lock_tree(snapshot), sessions_by_pid(snapshot)
    crowded = [root for root in tree.roots() if len(tree.waiters(root)) >= limits["waiters_critical"]]
    return missing_stall((sessions[root] for root in crowded if root in sessions), limits)


def crowd_gathers(snapshot: Snapshot, limits: Limits) -> float:
    """A crowd behind a DDL that began to wait just now: look again once it would have waited."""
    tree = lock_tree(snapshot)
    waits = [
        wait["wait_s"]
        for wait in waiting_ddl(snapshot)
        if len(tree.waiters(wait["pid"])) >= limits["waiters_critical"]
    ]
    return max((limits["stalled"] - wait_s for wait_s in waits if wait_s < limits["stalled"]), default=0.0)


def missing_stall(sessions: Iterable[Row], limits: Limits) -> float:
    """Seconds until all these sessions would have kept their state for the threshold `stalled`."""
    kept = (float(row["state_s"]) for row in sessions if row["state_s"] is not None)
    return max((limits["stalled"] - state_s for state_s in kept if state_s < limits["stalled"]), default=0.0)


def _root(session: Row | None, root: int) -> str:
    if root == PREPARED:
        return "a prepared transaction"
    if session is not None and idle_in_transaction(session):
        return f"idle-in-transaction {who(session, root)}"
    return who(session, root)


def _root_in_words(snapshot: Snapshot, session: Row | None, root: int, held: Row | None) -> str:
    if root == PREPARED:
        return "A prepared transaction holds the lock: COMMIT PREPARED or ROLLBACK PREPARED ends it."
    name = sentence(who(session, root))
    if session is None or session["hidden"]:
        return f"{name} holds the lock; this login can't see what it does."
    state = session["state"] or session["type"]
    text = f"{name} is {state} for {duration(session['state_s'])}"
    if held and held["wrote"]:
        text += ", has written"
    if held and held["locks"]:
        text += f", holds {', '.join(held['locks'])}"
    refusal = why_not_offered(session, snapshot.row("server"))
    return f"{text}." + (f" It isn't offered for ending: {refusal}." if refusal else "")


def _why_end(session: Row | None, tree: LockTree, root: int) -> str:
    release = tree.without(root)
    parts = [f"Frees {len(release.freed)} of {len(tree.waiters(root))}: {len(release.at_once)} at once"]
    if release.following:
        parts.append(f"{len(release.following)} as those ahead of them finish")
    if release.staying:
        parts.append(f"{len(release.staying)} stay behind others")
    lost = " What it wrote and hasn't committed is lost." if session and session["wrote"] else ""
    return f"{', '.join(parts)}.{lost}"


def ddl_queues(snapshot: Snapshot, limits: Limits) -> Iterable[Match]:
    return worst_first(_ddl_queues(snapshot, limits))


def waiting_ddl(snapshot: Snapshot) -> list[Row]:
    """Waits for the lock that shuts out everybody, with somebody behind them."""
    tree = lock_tree(snapshot)
    return [
        wait
        for wait in snapshot.rows("waiting_locks")
        if wait["lock"] == "relation" and wait["mode"] == "AccessExclusiveLock" and tree.direct(wait["pid"])
    ]


def _ddl_queues(snapshot: Snapshot, limits: Limits) -> Iterator[Match]:
    tree = lock_tree(snapshot)
    waits = snapshot.derived("waiting_locks", by_pid)
    for wait in waiting_ddl(snapshot):
        pid = wait["pid"]
        session = sessions_by_pid(snapshot).get(pid)
        behind = tree.waiters(pid)
        longest = max(waits[waiter]["wait_s"] for waiter in behind)
        holders = sorted(tree.blockers.get(pid, ()))
        yield Match(
            severity=wait_severity(longest, len(behind), wait["wait_s"], limits),
            title=f"{plural(len(behind), 'session')} queued behind a DDL that waits for {wait['relation']}",
            summary=f"{sentence(who(session, pid))} wants AccessExclusiveLock on {wait['relation']} and waits "
            f"{duration(wait['wait_s'])} for {pids(holders)}; everybody who comes after it queues behind it "
            f"({pids(behind)}). Run it again with lock_timeout set.",
            identity={"ddl_pid": pid, "backend_start": session["backend_start"] if session else None},
            facts={
                "pid": pid,
                "relation": wait["relation"],
                "holders": holders,
                "waiters": list(behind),
                "ddl_wait_s": wait["wait_s"],
            },
            evidence=("waiting_locks", "sessions"),
            remedies=_cancel_ddl(session, len(behind), snapshot.row("server")),
        )


def _cancel_ddl(session: Row | None, queued: int, server: Row | None) -> tuple[Remedy, ...]:
    why = f"Frees the {queued} queued at once; the DDL never started, so nothing is lost. Rerun it with lock_timeout."
    return end_session(session, why, server)


def only_ddl_waits(tree: Mapping[str, Any], ddl: Mapping[str, Any]) -> bool:
    """The tree's root blocks nobody but the DDL: the queue is the DDL's doing."""
    return list(tree["direct_waiters"]) == [ddl["pid"]]


def behind_prepared(tree: Mapping[str, Any], prepared: Mapping[str, Any]) -> bool:
    """The tree has no session at its root, and its first waiters wait for this transaction."""
    return tree["root"] == PREPARED and bool({*tree["direct_waiters"]} & {*prepared["waiters"]})


def waits_for_advisory(tree: Mapping[str, Any], stuck: Mapping[str, Any]) -> bool:
    """All who wait for the tree's root itself want its advisory lock."""
    return tree["pid"] == stuck["pid"] and {*tree["direct_waiters"]} <= {*stuck["direct_waiters"]}


CONDITIONS = (
    Condition(
        id="lock.blocking_tree",
        title="Blocking lock tree",
        severity="critical",
        meaning="One session holds a lock that others wait for, and others wait for those. Ending the root, and "
        "only the root, lets the chain move; those who waited keep their transactions.",
        needs=("waiting_locks",),
        wants=("sessions", "locks_held"),
        thresholds=WAIT_THRESHOLDS,
        find=blocking_trees,
        look_again=busy_or_stuck,
        causes=(
            Cause("lock.ddl_queue", only_ddl_waits),
            Cause("lock.blocked_by_prepared", behind_prepared),
            Cause("lock.advisory_stuck", waits_for_advisory),
        ),
        absent="nobody waits behind another session",
        remedies=("terminate_session", "cancel_session"),
        grants=("GRANT pg_monitor TO {role}",),
    ),
    Condition(
        id="lock.ddl_queue",
        title="Lock queue behind a waiting DDL",
        severity="critical",
        meaning="A DDL that waits for AccessExclusiveLock stops everybody who comes after it, even readers. "
        "Cancelling it is safe: it has not started.",
        needs=("waiting_locks",),
        wants=("sessions",),
        thresholds=WAIT_THRESHOLDS,
        find=ddl_queues,
        look_again=crowd_gathers,
        causes=(
            Cause(
                "lock.blocking_tree",
                lambda ddl, tree: ddl["pid"] in tree["waiters"] and not only_ddl_waits(tree, ddl),
            ),
        ),
        absent="no waiting DDL has a queue behind it",
        rivals=("lock.blocked_by_prepared", "lock.advisory_stuck"),
        remedies=("cancel_session",),
        grants=("GRANT pg_monitor TO {role}",),
    ),
)
