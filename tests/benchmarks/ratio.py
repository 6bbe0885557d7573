"""One measured ratio, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """What we took, what the least possible took, and the goal for one over the other."""

    name: str
    ours_ms: float
    least_ms: float
    goal: float | None
    note: str = ""

    @property
    def value(self) -> float:
        return self.ours_ms / self.least_ms

    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.value <= self.goal else "missed"


HEADER = ("measured", "ours ms", "least ms", "ratio", "goal", "")


def table(ratios: Iterable[Ratio]) -> str:
    """The ratios as lines of text."""
    rows = [HEADER, *(_row(one) for one in ratios)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place in (0, 5) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(one: Ratio) -> tuple[str, ...]:
    goal = f"≤ {one.goal:g}×" if one.goal is not None else "–"
    said = " ".join(filter(None, (one.verdict(), one.note)))
    return (one.name, f"{one.ours_ms:.1f}", f"{one.least_ms:.1f}", f"{one.value:.2f}×", goal, said)
