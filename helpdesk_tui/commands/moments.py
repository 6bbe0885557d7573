"""Times that are typed on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from inventory.errors import UserError


def moment_in(text: str, option: str) -> datetime:
    """The moment; without a zone it is UTC. Raises UserError, which names the option."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{option} {text!r}: expected ISO 8601, such as 2026-11-20T02:00+01:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
