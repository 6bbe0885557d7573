"""What one sweep has read so far: each statement once, shared by every condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.kernel.records import Evidence

Row = Mapping[str, Any]


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
    _rows: dict[str, tuple[Row, ...]] = field(default_factory=dict)

    def keep(self, evidence: Evidence) -> None:
        """Take in what a statement gave, in place of what it gave before."""
        self.evidence[evidence.tool] = evidence
        self._rows.pop(evidence.tool, None)

    def drop(self, names: Iterable[str]) -> list[Evidence]:
        """Forget what these statements gave, and hand it out."""
        for name in names:
            self._rows.pop(name, None)
        return [self.evidence.pop(name) for name in names if name in self.evidence]

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

    def has(self, name: str) -> bool:
        return name in self.evidence
