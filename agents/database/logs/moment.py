"""Times in a server log: local to `log_timezone`, with an abbreviation that alone says too little."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

TIME = r"\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? \S+"
"""A time as `%t`, `%m` and the structured formats write it."""

_OFFSET = re.compile(r"<?([+-])(\d\d):?(\d\d)?>?")

Clock = Callable[[str], datetime | None]
"""Text of a time → datetime in UTC; None where it is none."""


def clock(zone_name: str) -> Clock:
    """Reads times that a server with this `log_timezone` wrote."""
    zone = _zone(zone_name)

    def read(text: str) -> datetime | None:
        moment, _, mark = text.rpartition(" ")
        try:
            naive = datetime.fromisoformat(moment)
        except ValueError:
            return None
        return _aware(naive, mark, zone)

    return read


def from_epoch(text: str) -> datetime | None:
    """The time that `%n` writes."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _aware(naive: datetime, mark: str, zone: tzinfo | None) -> datetime | None:
    fixed = _fixed(mark)
    if fixed is not None:
        return naive.replace(tzinfo=fixed).astimezone(UTC)
    if zone is None:
        return None
    # The hour that a clock change repeats: the abbreviation says which of the two it was.
    first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return (second if second.tzname() == mark != first.tzname() else first).astimezone(UTC)


@lru_cache(maxsize=64)
def _fixed(mark: str) -> tzinfo | None:
    if mark in ("UTC", "GMT", "Z"):
        return UTC
    found = _OFFSET.fullmatch(mark)
    if found is None:
        return None
    apart = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(-apart if found[1] == "-" else apart)


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
