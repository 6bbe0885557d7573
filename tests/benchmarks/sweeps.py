"""A whole sweep against the plain sum of what its statements take on the server."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median

import psycopg

from agents.kernel.records import Evidence, Report
from agents.kernel.report import assemble
from helpdesk_tui.demo.embedded import EmbeddedServer
from tests.benchmarks.ratio import Ratio
from tests.database.desk import Desk, desk

GOAL = 3.0
RUNS = 5
INTERVAL_S = 0.5
"""Between the two samples of cumulative counters. It passes anyway and isn't counted."""
SHAPES = ((50, 10), (500, 10), (5000, 10), (500, 100), (500, 400))
"""Tables and sessions."""
CHUNK = 250
_SAMPLED = re.compile(r"-- (\d+) samples over [^\n]*\n")
_PLANNING, _EXECUTION = "Planning Time", "Execution Time"


def sweeps(server: EmbeddedServer) -> Iterator[Ratio]:
    """One ratio for each shape; the server must allow the sessions."""
    for tables, sessions in SHAPES:
        yield asyncio.run(_measure(server, tables, sessions))


async def _measure(server: EmbeddedServer, tables: int, sessions: int) -> Ratio:
    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    conninfo = server.conninfo(dbname=name)
    _fill(conninfo, tables)
    async with _sessions(conninfo, sessions), desk(conninfo) as at:
        await _sweep(at)
        reports = [await _sweep(at) for _ in range(RUNS)]
        least = [_on_the_server(conninfo, reports[-1]) for _ in range(RUNS)]
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    ours = median((report.timing["total_ms"] or 0.0) - INTERVAL_S * 1000 for report in reports)
    count = sum(samples for _, samples in _statements(reports[-1]))
    return Ratio(
        f"sweep, {tables} tables, {sessions} sessions", ours, median(least), GOAL, f"({count} statements)"
    )


async def _sweep(at: Desk) -> Report:
    return assemble(await at.ask({"kind": "triage", "interval": INTERVAL_S}))


def _fill(conninfo: str, tables: int) -> None:
    with psycopg.connect(conninfo, autocommit=True) as admin:
        for start in range(0, tables, CHUNK):
            made = "; ".join(
                f"CREATE TABLE t{number} (id int PRIMARY KEY, other int, note text); "
                f"CREATE INDEX ON t{number} (other)"
                for number in range(start, min(start + CHUNK, tables))
            )
            admin.execute(made.encode())
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")


@asynccontextmanager
async def _sessions(conninfo: str, count: int) -> AsyncIterator[None]:
    """Sessions that have run a statement and idle."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            session = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
            stack.push_async_callback(session.close)
            await session.execute("SELECT 1")
        yield


def _on_the_server(conninfo: str, report: Report) -> float:
    """Milliseconds that planning and running every statement of the report takes on the server."""
    with psycopg.connect(conninfo, autocommit=True, options="-c jit=off") as session:
        return sum(_time(session, sql) * samples for sql, samples in _statements(report))


def _statements(report: Report) -> Iterator[tuple[str, int]]:
    """SQL and how often it ran; reads of the log and of the host are no statements."""
    for evidence in report.evidence:
        sql, samples = _sql(evidence)
        if sql.lstrip().upper().startswith(("SELECT", "WITH")):
            yield sql, samples


def _sql(evidence: Evidence) -> tuple[str, int]:
    found = _SAMPLED.match(evidence.statement)
    return (evidence.statement[found.end() :], int(found[1])) if found else (evidence.statement, 1)


def _time(session: psycopg.Connection, sql: str) -> float:
    (row,) = session.execute(f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) {sql}".encode()).fetchone() or ([],)
    return float(row[0][_PLANNING]) + float(row[0][_EXECUTION])
