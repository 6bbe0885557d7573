"""Faults of the catalogue, made for real on a disposable server: to practise on, and for tests.

Each is a plain async context manager over the server and a database on it; the fault is there while it
is open. None is ever made on a server that anybody configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from helpdesk_tui.demo.faults import host, locks, sessions, storage, tables
from helpdesk_tui.demo.faults.fault import Fault


@cache
def all_faults() -> Mapping[str, Fault]:
    """Faults by the condition that names them."""
    groups = (locks.FAULTS, sessions.FAULTS, tables.FAULTS, storage.FAULTS, host.FAULTS)
    return {fault.name: fault for group in groups for fault in group}
