"""Content for bundles as the command line builds it: events chained by the log's own rule, random values."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from agents.kernel.event import Event
from agents.kernel.records import Evidence
from agents.log.chain import event_text, link
from bundles.content import BundleContent, Clock, Collector, LogEntry

CREATED = "2026-11-20T02:31:09.123456Z"


def chained(events: Sequence[Event], other_sessions: int = 0) -> tuple[LogEntry, ...]:
    """The events as a log keeps them, each preceded by so many events of other sessions."""
    entries = []
    before_in_session, before_in_log, seq = "", "", 0
    for n, event in enumerate(events, 1):
        for _ in range(other_sessions):
            seq, before_in_log = seq + 1, secrets.token_hex(32)
        seq += 1
        own = link(event_text(event), seq, n, before_in_session, before_in_log)
        entries.append(LogEntry(seq, n, event.to_json(), own, before_in_session, before_in_log))
        before_in_session = before_in_log = own
    return tuple(entries)


def evidence(columns: Sequence[str], rows: Sequence[Sequence[Any]], statement: str = "SELECT 1") -> Evidence:
    return Evidence.capture(
        tool="read_sessions",
        statement=statement,
        target="orders-prod",
        captured_at=CREATED,
        duration_ms=1.5,
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in rows),
    )


def message(session: str, text: str) -> Event:
    return Event("message", session, {"role": "operator", "text": text}, "operator:ann", target="orders-prod")


def content(**changes: Any) -> BundleContent:
    """A small session: a question, two reads, a finding, and an approval that was denied."""
    session = secrets.token_hex(8)
    sessions = evidence(
        ["pid", "usename", "query"],
        [[4711, "app", "UPDATE shop.orders SET paid = true WHERE id = 7"], [4712, "Jürgen", None]],
        "SELECT pid, usename, query FROM pg_stat_activity",
    )
    slots = evidence(["slot_name", "active", "retained"], [["old_replica", False, 1234567.5]])
    events = [
        Event(
            "session.opened",
            session,
            {"operator": "ann", "host": "jump1", "version": "0.1.0"},
            "operator:ann",
        ),
        message(session, "why is checkout slow?"),
        *(
            Event("evidence", session, {"evidence": item.to_json()}, "agent:database")
            for item in (sessions, slots)
        ),
        Event("note", session, {"text": "4711 holds the lock"}, "helpdesk"),
    ]
    values: dict[str, Any] = {
        "session": session,
        "created_at": CREATED,
        "target": {
            "name": "orders-prod",
            "host": "10.1.2.3",
            "port": 5432,
            "database": "orders",
            "user": "dba",
        },
        "servers": {"orders-prod": "PostgreSQL 18.1"},
        "tool_version": "0.1.0",
        "clock": Clock(CREATED, CREATED, 12.5),
        "events": chained(events, other_sessions=1),
        "evidence": (sessions.to_json(), slots.to_json()),
        "findings": ({"id": "F0123456789", "condition": "lock.blocking_tree", "evidence": [sessions.id]},),
        "approvals": ({"id": secrets.token_hex(8), "state": "denied", "victims": [{"pid": 4711}]},),
        "report": {"schema": "helpdesk.triage/1", "timing": {"total_ms": 41.5}},
        "transcript": "**ann:** why is checkout slow?\n\n**database:** session 4711 blocks 4 others.\n",
        "summary": "# orders-prod\n\nSession 4711 holds a lock that 4 sessions wait for.\n",
        "collectors": (
            Collector("read_sessions", CREATED, CREATED, 1.5, 2),
            Collector(
                "read_slots",
                CREATED,
                CREATED,
                2000.0,
                0,
                error="canceling statement due to statement timeout",
            ),
        ),
    }
    return BundleContent(**(values | changes))


def with_texts(texts: Mapping[str, str]) -> BundleContent:
    """Content that carries each text in every kind of place a bundle has."""
    session = secrets.token_hex(8)
    rows = [[number, name, text] for number, (name, text) in enumerate(texts.items())]
    items = [
        evidence(["n", "what", "query"], rows),
        *(evidence(["line"], [[text]]) for text in texts.values()),
    ]
    events = [message(session, text) for text in texts.values()]
    return content(
        session=session,
        events=chained(events),
        evidence=tuple(item.to_json() for item in items),
        findings=tuple(
            {"id": name, "summary": text, "subject": {"query": text}} for name, text in texts.items()
        ),
        approvals=tuple(
            {"id": name, "victims": [{"facts": {"query": text}}]} for name, text in texts.items()
        ),
        report={"findings": [{"title": text} for text in texts.values()]},
        transcript="\n\n".join(texts.values()),
        summary="\n\n".join(f"```\n{text}\n```" for text in texts.values()),
        collectors=tuple(Collector("read", CREATED, CREATED, 1, 0, error=text) for text in texts.values()),
    )
