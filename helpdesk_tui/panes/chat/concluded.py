"""A conclusion as the chat shows it: roots first, each with what follows from it, and its remedies by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.kernel.records import Finding


@dataclass(frozen=True, slots=True)
class RemedyChoice:
    """A remedy of the last conclusion, as its number key asks for it."""

    finding: str
    title: str
    tool: str
    arguments: Mapping[str, Any]
    risk: str
    why: str
    undo: str


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A conclusion with its findings put in order: the ones to mend first, then what follows from them."""

    text: str
    roots: tuple[Finding, ...]
    follows: Mapping[str, tuple[Finding, ...]]
    """Root id → what follows from it, directly or not."""
    infos: tuple[Finding, ...]
    """Worth knowing, nothing to mend."""
    remedies: tuple[RemedyChoice, ...]
    evidence: tuple[str, ...]
    not_checked: tuple[Mapping[str, Any], ...]
    server: Mapping[str, Any]
    timing: Mapping[str, Any]
    target: str
    agent: str = ""
    """Who concluded it: its remedies are asked for there."""


def conclude(
    text: str, report: Mapping[str, Any], known: Mapping[str, Finding], target: str, agent: str = ""
) -> Conclusion:
    """Put the findings of a report in order; ids that the session does not know are left out."""
    findings = [known[id] for id in report.get("findings", ()) if isinstance(id, str) and id in known]
    order = {"critical": 0, "warning": 1, "info": 2}
    findings.sort(key=lambda finding: order.get(finding.severity, 3))
    here = {finding.id for finding in findings}
    first = [finding for finding in findings if not here.intersection(finding.caused_by)]
    roots = [finding for finding in first if finding.severity != "info"]
    follows = {root.id: tuple(_consequences(root.id, findings)) for root in roots}
    return Conclusion(
        text=text,
        roots=tuple(roots),
        follows=follows,
        infos=tuple(finding for finding in first if finding.severity == "info"),
        remedies=tuple(_choices(roots))[:9],
        evidence=tuple(dict.fromkeys(id for finding in findings for id in finding.evidence)),
        not_checked=tuple(report.get("not_checked", ())),
        server=report.get("server") or {},
        timing=report.get("timing") or {},
        target=target,
        agent=agent,
    )


def _consequences(root: str, findings: list[Finding]) -> list[Finding]:
    caused = {root}
    while more := {f.id for f in findings if f.id not in caused and caused.intersection(f.caused_by)}:
        caused |= more
    return [finding for finding in findings if finding.id in caused and finding.id != root]


def _choices(roots: list[Finding]) -> list[RemedyChoice]:
    return [
        RemedyChoice(root.id, root.title, remedy.tool, remedy.arguments, remedy.risk, remedy.why, remedy.undo)
        for root in roots
        for remedy in root.remedies
    ]
