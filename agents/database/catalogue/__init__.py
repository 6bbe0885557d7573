"""Every condition that the database expert knows, in the order in which a sweep judges them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from agents.database.condition import Condition


@cache
def all_conditions() -> Mapping[str, Condition]:
    """Conditions by id: what hurts right now first."""
    from agents.database.catalogue import access, config, indexes, locks, server, sessions, vacuum, wal

    groups = (locks, sessions, wal, vacuum, config, indexes, access, server)
    return {condition.id: condition for group in groups for condition in group.CONDITIONS}
