"""Acts in a transaction: the object is locked, read again and compared with what was approved before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.database.reading import Reader, ReadFailed, fetch
from agents.database.snapshot import Row
from agents.database.statement import all_statements
from agents.database.tools.acting import SHORT_MS, ActFailed, Facts, changing, confirmed, failed
from agents.kernel.decisions import changed
from agents.kernel.tool import Outcome, Refused, Victim

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow


@dataclass(frozen=True, slots=True)
class Locked:
    """What an act locks, and how it reads what it changes."""

    lock: str
    read: str
    """Name of a statement."""
    arguments: Mapping[str, Any]


async def carried_out_locked(
    reader: Reader,
    target: str,
    victim: Victim,
    statement: bytes,
    what: Locked,
    text: str,
    holds: Callable[[Row], bool],
    *,
    limit_ms: int = SHORT_MS,
) -> Outcome:
    """Change what was approved, read it once more and see whether `holds` is true of it: the outcome in `text`."""
    try:
        await _change(target, victim, statement, what, limit_ms)
    except ActFailed as error:
        return failed(error)

    async def look(facts: Facts) -> tuple[bool, str]:
        row = await facts.row(what.read, what.arguments)
        return row is not None and holds(row), ""

    return await confirmed(reader, target, text, look)


async def _change(target: str, victim: Victim, statement: bytes, what: Locked, limit_ms: int) -> None:
    """Run `statement` on the table of `victim`, if that is still the one that was approved: in one transaction.

    Raises Refused where the object is another one now or has more rows than were counted, ActFailed where the
    server refuses.
    """
    async with changing(target, limit_ms=limit_ms) as connection, connection.transaction():
        await _lock(connection, victim.identity["relation"], what.lock)
        try:
            found = await fetch(connection, all_statements()[what.read], what.arguments, target)
        except ReadFailed as error:
            raise Refused(f"it could not be read again: {error}") from error
        row = next(iter(found.dicts()), None)
        if row is None:
            raise Refused(f"{' '.join(map(str, what.arguments.values()))} is gone")
        now = Victim({key: row[key] for key in victim.identity}, {})
        if difference := changed((victim,), (now,)):
            raise Refused(difference)
        if "rows" in victim.facts and row["rows"] > victim.facts["rows"]:
            raise Refused(f"it has {row['rows']} rows now, and {victim.facts['rows']} were counted")
        await connection.execute(statement, binary=True)


async def _lock(connection: AsyncConnection[TupleRow], relation: str, mode: str) -> None:
    """Lock a table as `change` will; a materialized view takes no LOCK, and is locked by the change itself."""
    from psycopg.errors import WrongObjectType

    words = "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock"))
    try:
        async with connection.transaction():
            # In the binary format it goes by the extended protocol, which takes one statement.
            await connection.execute(f"LOCK TABLE ONLY {relation} IN {words} MODE".encode(), binary=True)
    except WrongObjectType:
        return
