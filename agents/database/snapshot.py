"""What one sweep has read so far: each statement once, shared by every condition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agents.database.rates import WAS_RESET, Change, NotMeasurable, compare
from agents.kernel.records import Evidence

Row = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """Why a statement gave no rows, and what would open it."""

    reason: str
    remedy: str
    sqlstate: str = ""


@dataclass(slots=True)
class Snapshot:
    """Evidence and failures by statement name."""

    evidence: dict[str, Evidence] = field(default_factory=dict)
    failures: dict[str, ReadFailure] = field(default_factory=dict)
    first: dict[str, Evidence] = field(default_factory=dict)
    """The first sample of statements that were sampled twice."""
    unmeasured: dict[str, str] = field(default_factory=dict)
    """Why two samples of a statement say nothing, as `change` found out."""
    _rows: dict[str, tuple[Row, ...]] = field(default_factory=dict)
    _derived: dict[tuple[str, Callable[..., Any]], Any] = field(default_factory=dict)

    def keep(self, evidence: Evidence) -> None:
        """Take in what a statement gave, in place of what it gave before."""
        self.evidence[evidence.tool] = evidence
        self._forget(evidence.tool)

    def keep_second(self, evidence: Evidence) -> None:
        """Take in the second sample of a statement; the one before it becomes the first."""
        self.first[evidence.tool] = self.evidence[evidence.tool]
        self.keep(evidence)

    def sampled_twice(self, name: str) -> bool:
        return name in self.first

    def change(self, name: str, *keys: str, counters: Iterable[str] = ()) -> Change | None:
        """What a statement's counters did between its two samples; rows are told apart by the columns `keys`.

        None where that can't be measured: the condition that asked is then reported as not checked. A row
        that was reset, or of which one of `counters` went down, is left out.
        """
        if not self.sampled_twice(name):
            self.unmeasured[name] = "there is only one sample"
            return None
        try:
            change = compare(self.first[name], self.evidence[name], keys, tuple(counters))
        except NotMeasurable as reason:
            self.unmeasured[name] = str(reason)
            return None
        if change.reset:  # the rest can be judged all the same
            self.unmeasured[name] = WAS_RESET
        return change

    def samples(self, name: str) -> list[Evidence]:
        """What was read of a statement, the first sample first."""
        return [kept[name] for kept in (self.first, self.evidence) if name in kept]

    def drop(self, names: Iterable[str]) -> list[Evidence]:
        """Forget what these statements gave, and hand it out."""
        for name in names:
            self._forget(name)
        return [self.evidence.pop(name) for name in names if name in self.evidence]

    def derived(self, name: str, build: Callable[[tuple[Row, ...]], T]) -> T:
        """What `build` makes of a statement's rows, made once as long as they are the same."""
        if (name, build) not in self._derived:
            self._derived[name, build] = build(self.rows(name))
        made: T = self._derived[name, build]
        return made

    def settled(self, *names: str) -> bool:
        """True where each of the statements has been read or has failed."""
        return all(name in self.evidence or name in self.failures for name in names)

    def rows(self, name: str) -> tuple[Row, ...]:
        """The rows of a statement; none where it wasn't read."""
        if name not in self.evidence:
            return ()
        if name not in self._rows:
            self._rows[name] = tuple(self.evidence[name].dicts())
        return self._rows[name]

    def row(self, name: str) -> Row | None:
        """The first row of a statement; None where there is none."""
        return next(iter(self.rows(name)), None)

    def _forget(self, name: str) -> None:
        self._rows.pop(name, None)
        self._derived = {key: made for key, made in self._derived.items() if key[0] != name}

    def has(self, name: str) -> bool:
        return name in self.evidence
