"""A recorded incident: the events of one triage and one approved action, with fixed values for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.kernel.event import Event
from agents.kernel.records import Evidence, Finding, Remedy

SESSION = "019a9f3c1d2e00000000000000"
TASK = "task-1"
START = datetime(2026, 11, 20, 2, 11, 9, tzinfo=UTC)
NOW = START + timedelta(seconds=42)
TARGET: Mapping[str, Any] = {
    "name": "orders-prod",
    "host": "10.20.0.5",
    "port": 5432,
    "database": "shop",
    "user": "oncall",
    "environment": "production",
    "sensitivity": ["pii"],
    "tags": ["eu"],
}
WAITERS = [4711, 4712, 4713, 4720, 4731, 4744]


def text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


class Story:
    """Builds events one after the other; each is a tenth of a second after the one before."""

    def __init__(self, session: str = SESSION, target: Mapping[str, Any] = TARGET) -> None:
        self.session = session
        self.target = target
        self.events: list[Event] = []

    def add(
        self, kind: str, body: Mapping[str, Any], *, task: str = "", agent: str = "", principal: str = ""
    ) -> Event:
        number = len(self.events)
        event = Event(
            kind=kind,
            session=self.session,
            body=body,
            principal=principal or (f"agent:{agent}" if agent else "operator:ana"),
            task=task,
            agent=agent,
            target=str(self.target["name"]),
            id=f"{self.session[:14]}{number:012x}",
            at=text(START + timedelta(milliseconds=100 * number)),
        )
        self.events.append(event)
        return event

    # parts

    def open(self) -> Story:
        self.add(
            "session.opened", {"operator": "ana", "host": "jump-1", "version": "0.1.0", "target": self.target}
        )
        self.add("agent", {"state": "up", "text": ""}, agent="database")
        return self

    def ask(self, question: str = "Checkout hangs since two. What is wrong?", task: str = TASK) -> Story:
        self.add("message", {"role": "operator", "text": question})
        self.add(
            "route",
            {"agent": "database", "why": "the question is about a database; rules answer"},
            agent="database",
        )
        self.add("task", {"state": "working", "text": ""}, task=task, agent="database")
        return self

    def tool(
        self,
        tool: str,
        evidence: Evidence | None = None,
        *,
        task: str = TASK,
        error: str = "",
        done: bool = True,
    ) -> Story:
        number = len(self.events)
        call = f"call-{number}"
        body = {
            "call": call,
            "tool": tool,
            "risk": "read",
            "target": self.target["name"],
            "arguments": {},
            "parent": "",
        }
        self.add("tool.called", body, task=task, agent="database")
        if evidence:
            self.add("evidence", {"evidence": evidence.to_json()}, task=task, agent="database")
        if done:
            returned = {
                "call": call, "ok": not error, "duration_ms": 3.0 + number, "error": error,
                "rows": len(evidence.rows) if evidence else 0, "evidence": evidence.id if evidence else "",
            }  # fmt: skip
            self.add("tool.returned", returned, task=task, agent="database")
        return self

    def find(self, *findings: Finding, task: str = TASK) -> Story:
        for finding in findings:
            self.add("finding", {"finding": finding.to_json()}, task=task, agent="database")
        return self

    def conclude(self, markdown: str, *findings: Finding, task: str = TASK, not_checked: Any = ()) -> Story:
        report = {
            "findings": [finding.id for finding in findings],
            "not_checked": list(not_checked),
            "server": {"version": "18.0", "version_num": 180000, "role": "primary"},
            "timing": {"total_ms": 412.0, "first_finding_ms": 38.0},
        }
        self.add("conclusion", {"text": markdown, "report": report}, task=task, agent="database")
        self.add("task", {"state": "completed", "text": ""}, task=task, agent="database")
        return self


def lock_evidence() -> Evidence:
    rows = [
        (
            3931,
            "billing-worker",
            "idle in transaction",
            0,
            None,
            "UPDATE orders SET state = 'paid' WHERE id = 17",
        )
    ]
    rows += [
        (pid, "checkout", "active", 1, 3931, f"UPDATE orders SET note = $1 WHERE id = {pid}")
        for pid in WAITERS
    ]
    return Evidence(
        id="E3fa21c09d4",
        tool="locks.tree",
        statement="SELECT a.pid, a.application_name, a.state, d.depth, d.waits_for, a.query\n"
        "FROM pg_stat_activity AS a JOIN lock_tree AS d USING (pid)\nORDER BY d.depth, a.pid",
        target="orders-prod",
        captured_at=text(START + timedelta(seconds=1)),
        duration_ms=8.2,
        columns=("pid", "application", "state", "depth", "waits_for", "query"),
        rows=tuple(rows),
    )


def slot_evidence() -> Evidence:
    return Evidence(
        id="E77b0e6a1f2",
        tool="replication.slots",
        statement="SELECT slot_name, active, wal_status, retained_bytes FROM replication_slots",
        target="orders-prod",
        captured_at=text(START + timedelta(seconds=1)),
        duration_ms=2.1,
        columns=("slot_name", "active", "wal_status", "retained_bytes"),
        rows=(("dwh_old", False, "extended", 41_203_992_576), ("standby_1", True, "reserved", 16_777_216)),
    )


def findings() -> list[Finding]:
    end = Remedy(
        tool="session.terminate",
        arguments={"pid": 3931, "backend_start": "2026-11-20T01:53:40.120000Z"},
        risk="destructive",
        why="End session 3931: its transaction rolls back and the sessions behind it go on.",
        undo="not reversible: the open transaction is lost",
    )
    drop = Remedy(
        tool="slot.drop",
        arguments={"slot_name": "dwh_old"},
        risk="destructive",
        why="Drop the slot, so that the server may remove the WAL it holds.",
        undo="not reversible: its consumer must be built anew",
    )
    root = Finding(
        id="F1c9a02b7d1",
        condition="session.idle_in_transaction",
        severity="critical",
        title="Session 3931 (billing-worker) idles in a transaction and blocks 6 sessions",
        summary="It updated orders 17 minutes ago and has not ended its transaction since.",
        subject={"pid": 3931},
        evidence=("E3fa21c09d4",),
        remedies=(end,),
    )
    tree = Finding(
        id="F2d8b13c8e2",
        condition="lock.blocking_tree",
        severity="critical",
        title="6 sessions wait behind 3931, the longest for 16 min",
        summary="",
        subject={"pid": 3931},
        evidence=("E3fa21c09d4",),
        caused_by=("F1c9a02b7d1",),
    )
    slot = Finding(
        id="F3e7c24d9f3",
        condition="wal.slot_retention",
        severity="warning",
        title="The inactive slot dwh_old holds 38 GiB of WAL",
        summary="Nobody has read from it for 9 days; the disk has 61 GiB left.",
        subject={"slot_name": "dwh_old"},
        evidence=("E77b0e6a1f2",),
        remedies=(drop,),
    )
    return [root, tree, slot]


def approval(
    id: str = "019a9f3c1d2eaaaaaaaaaaaaaa",
    *,
    risk: str = "destructive",
    query: str = "",
    session: str = SESSION,
) -> dict[str, Any]:
    return {
        "id": id,
        "call": {
            "tool": "session.terminate" if risk == "destructive" else "session.cancel",
            "arguments": {"pid": 3931, "backend_start": "2026-11-20T01:53:40.120000Z"},
            "target": "orders-prod",
            "finding": "F1c9a02b7d1",
        },
        "risk": risk,
        "preview": {
            "action": f"{'end' if risk == 'destructive' else 'cancel'} session 3931 of app billing-worker on orders-prod",
            "victims": [
                {
                    "identity": {"pid": 3931, "backend_start": "2026-11-20T01:53:40.120000Z", "query_id": None},
                    "facts": {
                        "user": "billing", "database": "shop", "application": "billing-worker",
                        "client": "10.20.4.17", "state": "idle in transaction", "xact_s": 1020,
                        "idle_s": 998, "wrote": True,
                        "query": query or "UPDATE orders SET state = 'paid' WHERE id = 17",
                        "locks": [{"mode": "RowExclusiveLock", "relation": "orders"}],
                        "waiters": WAITERS,
                    },
                }
            ],
            "effect": [
                "ends 1 session",
                "frees 6 of 6 waiters; nobody stays behind",
                "work lost: yes, the open transaction wrote",
            ],
            "reversible": "not reversible: the open transaction is lost",
            "alternatives": [
                "cancel does nothing here: the session is idle, there is no statement to cancel",
                "doing nothing: checkout stays blocked until the worker commits or disconnects",
            ],
            "confirmation": "3931" if risk == "destructive" else "",
            "captured_at": text(START + timedelta(seconds=30)),
            "undo": None,
            "evidence": [],
        },
        "call_sha256": "5e1f0c2b9a7744d1aa03c9e2b1f4d5c6e7f8091a2b3c4d5e6f708192a3b4c5d6",
        "requester": "agent:database",
        "why": {
            "finding": "F1c9a02b7d1",
            "title": "Session 3931 (billing-worker) idles in a transaction and blocks 6 sessions",
            "evidence": ["E3fa21c09d4"],
            "causes": [],
        },
        "policy": {
            "rule": f"builtin.{risk}.locked",
            "text": f"every {risk} call needs an approval, and orders-prod is read-only in this session until you unlock it",
        },
        "target": dict(TARGET),
        "role": "primary",
        "task": "task-2",
        "agent": "database",
        "session": session,
        "created_at": text(START + timedelta(seconds=30)),
        "expires_at": text(START + timedelta(seconds=930)),
        "locked": True,
    }  # fmt: skip


CONCLUSION = """\
## Session 3931 holds everyone up

It **idles in a transaction**; six sessions of `checkout` wait behind it.
"""


def triaged() -> Story:
    """Opened, asked, looked at, concluded."""
    found = findings()
    return (
        Story()
        .open()
        .ask()
        .tool("server.identity", slot_evidence())
        .tool("locks.tree", lock_evidence())
        .tool("replication.slots", slot_evidence())
        .tool("archiver.status", error="permission denied for function pg_stat_get_archiver")
        .find(*found)
        .conclude(
            CONCLUSION,
            *found,
            not_checked=[
                {
                    "condition": "wal.archive_failing",
                    "reason": "permission denied",
                    "remedy": "GRANT pg_monitor TO oncall",
                }
            ],
        )
    )


def waiting(**more: Any) -> Story:
    """Triaged, and a remedy waits for its approval."""
    story = triaged()
    story.ask("Remedy: End session 3931.", task="task-2")
    story.add("approval.requested", {"approval": approval(**more)}, task="task-2", agent="database")
    story.add("task", {"state": "input-required", "text": ""}, task="task-2", agent="database")
    return story


def mended() -> Story:
    """Approved, done, verified."""
    story = waiting()
    id = approval()["id"]
    decided = {
        "approval": id,
        "decision": "approve",
        "by": "operator:ana",
        "reason": "",
        "confirmation": "3931",
    }
    story.add("approval.decided", decided, task="task-2")
    story.add("target.unlocked", {"target": "orders-prod", "by": "operator:ana"})
    started = {
        "approval": id,
        "tool": "session.terminate",
        "arguments": {"pid": 3931},
        "call_sha256": "5e1f",
        "by": "operator:ana",
    }
    story.add("action.started", started, task="task-2", agent="database")
    finished = {
        "approval": id, "ok": True, "text": "Session 3931 ended; all six waiters went on.", "verified": True,
        "evidence": ["E3fa21c09d4"], "freed": WAITERS, "undo": None,
    }  # fmt: skip
    story.add("action.finished", finished, task="task-2", agent="database")
    story.add("task", {"state": "completed", "text": ""}, task="task-2", agent="database")
    return story
