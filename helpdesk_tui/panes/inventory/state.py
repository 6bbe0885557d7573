"""What the inventory shows: each target, how it is right now, which one is selected. No widget, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from agents.kernel.event import Event
from helpdesk_tui import words
from helpdesk_tui.marks import ENVIRONMENT_TONE, Mark
from helpdesk_tui.paper import Span
from helpdesk_tui.rows import Column, Row, matches

COLUMNS = (
    Column("target"),
    Column("state", 7),
    Column("environment", 11, from_width=84),
    Column("version", 7, from_width=96),
    Column("role", 7, from_width=72),
    Column("conns", 8, "right", from_width=44),
    Column("oldest", 6, "right"),
    Column("lag", 7, "right", from_width=54),
    Column("blocked", 7, "right"),
)

UP = Mark("●", "up", "good")
DOWN = Mark("✗", "down", "bad")
READING = Mark("◌", "asked", "dim")
STALE = Mark("●", "old", "dim")

STALE_AFTER_S = 30.0
"""A reading older than this is marked: six missed rounds of the five-second pulse."""
OLD_TRANSACTION_S = 300.0
"""Marked from here on; the same five minutes at which `session.idle_in_transaction` begins to warn."""
FULL_CONNECTIONS = 0.8
"""Share of max_connections from which the count is marked."""


class Reading(Protocol):
    """What a pulse says of a target."""

    @property
    def up(self) -> bool: ...
    @property
    def version(self) -> str | None: ...
    @property
    def role(self) -> str | None: ...
    @property
    def connections(self) -> int | None: ...
    @property
    def max_connections(self) -> int | None: ...
    @property
    def oldest_xact_s(self) -> float | None: ...
    @property
    def lag_s(self) -> float | None: ...
    @property
    def lag_bytes(self) -> int | None: ...
    @property
    def blocked(self) -> int | None: ...
    @property
    def taken_at(self) -> str: ...
    @property
    def error(self) -> str | None: ...


@dataclass
class InventoryState:
    """Targets in the order of the file; events say which is selected, readings say how they are."""

    targets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    selected: str = ""
    unlocked: set[str] = field(default_factory=set)

    def know(self, described: Mapping[str, Any]) -> None:
        """Add a target, as `Target.describe()` gives it."""
        self.targets[str(described["name"])] = described

    def feed(self, event: Event) -> None:
        """Take one event in; kinds that the inventory does not show pass by."""
        match event.kind:
            case "target.selected" | "session.opened":
                target = event.body.get("target")
                if target:
                    self.targets.setdefault(str(target.get("name", "")), target)
                    self.selected = str(target.get("name", ""))
            case "target.unlocked":
                self.unlocked.add(str(event.body.get("target")))
            case "target.locked":
                self.unlocked.discard(str(event.body.get("target")))

    def read(self, name: str, reading: Reading) -> None:
        """Take a reading in."""
        self.readings[name] = reading

    def rows(self, now: datetime, needle: str = "") -> Sequence[Row]:
        """Rows for a list of COLUMNS."""
        made = [self._row(name, now) for name in self.targets]
        return [row for row in made if matches(" ".join(cell.text for cell in row.cells), needle)]

    def _row(self, name: str, now: datetime) -> Row:
        target, reading = self.targets[name], self.readings.get(name)
        environment = str(target.get("environment") or "")
        chosen = name == self.selected
        first = Span(("▸ " if chosen else "  ") + name, "strong" if chosen else "")
        tone = ENVIRONMENT_TONE.get(environment, "dim").removeprefix("chip-")
        where = Span(environment or "–", tone)
        if reading is None:
            return Row(name, (first, READING.span(), where, *([Span("")] * 6)))
        if not reading.up:
            return Row(name, (first, DOWN.span(), where, *([Span("–", "dim")] * 6)))
        age = words.since(reading.taken_at, now)
        state = STALE if age is not None and age > STALE_AFTER_S else UP
        return Row(
            name,
            (
                first, state.span(), where, Span(reading.version or "", "dim"), Span(reading.role or "", "dim"),
                _connections(reading), _transaction(reading), _lag(reading), _blocked(reading),
            ),
        )  # fmt: skip

    def error_of(self, name: str) -> str:
        """Why a target is down, or empty."""
        reading = self.readings.get(name)
        return (reading.error or "") if reading is not None and not reading.up else ""

    def summary(self) -> str:
        """`3 targets, 1 down`."""
        down = sum(not reading.up for reading in self.readings.values())
        return words.count(len(self.targets), "target") + (f", {down} down" if down else "")


def _connections(reading: Reading) -> Span:
    if reading.connections is None:
        return Span("")
    most = reading.max_connections
    full = bool(most) and reading.connections >= FULL_CONNECTIONS * (most or 1)
    return Span(f"{reading.connections}/{most}" if most else str(reading.connections), "warn" if full else "")


def _transaction(reading: Reading) -> Span:
    age = reading.oldest_xact_s
    return Span(words.seconds(age) or "–", "warn" if age is not None and age >= OLD_TRANSACTION_S else "dim")


def _lag(reading: Reading) -> Span:
    if reading.lag_s is not None:
        return Span(words.seconds(reading.lag_s), "warn" if reading.lag_s >= 60 else "dim")
    return Span(words.size(reading.lag_bytes) or "–", "dim")


def _blocked(reading: Reading) -> Span:
    number = reading.blocked or 0
    return Span(f"▲ {number}" if number else "0", "bad" if number else "dim")
