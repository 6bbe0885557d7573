"""Every condition that the database expert knows, in the order in which a sweep judges them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from agents.database.catalogue.access import CONDITIONS as ACCESS
from agents.database.catalogue.config import CONDITIONS as CONFIG
from agents.database.catalogue.indexes import CONDITIONS as INDEXES
from agents.database.catalogue.locks import CONDITIONS as LOCKS
from agents.database.catalogue.log_events import CONDITIONS as LOG_EVENTS
from agents.database.catalogue.server import CONDITIONS as SERVER
from agents.database.catalogue.sessions import CONDITIONS as SESSIONS
from agents.database.catalogue.vacuum import CONDITIONS as VACUUM
from agents.database.catalogue.wal import CONDITIONS as WAL
from agents.database.condition import Condition


@cache
def all_conditions() -> Mapping[str, Condition]:
    """Conditions by id: what hurts right now first."""
    groups = (LOCKS, SESSIONS, WAL, VACUUM, CONFIG, INDEXES, ACCESS, LOG_EVENTS, SERVER)
    return {condition.id: condition for group in groups for condition in group}
