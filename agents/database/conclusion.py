"""The report in words: what is wrong, by what evidence, what follows from it, what to do. Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.database.wording import plural
from agents.kernel.records import SEVERITY_ORDER, Finding, NotChecked, Remedy, Report
from inventory.masking import inert_line

MARKS = {"critical": "CRITICAL", "warning": "WARNING", "info": "info"}
MOST_INFOS = 5
MOST_NAMES = 6
MOST_CITED = 3
_MARKDOWN = re.compile(r"([\\`*\[\]<>#|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def conclude(report: Report) -> str:
    """Markdown for the operator: the root causes first, each with its consequences and numbered remedies."""
    roots = [finding for finding in report.roots() if finding.severity != "info"]
    infos = [finding for finding in report.roots() if finding.severity == "info"]
    numbers = _numbers(roots)
    parts = [_headline(report, roots)]
    parts += [_root(finding, report, numbers) for finding in roots]
    parts += [_infos(infos)] if infos else []
    parts += [_not_checked(report.not_checked)] if report.not_checked else []
    parts.append(_footer(report))
    return "\n\n".join(parts)


def _headline(report: Report, roots: list[Finding]) -> str:
    if not roots:
        sure = " in what could be checked" if report.not_checked else ""
        return f"**Nothing at warning or above{sure}.**"
    worst = max(roots, key=lambda finding: SEVERITY_ORDER[finding.severity])
    others = len(roots) - 1
    more = f" — and {others} more below" if others else ""
    return f"**Root cause: {plain(worst.title)}**{more}"


def _root(finding: Finding, report: Report, numbers: dict[tuple[str, int], int]) -> str:
    lines = [
        f"### {MARKS[finding.severity]} · {plain(finding.title)}",
        "",
        f"{plain(finding.summary)} {_cited(finding)}",
    ]
    consequences = list(_consequences(finding, report.findings))
    if consequences:
        lines += ["", "What follows from it:"]
        lines += [f"- {plain(one.title)} (`{one.condition}`) {_cited(one)}" for one in consequences]
    if finding.ruled_out:
        lines += ["", "Ruled out:"]
        lines += [_ruled_out(item) for item in finding.ruled_out[:MOST_NAMES]]
    if finding.remedies:
        lines += ["", "Remedies:"]
        lines += [
            _remedy(numbers[finding.id, place], remedy) for place, remedy in enumerate(finding.remedies)
        ]
    return "\n".join(lines)


def _ruled_out(item: Mapping[str, Any]) -> str:
    cited = " ".join(f"[{evidence}]" for evidence in item["evidence"][:MOST_CITED])
    return f"- {plain(str(item['why']))} (`{item['condition']}`) {cited}"


def _remedy(number: int, remedy: Remedy) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in remedy.arguments.items())
    return (
        f"{number}. **{remedy.tool}** ({plain(arguments)}) — {remedy.risk}. {plain(remedy.why)} "
        f"Undo: {plain(remedy.undo)}."
    )


def _numbers(roots: list[Finding]) -> dict[tuple[str, int], int]:
    """One running number for each remedy of the whole conclusion."""
    places = [(finding.id, place) for finding in roots for place in range(len(finding.remedies))]
    return {place: number for number, place in enumerate(places, start=1)}


def _consequences(root: Finding, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Every finding that this one causes, directly or through others."""
    reached = {root.id}
    waiting = [finding for finding in findings if finding.caused_by]
    for _ in range(len(waiting)):
        for finding in waiting:
            if finding.id not in reached and reached & set(finding.caused_by):
                reached.add(finding.id)
                yield finding


def _infos(infos: list[Finding]) -> str:
    lines = ["For information:"]
    lines += [f"- {plain(finding.title)} {_cited(finding)}" for finding in infos[:MOST_INFOS]]
    if len(infos) > MOST_INFOS:
        lines.append(f"- and {len(infos) - MOST_INFOS} more")
    return "\n".join(lines)


def _not_checked(items: tuple[NotChecked, ...]) -> str:
    grouped: dict[tuple[str, str], list[str]] = {}
    for item in items:
        grouped.setdefault((item.reason, item.remedy), []).append(item.condition)
    lines = ["Not checked:"]
    for (reason, remedy), names in grouped.items():
        opened = f" → {plain(remedy)}" if remedy else ""
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        shown = ", ".join(f"`{name}`" for name in names[:MOST_NAMES])
        lines.append(f"- {shown}{more}: {plain(reason)}{opened}")
    return "\n".join(lines)


def _footer(report: Report) -> str:
    server = report.server
    where = f"PostgreSQL {plain(str(server['version']))}, {server['role']}; " if server else ""
    return f"{where}{plural(len(report.evidence), 'statement')} in {report.timing['total_ms']:.0f} ms."


def _cited(finding: Finding) -> str:
    return " ".join(f"[{evidence}]" for evidence in finding.evidence)


def plain(text: str) -> str:
    """Text from a server as Markdown shows it: as it is, and without any effect."""
    return _MARKDOWN.sub(r"\\\1", inert_line(text))
