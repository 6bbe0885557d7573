"""A weekly window in a time zone: on which days, from when to when, on the clocks of that place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS = ("days", "from", "to", "timezone")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Open on `days` from `start` until before `end`; past midnight where `end` is earlier than `start`."""

    days: tuple[str, ...]
    start: time
    end: time
    zone: str

    def holds(self, at: datetime) -> bool:
        """Whether the moment `at` lies in the window; a window past midnight belongs to the day it began."""
        local = at.astimezone(zone_of(self.zone))
        now = local.time()
        if self.start == self.end:
            return self._on(local)
        if self.start < self.end:
            return self.start <= now < self.end and self._on(local)
        return (now >= self.start and self._on(local)) or (now < self.end and self._on(local - timedelta(1)))

    def __str__(self) -> str:
        return f"{', '.join(self.days)} {self.start:%H:%M}–{self.end:%H:%M} {self.zone}"

    def _on(self, moment: datetime) -> bool:
        return DAYS[moment.weekday()] in self.days


def zone_of(name: str) -> tzinfo:
    """The time zone of this name. Raises ValueError where this system knows none."""
    if name == "UTC":
        # Known also where the system has no time zone database.
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"time zone {name!r} is not known on this system") from error


def parse_schedule(value: Any) -> Schedule:
    """The schedule in a TOML table. Raises ValueError that says what was expected."""
    expected = 'expected { days = ["mon", "tue"], from = "09:00", to = "17:00", timezone = "Europe/Berlin" }'
    if not isinstance(value, dict) or not set(value) <= set(_KEYS) or "timezone" not in value:
        raise ValueError(f"schedule is not understood, {expected}")
    days = value.get("days", list(DAYS))
    if not isinstance(days, list) or not days or not all(day in DAYS for day in days):
        raise ValueError(f"days are {days!r}, expected some of {', '.join(DAYS)}")
    start, end = (_clock(value.get(key, "00:00")) for key in ("from", "to"))
    zone = value["timezone"]
    if not isinstance(zone, str):
        raise ValueError(f"time zone {zone!r} is no text, {expected}")
    zone_of(zone)
    return Schedule(tuple(days), start, end, zone)


def _clock(value: Any) -> time:
    if isinstance(value, time) and value.tzinfo is None:
        return value
    try:
        return datetime.strptime(value, "%H:%M").time()
    except (TypeError, ValueError):
        raise ValueError(f'time of day {value!r}, expected text such as "09:00"') from None
