"""Numbers and times as an operator reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def milliseconds(value: float | None) -> str:
    """`8 ms`, `1.2 s`, `2 min 05 s`; empty for None."""
    if value is None:
        return ""
    if value < 1000:
        return f"{value:.0f} ms" if value >= 10 or value == 0 else f"{value:.1f} ms"
    if value < 60_000:
        return f"{value / 1000:.1f} s"
    minutes, seconds = divmod(int(value / 1000), 60)
    return f"{minutes} min {seconds:02} s"


def seconds(value: float | None) -> str:
    """`12 s`, `4 min`, `2 h 05`, `3 d 4 h`; empty for None."""
    if value is None:
        return ""
    whole = int(max(value, 0))
    if whole < 90:
        return f"{whole} s"
    if whole < 5400:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02}"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(value: float | None) -> str:
    """Bytes as `812 B`, `64 MiB`, `1.5 GiB`; empty for None."""
    if value is None:
        return ""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024:
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def clock(at: str) -> str:
    """The local time of day of an ISO 8601 moment, `02:11:09`; empty where it is none."""
    moment = when(at)
    return moment.astimezone().strftime("%H:%M:%S") if moment else ""


def day(at: str) -> str:
    """The local date and minute of an ISO 8601 moment, `2026-11-20 02:11`."""
    moment = when(at)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""


def when(at: Any) -> datetime | None:
    """An ISO 8601 text as an aware moment; None where it is none."""
    try:
        moment = datetime.fromisoformat(str(at))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def since(at: str, now: datetime) -> float | None:
    """Seconds from `at` to `now`; None where `at` is no moment."""
    moment = when(at)
    return (now - moment).total_seconds() if moment else None


def countdown(left: float) -> str:
    """Seconds left as `mm:ss`."""
    whole = int(max(left, 0))
    return f"{whole // 60:02}:{whole % 60:02}"


def count(number: int, one: str, many: str = "") -> str:
    """`1 row`, `17 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
