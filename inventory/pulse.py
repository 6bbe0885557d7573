"""The pulse of a target: a few figures, read often, that cost the server next to nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from inventory.masking import inert_line, mask
from inventory.pulse_session import close_session, errors, open_session, words
from inventory.target import Target

if TYPE_CHECKING:
    from asyncpg import Connection

TIMEOUT_S = 3.0
"""Seconds for one reading, connecting included."""
KEEP_S = 60.0
"""Seconds that the connection of a target nobody asks for any more is kept."""

REFUSED_S = 30.0
"""Seconds before a refused login is tried again."""

Role = Literal["primary", "standby", ""]


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a target is right now. A figure that the role may not see, or that makes no sense here, is None."""

    up: bool
    """A session could be opened and it answered."""
    taken_at: str
    """ISO 8601, UTC."""
    version: str = ""
    """For example `16.14`."""
    role: Role = ""
    connections: int | None = None
    """Client sessions."""
    max_connections: int | None = None
    oldest_xact_s: float | None = None
    """Age in seconds of the oldest open transaction of a client; 0 without one."""
    lag_s: float | None = None
    """Seconds behind: on a standby its own, on a primary the worst of its standbys."""
    lag_bytes: int | None = None
    """Bytes of WAL behind, of the same."""
    blocked: int | None = None
    """Client sessions that wait for a lock."""
    error: str = ""
    """One masked line where `up` is false."""


_SQL = """
WITH may_see AS (
  SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS stats, pg_is_in_recovery() AS standby
), client AS (
  SELECT count(*) AS connections,
         extract(epoch FROM clock_timestamp() - min(xact_start)) AS oldest,
         count(*) FILTER (WHERE wait_event_type = 'Lock') AS blocked
    FROM pg_stat_activity, may_see
   WHERE pid <> pg_backend_pid()
     AND CASE WHEN may_see.stats THEN backend_type = 'client backend' ELSE datid IS NOT NULL END
), sender AS (
  SELECT coalesce(extract(epoch FROM max(replay_lag)), CASE WHEN max(sent.lsn - replay_lsn) = 0 THEN 0 END) AS seconds,
         max(sent.lsn - replay_lsn) AS bytes
    FROM pg_stat_replication,
         (SELECT CASE WHEN standby THEN pg_last_wal_receive_lsn()
                      ELSE pg_current_wal_lsn() END AS lsn FROM may_see) AS sent
), receiver AS (
  -- A fresh standby has replayed more than it reports as received, which is the start of a segment.
  SELECT CASE WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0
              ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
          END AS seconds,
         CASE WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0
              ELSE pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn()
          END AS bytes
)
SELECT current_setting('server_version') AS version,
       may_see.standby,
       client.connections,
       current_setting('max_connections')::int AS max_connections,
       CASE WHEN may_see.stats THEN coalesce(client.oldest, 0) END::float8 AS oldest_xact_s,
       CASE WHEN may_see.stats THEN client.blocked END AS blocked,
       CASE WHEN may_see.standby THEN receiver.seconds WHEN may_see.stats THEN sender.seconds END::float8 AS lag_s,
       CASE WHEN may_see.standby THEN receiver.bytes WHEN may_see.stats THEN sender.bytes END::int8 AS lag_bytes
  FROM may_see, client, sender, receiver
"""

_FIGURES = ("connections", "max_connections", "oldest_xact_s", "lag_s", "lag_bytes", "blocked")


class PulseReader:
    """Reads pulses and keeps one connection for each target between two readings."""

    def __init__(self) -> None:
        self._kept: dict[Target, tuple[Connection, float]] = {}
        self._refused: dict[Target, tuple[Pulse, float]] = {}
        self._busy: dict[Target, asyncio.Lock] = {}

    async def read(self, target: Target) -> Pulse:
        """The pulse of `target` within `TIMEOUT_S`; whatever goes wrong is its `error`, nothing is raised.

        A login that the server refused is not tried again for `REFUSED_S`, so that no account is locked.
        """
        self._drop_unused()
        refused, until = self._refused.get(target, (None, 0.0))
        if refused is not None and time.monotonic() < until:
            return refused
        try:
            async with asyncio.timeout(TIMEOUT_S), self._busy.setdefault(target, asyncio.Lock()):
                row = await self._row(target)
        except TimeoutError:
            return _down(f"no answer within {TIMEOUT_S:g} s")
        except errors() as error:
            pulse = _down(words(error))
            if str(getattr(error, "sqlstate", "")).startswith("28"):
                self._refused[target] = (pulse, time.monotonic() + REFUSED_S)
            return pulse
        return _pulse(row)

    async def close(self) -> None:
        """Close every connection. The reader may be used again."""
        kept, self._kept = list(self._kept.values()), {}
        self._refused.clear()
        for connection, _ in kept:
            await close_session(connection)

    async def _row(self, target: Target) -> Mapping[str, Any]:
        connection, _ = self._kept.pop(target, (None, 0.0))
        if connection is not None:
            # One that went stale between two readings is no news: a new one tells how the server is.
            with suppress(*errors()):
                return await self._ask(target, connection)
        return await self._ask(target, await open_session(target, TIMEOUT_S))

    async def _ask(self, target: Target, connection: Connection) -> Mapping[str, Any]:
        try:
            row: Mapping[str, Any] = await connection.fetchrow(_SQL)
        except BaseException:
            connection.terminate()
            raise
        self._kept[target] = (connection, time.monotonic())
        return row

    def _drop_unused(self) -> None:
        now = time.monotonic()
        for target, (connection, used) in list(self._kept.items()):
            if now - used > KEEP_S:
                del self._kept[target]
                connection.terminate()


async def read_pulse(target: Target) -> Pulse:
    """One reading over a connection of its own; `PulseReader` is for those who read again and again."""
    reader = PulseReader()
    try:
        return await reader.read(target)
    finally:
        await reader.close()


def _down(error: str) -> Pulse:
    return Pulse(up=False, taken_at=_now(), error=inert_line(mask(error)))


def _pulse(row: Mapping[str, Any]) -> Pulse:
    figures = {name: row[name] for name in _FIGURES}
    return Pulse(
        up=True,
        taken_at=_now(),
        version=str(row["version"]).split()[0],
        role="standby" if row["standby"] else "primary",
        **figures,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
