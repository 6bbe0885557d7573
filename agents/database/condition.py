"""What a condition is: a small declarative unit that turns rows into findings.

To add one: write the statement it needs in `sql/`, write a predicate that yields a `Match` for each fault
in the rows, and put a `Condition` with its thresholds in the group's module in `catalogue/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agents.database.snapshot import Row, Snapshot
from agents.kernel.records import Finding, Remedy, Severity
from inventory.masking import inert_line, mask

Unit = Literal["s", "bytes", "rows", "percent", "count", "ratio"]
Limits = Mapping[str, float]
"""The thresholds in force for one condition: name → value in the threshold's unit."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A named figure that a predicate compares with."""

    value: float
    unit: Unit
    source: str
    """Who published the figure, or why it was chosen."""


@dataclass(frozen=True, slots=True)
class Match:
    """One fault that a predicate saw in the rows."""

    severity: Severity
    title: str
    summary: str
    """What is wrong, with the figures, and what to do where no tool does it."""
    identity: Mapping[str, Any]
    """The part of the subject that stays the same between sweeps."""
    evidence: tuple[str, ...]
    """Names of the statements whose rows show it."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The rest of the subject: what may change between sweeps."""
    remedies: tuple[Remedy, ...] = ()

    @property
    def subject(self) -> dict[str, Any]:
        return {**self.identity, **self.facts}


@dataclass(frozen=True, slots=True)
class Cause:
    """A condition whose match may be the reason for a match of this one."""

    condition: str
    holds: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
    """Subject of the consequence, subject of the possible cause → whether it is the cause."""
    last_resort: bool = False
    """Counts only where none of the causes named before it does."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of the catalogue."""

    id: str
    title: str
    severity: Severity
    """The worst that its findings can be."""
    meaning: str
    """One or two sentences for a DBA: what it is and why it matters."""
    needs: tuple[str, ...] = ()
    """Statements without which it can't be judged."""
    wants: tuple[str, ...] = ()
    """Statements that sharpen it; it is judged without them where they fail."""
    rates: tuple[str, ...] = ()
    """Statements with cumulative counters, without which it can't be judged and which are sampled twice:
    `snapshot.change(name, …)` tells what happened in between."""
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    find: Callable[[Snapshot, Limits], Iterable[Match]] | None = None
    """Rows → matches. None for a condition that only a refused connection shows."""
    refused: Callable[[Row], Match] | None = None
    """The one row of `probe_connection` → match, where connecting failed with this condition."""
    look_again: Callable[[Snapshot, Limits], float] | None = None
    """Seconds after which its statements must be read once more to tell a standstill from a busy moment;
    0 where what was read is enough."""
    causes: tuple[Cause, ...] = ()
    rivals: tuple[str, ...] = ()
    """Conditions that would explain the same trouble: where they were judged and don't hold, a finding says so."""
    absent: str = ""
    """What it means that this condition doesn't hold, as half a sentence: `nobody waits for …`."""
    remedies: tuple[str, ...] = ()
    """Tools that a finding may offer."""
    grants: tuple[str, ...] = ()
    """What the login needs beyond CONNECT, as GRANT statements with `{role}`."""
    extension: str = ""
    """Extension that must be installed, where there is one."""
    on_request: bool = False
    """Too expensive for every sweep: runs only where it is asked for by its id."""
    blind: Callable[[Snapshot], str] | None = None
    """Says what the login could not see although every statement ran; empty where it saw all."""

    @property
    def is_slow(self) -> bool:
        """True where it can be judged at the end of the interval only."""
        return bool(self.rates)

    def statements(self) -> tuple[str, ...]:
        """All that it reads, each name once."""
        return tuple(dict.fromkeys((*self.rates, *self.needs, *self.wants)))

    def limits(self, overrides: Mapping[str, float]) -> Limits:
        """The condition's own thresholds with `overrides` on top."""
        return {name: overrides.get(name, threshold.value) for name, threshold in self.thresholds.items()}


def finding_of(condition: Condition, match: Match, snapshot: Snapshot) -> Finding:
    """The finding that says what `match` saw, without its causes yet."""
    shown = ((name, snapshot.samples(name)) for name in match.evidence)
    evidence = (
        one.id for name, samples in shown for one in (samples if name in condition.rates else samples[-1:])
    )
    return Finding(
        id=Finding.id_for(condition.id, match.identity),
        condition=condition.id,
        severity=match.severity,
        title=inert_line(mask(match.title)),
        summary=inert_line(mask(match.summary)),
        subject=match.subject,
        evidence=tuple(dict.fromkeys(evidence)),
        remedies=match.remedies,
    )
