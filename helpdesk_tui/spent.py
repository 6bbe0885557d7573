"""What models took, in few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def tokens(number: float) -> str:
    """`840 tokens`, `12.3k tokens`."""
    return f"{int(number)} tokens" if number < 1000 else f"{number / 1000:.1f}k tokens"


def cost(sum_: Mapping[str, Any]) -> str:
    """`$0.0123`, `at least $0.0123` where some calls have no known price, `cost unknown` where none has."""
    usd, unpriced = float(sum_.get("usd", 0)), sum_.get("unpriced")
    if unpriced and not usd:
        return "cost unknown"
    return f"{'at least ' if unpriced else ''}{money(usd)}"


def money(usd: float) -> str:
    """USD with as many places as it takes to see something."""
    return f"${usd:.2f}" if usd >= 1 or not usd else f"${usd:.4f}"


def all_of(spent: Mapping[str, Any]) -> str:
    """Turn, session and day."""
    turn, session, day = (spent.get(name) or {} for name in ("turn", "session", "day"))
    told = f"{tokens(turn.get('tokens', 0))}, {cost(turn)}"
    sums = {cost(one) for one in (turn, session, day)}
    if sums == {"cost unknown"}:
        return f"{told}; day {tokens(day.get('tokens', 0))}"
    return f"{told}; session {cost(session)}, day {cost(day)}"
