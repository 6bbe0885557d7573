"""Spans of time as one types them: 45s, 30m, 2h."""

from __future__ import annotations

from inventory.errors import UserError

_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(span: str, what: str) -> float:
    """The seconds of a span such as `30m`. Raises UserError, naming `what` it was given for."""
    number, unit = span[:-1], span[-1:]
    if unit not in _UNITS or not number.isdecimal():
        raise UserError(f"{what} {span!r}: expected a number with s, m or h, such as 30m")
    return float(int(number) * _UNITS[unit])
