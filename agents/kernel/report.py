"""The report of one sweep, put together again from the events that recorded it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agents.kernel.event import Event
from agents.kernel.records import Evidence, Finding, NotChecked, Report
from inventory.errors import UserError


def assemble(events: Iterable[Event]) -> Report:
    """The report of the last conclusion among `events`, with its evidence and findings.

    Raises UserError (exit 3) where the events hold no conclusion: the sweep was not completed.
    """
    evidence: dict[str, Evidence] = {}
    findings: dict[str, Finding] = {}
    conclusion: dict[str, Any] | None = None
    concluded: dict[str, Finding] = {}
    for event in events:
        match event.kind:
            case "evidence":
                item = Evidence.from_json(event.body["evidence"])
                evidence[item.id] = item
            case "finding":
                finding = Finding.from_json(event.body["finding"])
                findings[finding.id] = finding
            case "conclusion" if event.body.get("report"):
                # A later sweep finds the same ids again with other values: keep those of this one.
                conclusion, concluded = event.body["report"], dict(findings)
    if conclusion is None:
        raise UserError(
            "the sweep ended without a conclusion; see the trace or the log of the agents", exit_code=3
        )
    return Report(
        target=conclusion["target"],
        server=conclusion["server"],
        findings=tuple(concluded[key] for key in conclusion["findings"] if key in concluded),
        evidence=tuple(evidence[key] for key in conclusion["evidence"] if key in evidence),
        not_checked=tuple(NotChecked(**item) for item in conclusion["not_checked"]),
        timing=conclusion["timing"],
        schema=conclusion["schema"],
    )
