"""The table that an act is about, as it is read for its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.database.snapshot import Row
from agents.database.tools.acting import Facts
from agents.kernel.tool import Refused, Victim

VACUUM_FACTS = (
    "dead_rows",
    "live_rows",
    "dead_percent",
    "bytes",
    "last_vacuum",
    "last_autovacuum",
    "reloptions",
)
_SYSTEM = ("pg_catalog.", "information_schema.", "pg_toast.")


async def user_table(facts: Facts, relation: str, statement: str = "table_to_vacuum") -> Row:
    """The row of one table. Raises Refused on a standby, and where there is no such user table."""
    return await found(facts, statement, {"relation": relation}, f"user table {relation}")


async def found(facts: Facts, statement: str, arguments: Mapping[str, Any], what: str) -> Row:
    """The row of something of a table. Raises Refused on a standby, and where there is no such thing."""
    await facts.primary()
    row = await facts.named(statement, arguments)
    if row is None or row["relation"].startswith(_SYSTEM):
        raise Refused(f"there is no {what} here")
    return row


def relation_victim(row: Row, *bound: str, shown: Sequence[str] = VACUUM_FACTS) -> Victim:
    """A table, bound by its name, its oid and what is named in `bound`."""
    return Victim(
        {key: row[key] for key in ("relation", "oid", *bound)},
        {key: row[key] for key in shown},
    )
