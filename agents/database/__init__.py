"""The database expert: PostgreSQL diagnosed by rules, each sentence proven by rows, each fix verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.kernel.expert import Expert


def create() -> Expert:
    """The expert as the protocol serves it."""
    from agents.database.expert import DatabaseExpert

    return DatabaseExpert()
