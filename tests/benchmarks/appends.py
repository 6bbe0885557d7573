"""The event log's appends against bare inserts of the same texts into SQLite with the same durability."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agents.kernel.canonical import storable_json
from agents.kernel.event import Event, new_id
from agents.log import EventLog
from tests.benchmarks.ratio import Ratio

EVENTS = 600
BATCHES = (1, 20)
"""Events in a transaction: an action's own, and a sweep's."""


def appends() -> Iterator[Ratio]:
    """One ratio for each batch size, per thousand events."""
    for batch in BATCHES:
        with tempfile.TemporaryDirectory() as directory:
            events = _events()
            least = _timed(lambda: _insert(Path(directory) / "bare.sqlite", events, batch))  # noqa: B023
            ours = _timed(lambda: _append(Path(directory) / "log.sqlite", events, batch))  # noqa: B023
        scale = 1000 / EVENTS
        yield Ratio(f"log append, {batch} a transaction, 1000 events", ours * scale, least * scale, None)


def _events() -> list[Event]:
    session = new_id()
    evidence = {
        "id": "E0",
        "rows": [[number, "UPDATE shop.orders SET state = 'paid'"] for number in range(20)],
    }
    return [Event("evidence", session, {"evidence": evidence}, "agent:database") for _ in range(EVENTS)]


def _append(path: Path, events: list[Event], batch: int) -> None:
    with EventLog.open(path) as log:
        for start in range(0, len(events), batch):
            log.append(*events[start : start + batch])


def _insert(path: Path, events: list[Event], batch: int) -> None:
    bare = sqlite3.connect(path, isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE events (id text PRIMARY KEY, event text NOT NULL)")
    for start in range(0, len(events), batch):
        bare.execute("BEGIN IMMEDIATE")
        rows = [(event.id, storable_json(event.to_json())) for event in events[start : start + batch]]
        bare.executemany("INSERT INTO events VALUES (?, ?)", rows)
        bare.execute("COMMIT")
    bare.close()


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
