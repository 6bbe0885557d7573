"""The read tool that tells why a server doesn't let us in, by what it answers on the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agents.database.condition import Match
from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.kernel import targets
from agents.kernel.canonical import utc_now
from agents.kernel.records import Evidence
from agents.kernel.tool import Tool
from inventory.masking import mask

if TYPE_CHECKING:
    from inventory.failure import ConnectFailure

PROBE = "probe_connection"
COLUMNS = (
    "condition", "host", "port", "database", "user", "stage", "sqlstate", "message", "detail", "stages_ms"
)  # fmt: skip
NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def probe_tool(reader: Reader) -> Tool:
    """`probe_connection`: one row; `condition` is empty where the server lets us in."""

    async def run(_: Mapping[str, Any], target: str) -> Evidence:
        from inventory.probe import classify

        captured_at, began = utc_now(), time.perf_counter()
        refusal = reader.refusal(target)
        failure = refusal.failure if refusal else await classify(targets.find(target))
        return Evidence.capture(
            tool=PROBE,
            statement="connect: SSLRequest, StartupMessage, authentication; the server's first answer",
            target=target,
            captured_at=captured_at,
            duration_ms=round((time.perf_counter() - began) * 1000, 3),
            columns=COLUMNS,
            rows=(_row(targets.describe(target), failure),),
        )

    return Tool(
        PROBE,
        "read",
        "Tries to connect and tells at which stage it ends and in the server's own words",
        NO_ARGUMENTS,
        run=run,
    )


def _row(target: Mapping[str, Any], failure: ConnectFailure | None) -> tuple[Any, ...]:
    database, user = target.get("database", ""), target.get("user", "")
    if failure is None:
        return ("", target.get("host", ""), target.get("port", ""), database, user, "", "", "", "", "{}")
    return (
        failure.condition,
        failure.host,
        failure.port,
        database,
        user,
        failure.stage,
        failure.sqlstate or "",
        mask(failure.message),
        mask(failure.detail or ""),
        json.dumps(dict(failure.stages)),
    )


def connection_lost(row: Row, loss: Exception) -> Match:
    """The server answers again, after it broke off a statement: it was restarted, or it ended our session."""
    place = f"{row['host']}:{row['port']}"
    return Match(
        severity="warning",
        title=f"Connection lost in the middle of the sweep: {place}",
        summary=f"A statement was broken off ({loss}); the server answers again. It was restarted, crashed, or "
        "somebody ended this session: see its log.",
        identity={"host": row["host"], "port": row["port"], "database": row["database"], "user": row["user"]},
        facts={"stage": "query", "sqlstate": ""},
        evidence=(PROBE,),
    )
