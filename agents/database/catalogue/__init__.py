"""Every condition that the database expert knows, in the order in which a sweep judges them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from agents.database.catalogue.access import CONDITIONS as ACCESS
from agents.database.catalogue.activity import CONDITIONS as ACTIVITY
from agents.database.catalogue.advisory import CONDITIONS as ADVISORY
from agents.database.catalogue.autovacuum import CONDITIONS as AUTOVACUUM
from agents.database.catalogue.bloat import CONDITIONS as BLOAT
from agents.database.catalogue.causes import wired
from agents.database.catalogue.checkpoints import CONDITIONS as CHECKPOINTS
from agents.database.catalogue.config import CONDITIONS as CONFIG
from agents.database.catalogue.configuration import CONDITIONS as CONFIGURATION
from agents.database.catalogue.connections import CONDITIONS as CONNECTIONS
from agents.database.catalogue.corruption import CONDITIONS as CORRUPTION
from agents.database.catalogue.disk import CONDITIONS as DISK
from agents.database.catalogue.estimates import CONDITIONS as ESTIMATES
from agents.database.catalogue.horizon_holders import CONDITIONS as HORIZON
from agents.database.catalogue.index_use import CONDITIONS as INDEX_USE
from agents.database.catalogue.indexes import CONDITIONS as INDEXES
from agents.database.catalogue.io import CONDITIONS as IO
from agents.database.catalogue.lock_counters import CONDITIONS as LOCK_COUNTERS
from agents.database.catalogue.locks import CONDITIONS as LOCKS
from agents.database.catalogue.log_events import CONDITIONS as LOG_EVENTS
from agents.database.catalogue.logical import CONDITIONS as LOGICAL
from agents.database.catalogue.prepared import CONDITIONS as PREPARED
from agents.database.catalogue.queries import CONDITIONS as QUERIES
from agents.database.catalogue.replication import CONDITIONS as REPLICATION
from agents.database.catalogue.schema import CONDITIONS as SCHEMA
from agents.database.catalogue.security import CONDITIONS as SECURITY
from agents.database.catalogue.server import CONDITIONS as SERVER
from agents.database.catalogue.sessions import CONDITIONS as SESSIONS
from agents.database.catalogue.statistics import CONDITIONS as STATISTICS
from agents.database.catalogue.uncommitted import CONDITIONS as UNCOMMITTED
from agents.database.catalogue.vacuum import CONDITIONS as VACUUM
from agents.database.catalogue.versions import CONDITIONS as VERSIONS
from agents.database.catalogue.wal import CONDITIONS as WAL
from agents.database.catalogue.wal_files import CONDITIONS as WAL_FILES
from agents.database.catalogue.wraparound import CONDITIONS as WRAPAROUND
from agents.database.condition import Condition


@cache
def all_conditions() -> Mapping[str, Condition]:
    """Conditions by id: what hurts right now first."""
    groups = (
        LOCKS,
        PREPARED,
        ADVISORY,
        LOCK_COUNTERS,
        SESSIONS,
        UNCOMMITTED,
        CONNECTIONS,
        REPLICATION,
        LOGICAL,
        WAL,
        WAL_FILES,
        CHECKPOINTS,
        DISK,
        HORIZON,
        VACUUM,
        AUTOVACUUM,
        WRAPAROUND,
        CORRUPTION,
        CONFIG,
        CONFIGURATION,
        QUERIES,
        ACTIVITY,
        SCHEMA,
        BLOAT,
        INDEXES,
        INDEX_USE,
        STATISTICS,
        ESTIMATES,
        IO,
        VERSIONS,
        SECURITY,
        ACCESS,
        LOG_EVENTS,
        SERVER,
    )
    return wired(condition for group in groups for condition in group)
