"""SQL that the operator types himself: how it is asked for, and what is not promised of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agents.kernel.event import Event

RUN_SQL = "run_sql"
"""The database expert's tool."""
MODE = "/sql"
CAVEAT = (
    "Read-only as far as the statement and its functions tell. Not promised: what views, row policies, casts,"
    " aggregates and foreign tables do behind it, and functions declared stable that are not."
)

HINT = "read-only, within limits · views, policies, casts: not promised"


def is_sql(text: str) -> bool:
    """Whether what stands in the prompt is a statement for the server, and no question."""
    return (text.split(None, 1) or [""])[0].lower() == MODE


def request_of(text: str) -> Mapping[str, Any]:
    """The request for the statement in `text`, which `is_sql`."""
    statement = text.strip()[len(MODE) :].strip()
    return {"kind": "tool", "tool": RUN_SQL, "arguments": {"statement": statement}}


def rows_of(events: Iterable[Event]) -> list[str]:
    """Ids of the evidence among `events` that such statements gave."""
    found = (event.body["evidence"] for event in events if event.kind == "evidence")
    return [str(evidence["id"]) for evidence in found if evidence["tool"] == RUN_SQL]
