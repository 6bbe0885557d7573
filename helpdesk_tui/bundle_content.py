"""What of a session goes into a bundle: the log is read once, and everything else follows from its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from agents.kernel.canonical import utc_now
from agents.kernel.event import Event
from agents.kernel.report import assemble
from agents.log import EventLog
from bundles.content import BundleContent, Clock, Collector, LogEntry
from helpdesk_tui.transcript import transcript
from inventory import __version__
from inventory.errors import UserError


def content_of(log: EventLog, session: str) -> BundleContent:
    """The whole of `session` as a bundle takes it; nothing is asked of any server."""
    entries = tuple(
        LogEntry(item.seq, item.n, item.event.to_json(), item.hash, before_in_session, before_in_log)
        for item, before_in_session, before_in_log in log.chained(session)
    )
    events = [Event.from_json(entry.event) for entry in entries]
    report = _report(events)
    return BundleContent(
        session=session,
        created_at=utc_now(),
        target=_target(events),
        servers=_servers(events),
        tool_version=__version__,
        clock=_clock(events),
        events=entries,
        evidence=tuple(_bodies(events, "evidence", "evidence")),
        findings=tuple(_latest(_bodies(events, "finding", "finding"))),
        approvals=tuple(row.approval for row in log.approvals() if row.session == session),
        report=report,
        transcript=transcript(events),
        summary=_summary(session, events),
        collectors=tuple(_collectors(events)),
    )


def _bodies(events: Sequence[Event], kind: str, key: str) -> Iterator[Mapping[str, Any]]:
    return (event.body[key] for event in events if event.kind == kind)


def _latest(findings: Iterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each finding once, as it was seen last."""
    return list({finding["id"]: finding for finding in findings}.values())


def _target(events: Sequence[Event]) -> Mapping[str, Any]:
    chosen = [
        event.body["target"] for event in events if event.body.get("target") and "selected" in event.kind
    ]
    opened = [
        event.body["target"] for event in events if event.kind == "session.opened" and event.body["target"]
    ]
    concluded = [event.body["report"]["target"] for event in events if event.kind == "conclusion"]
    return dict((chosen or opened or concluded or [{"name": "no-target"}])[-1])


def _servers(events: Sequence[Event]) -> Mapping[str, str]:
    return {
        event.target: str(event.body["report"]["server"]["version"])
        for event in events
        if event.kind == "conclusion" and event.body["report"]["server"]
    }


def _report(events: Sequence[Event]) -> Mapping[str, Any]:
    """The last triage in the session; empty where none was completed."""
    try:
        report = assemble(events).to_json()
    except UserError:
        return {}
    # The rows stand once, in the evidence files.
    return {**report, "evidence": [evidence["id"] for evidence in report["evidence"]]}


def _clock(events: Sequence[Event]) -> Clock:
    """This host's clock, and the server's where a sweep asked for it."""
    for evidence in reversed(list(_bodies(events, "evidence", "evidence"))):
        if "server_now" in evidence["columns"] and evidence["rows"]:
            row = dict(zip(evidence["columns"], evidence["rows"][0], strict=True))
            server, host = str(row["server_now"]), str(evidence["captured_at"])
            skew = datetime.fromisoformat(server) - datetime.fromisoformat(host)
            return Clock(utc_now(), server, round(skew.total_seconds() * 1000, 3))
    return Clock(utc_now())


def _collectors(events: Sequence[Event]) -> Iterator[Collector]:
    """One collector for each tool call: when, how long, how many rows, what went wrong."""
    called = {event.body["call"]: event for event in events if event.kind == "tool.called"}
    cut = {item["id"] for item in _bodies(events, "evidence", "evidence") if item["truncated"]}
    for event in events:
        body = event.body
        if event.kind != "tool.returned" or body["call"] not in called:
            continue
        began = called[body["call"]]
        yield Collector(
            name=str(began.body["tool"]),
            started=began.at,
            ended=event.at,
            duration_ms=float(body["duration_ms"] or 0),
            rows=int(body["rows"] or 0),
            truncated=body["evidence"] in cut,
            error=str(body["error"]),
        )


def _summary(session: str, events: Sequence[Event]) -> str:
    conclusions = [event for event in events if event.kind == "conclusion"]
    actions = [event for event in events if event.kind == "action.finished"]
    lines = [f"# Session {session}", "", f"Made by helpdesk-tui {__version__}."]
    for event in conclusions[-1:]:
        lines += ["", f"## Conclusion of {event.at[:19]}Z on {event.target}", "", str(event.body["text"])]
    if actions:
        lines += ["", "## Actions", "", *(f"- {event.at[:19]}Z {event.body['text']}" for event in actions)]
    return "\n".join([*lines, ""])
