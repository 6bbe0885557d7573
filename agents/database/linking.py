"""Which finding causes which: roots keep their remedies, consequences point to their cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agents.database.condition import Condition
from agents.kernel.records import SEVERITY_ORDER, Finding


def link(findings: Sequence[Finding], conditions: Mapping[str, Condition]) -> tuple[Finding, ...]:
    """The findings with `caused_by` filled in, roots first and the worst of each first.

    No chain of causes ever comes back to where it started: the edge that would close it is left out.
    """
    causes: dict[str, tuple[str, ...]] = {}
    for finding in findings:
        causes[finding.id] = tuple(
            other.id
            for other in _candidates(finding, findings, conditions)
            if not _reaches(other.id, finding.id, causes)
        )
    linked = [_with_causes(finding, causes[finding.id]) for finding in findings]
    return tuple(sorted(linked, key=lambda one: (bool(one.caused_by), -SEVERITY_ORDER[one.severity])))


def _candidates(
    finding: Finding, findings: Sequence[Finding], conditions: Mapping[str, Condition]
) -> list[Finding]:
    """What causes `finding`, in the order in which its condition names causes."""
    found: dict[str, Finding] = {}
    for cause in conditions[finding.condition].causes:
        if cause.last_resort and found:
            continue
        of_kind = (
            other
            for other in findings
            if other.condition == cause.condition and other.id != finding.id and not _quieter(other, finding)
        )
        found |= {other.id: other for other in of_kind if cause.holds(finding.subject, other.subject)}
    return list(found.values())


def _quieter(cause: Finding, finding: Finding) -> bool:
    """An info says that nothing needs to be done: it must not hide what does."""
    return cause.severity == "info" and finding.severity != "info"


def _reaches(start: str, end: str, causes: Mapping[str, Sequence[str]]) -> bool:
    """True where following causes from `start` leads to `end`."""
    seen: set[str] = set()
    edge = [start]
    while edge:
        current = edge.pop()
        if current == end:
            return True
        if current not in seen:
            seen.add(current)
            edge.extend(causes.get(current, ()))
    return False


def _with_causes(finding: Finding, causes: tuple[str, ...]) -> Finding:
    return replace(finding, caused_by=causes, remedies=()) if causes else finding


def needed_for(condition: Condition, conditions: Mapping[str, Condition]) -> frozenset[str]:
    """Ids of all that must be judged with the condition: what may cause it, directly or through others, and
    what competes with it. A rival that takes two samples isn't waited for."""
    reached = causes_of(condition, conditions)
    edge = list(reached)
    while edge:
        for rival in conditions[edge.pop()].rivals:
            closure = causes_of(conditions[rival], conditions) if rival in conditions else frozenset()
            if not any(conditions[name].is_slow for name in closure):
                edge.extend(closure - reached)
                reached |= closure
    return reached


def causes_of(condition: Condition, conditions: Mapping[str, Condition]) -> frozenset[str]:
    """Ids of the condition and of everything that may cause it, directly or through others."""
    reached: set[str] = set()
    edge = [condition.id]
    while edge:
        current = edge.pop()
        if current not in reached and current in conditions:
            reached.add(current)
            edge.extend(cause.condition for cause in conditions[current].causes)
    return frozenset(reached)
