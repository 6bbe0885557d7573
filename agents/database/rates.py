"""Two samples of a statement with cumulative counters, and what changed between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.kernel.records import Evidence

RESET = "stats_reset"
"""Column that says when a row's counters last began at zero."""
WAS_RESET = "statistics were reset between the samples"


class NotMeasurable(Exception):
    """Two samples that can't be compared; the text says why."""


class RowChange(Mapping[str, Any]):
    """One row as the second sample shows it, and its counters' growth since the first."""

    __slots__ = ("after", "before")

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        self.before = before
        self.after = after

    def __getitem__(self, column: str) -> Any:
        return self.after[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.after)

    def __len__(self) -> int:
        return len(self.after)

    def delta(self, column: str) -> float:
        """Growth of a counter between the samples; a NULL counts as 0. Raises NotMeasurable where it went down."""
        grown = float(self.after[column] or 0) - float(self.before[column] or 0)
        if grown < 0:
            raise NotMeasurable(f"{column} went down between the samples: its statistics were reset")
        return grown


@dataclass(frozen=True, slots=True)
class Change:
    """What a statement's rows did between two samples."""

    seconds: float
    """From the first sample to the second."""
    rows: tuple[RowChange, ...]
    """Rows that are in both samples and weren't reset in between, in the order of the second."""
    reset: int = 0
    """Rows whose `stats_reset` differs between the samples."""

    def per_second(self, row: RowChange, column: str) -> float:
        return row.delta(column) / self.seconds


def compare(first: Evidence, second: Evidence, keys: Sequence[str], counters: Sequence[str] = ()) -> Change:
    """The change from `first` to `second`; rows belong together where `keys` are equal.

    A row whose `stats_reset` differs, or of which one of `counters` went down, is left out. Raises
    NotMeasurable where that leaves none of those that are in both samples, or no time passed.
    """
    seconds = (_moment(second) - _moment(first)).total_seconds()
    if seconds <= 0:
        raise NotMeasurable("no time passed between the samples: the clock was set")
    known = {_key(row, keys): row for row in first.dicts()}
    pairs = [(known.get(_key(row, keys)), row) for row in second.dicts()]
    both = [RowChange(before, after) for before, after in pairs if before is not None]
    lasting = [row for row in both if row.before.get(RESET) == row.after.get(RESET)]
    comparable = tuple(row for row in lasting if not _went_down(row, counters))
    if both and not comparable:
        raise NotMeasurable(WAS_RESET)
    return Change(seconds, comparable, len(both) - len(lasting))


def _moment(evidence: Evidence) -> datetime:
    return datetime.fromisoformat(evidence.captured_at)


def _key(row: Mapping[str, Any], keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[key] for key in keys)


def _went_down(row: RowChange, counters: Sequence[str]) -> bool:
    return any((row.after[name] or 0) < (row.before[name] or 0) for name in counters)
