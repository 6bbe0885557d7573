"""A triage report as text for a terminal: roots first, what follows from each, and what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

import click

from agents.kernel.canonical import canonical_json
from agents.kernel.records import SEVERITY_ORDER, Finding, Report
from helpdesk_tui.words import count
from inventory.masking import inert_line

MARKS: Mapping[str, tuple[str, str]] = {
    "critical": ("✖", "red"),
    "warning": ("▲", "yellow"),
    "info": ("•", "cyan"),
}
"""Severity → glyph and colour; the word always stands beside them."""
INDENT = "    "


def report_text(report: Report, width: int = 100) -> str:
    """The report as lines of at most `width` columns, styled with ANSI codes; data in it is inert."""
    lines = [*_heading(report), ""]
    roots = sorted(report.roots(), key=lambda finding: -SEVERITY_ORDER[finding.severity])
    for root in roots:
        lines += [*_finding(root, report, width), ""]
    if not report.findings:
        lines += ["Nothing found at any severity.", ""]
    lines += _not_checked(report, width)
    lines.append(_closing(report))
    return "\n".join(lines)


def _heading(report: Report) -> Iterator[str]:
    target = report.target
    place = f"{target.get('host', '')}:{target.get('port', '')}/{target.get('database', '')}"
    environment = f"[{target['environment']}]" if target.get("environment") else ""
    # A target that is no entry of the inventory has its address for a name.
    yield inert_line(
        "  ".join(filter(None, dict.fromkeys((str(target.get("name", "")), place, environment))))
    )
    if report.server:
        yield inert_line(f"PostgreSQL {report.server.get('version', '?')}, {report.server.get('role', '?')}")


def _finding(finding: Finding, report: Report, width: int) -> Iterator[str]:
    glyph, colour = MARKS[finding.severity]
    mark = click.style(f"{glyph} {finding.severity.upper()}", fg=colour, bold=True)
    yield f"{mark}  {click.style(inert_line(finding.title), bold=True)}  {finding.condition}"
    yield from _wrapped(finding.summary, width)
    yield from _wrapped(f"evidence: {', '.join(finding.evidence) or 'none'}", width)
    for follower in _followers(finding, report):
        glyph, _ = MARKS[follower.severity]
        yield from _wrapped(
            f"└ {glyph} {follower.severity} {follower.condition}: {follower.summary}", width, hang="  "
        )
    if finding.ruled_out:
        reasons = "; ".join(str(item["why"]) for item in finding.ruled_out)
        yield from _wrapped(f"ruled out: {reasons}", width, hang="  ")
    for number, remedy in enumerate(finding.remedies, start=1):
        arguments = canonical_json(dict(remedy.arguments))
        yield from _wrapped(
            f"{number}. [{remedy.risk}] {remedy.tool} {arguments}: {remedy.why}", width, hang="   "
        )
        yield from _wrapped(f"   undo: {remedy.undo}", width, hang="         ")


def _followers(root: Finding, report: Report) -> list[Finding]:
    """Findings that `root` causes, directly or through others."""
    found: list[Finding] = []
    causes = {root.id}
    while fresh := [f for f in report.findings if f not in found and causes & set(f.caused_by) and f != root]:
        found += fresh
        causes = {finding.id for finding in fresh}
    return found


def _not_checked(report: Report, width: int) -> Iterator[str]:
    if not report.not_checked:
        return
    yield click.style(f"Not checked: {len(report.not_checked)}", bold=True)
    reasons: dict[tuple[str, str], list[str]] = {}
    for item in report.not_checked:
        reasons.setdefault((item.reason, item.remedy), []).append(item.condition)
    for (reason, remedy), conditions in reasons.items():
        advice = f" ({remedy})" if remedy else ""
        yield from _wrapped(f"{', '.join(conditions)}: {reason}{advice}", width)
    yield ""


def _closing(report: Report) -> str:
    total = report.timing.get("total_ms") or 0
    evidence = count(len(report.evidence), "piece of evidence", "pieces of evidence")
    return f"{count(len(report.findings), 'finding')}, {evidence}, {total:.0f} ms"


def _wrapped(text: str, width: int, hang: str = "") -> list[str]:
    return textwrap.wrap(
        inert_line(text),
        width,
        initial_indent=INDENT,
        subsequent_indent=INDENT + hang,
        break_on_hyphens=False,
    )
