"""What else might have explained a finding, was checked, and isn't it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from agents.database.condition import Condition
from agents.database.snapshot import Snapshot
from agents.kernel.records import Finding


def with_ruled_out(
    finding: Finding,
    findings: Collection[Finding],
    judged: Mapping[str, Condition],
    conditions: Mapping[str, Condition],
    snapshot: Snapshot,
) -> Finding:
    """The finding with the competing explanations that were `judged` and don't hold; roots only."""
    if finding.caused_by or finding.severity == "info":
        return finding
    condition = conditions[finding.condition]
    items = [
        {"condition": other.id, "why": why, "evidence": _read_by(other, snapshot)}
        for other in _competing(condition, judged)
        if (why := _why_not(other, condition, findings))
    ]
    return replace(finding, ruled_out=(*finding.ruled_out, *items))


def _competing(condition: Condition, judged: Mapping[str, Condition]) -> Iterator[Condition]:
    names = (*(cause.condition for cause in condition.causes), *condition.rivals)
    for name in dict.fromkeys(names):
        if name in judged and name != condition.id:
            yield judged[name]


def _why_not(other: Condition, condition: Condition, findings: Iterable[Finding]) -> str:
    """Half a sentence against `other` as the explanation; empty where it can't be ruled out."""
    found = [finding for finding in findings if finding.condition == other.id and finding.severity != "info"]
    if not found:
        return other.absent or f"no sign of: {other.title}"
    # A cause that holds would have made the finding a consequence; a rival that was found stays possible.
    is_cause = other.id in {cause.condition for cause in condition.causes}
    return f"not related: {found[0].title}" if is_cause else ""


def _read_by(condition: Condition, snapshot: Snapshot) -> list[str]:
    names = (name for name in condition.statements() if snapshot.has(name))
    return [evidence.id for name in names for evidence in snapshot.samples(name)]
