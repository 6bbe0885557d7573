"""Acts in a transaction: the object is locked, read again and compared with what was approved before anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agents.database.reading import ReadFailed, fetch
from agents.database.statement import all_statements
from agents.database.tools.acting import SHORT_MS, changing
from agents.kernel.decisions import changed
from agents.kernel.tool import Refused, Victim

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow


async def change_locked(
    target: str,
    victim: Victim,
    change: bytes,
    *,
    lock: str,
    read: str,
    arguments: Mapping[str, Any],
    limit_ms: int = SHORT_MS,
) -> None:
    """Run `change` on the table of `victim`, if that is still the one that was approved.

    In one transaction: `lock` on the table, the named statement `read` with its `arguments`, `change`. Raises
    Refused where the object is another one now or has more rows than were counted, ActFailed where the server
    refuses.
    """
    async with changing(target, limit_ms=limit_ms) as connection, connection.transaction():
        await _lock(connection, victim.identity["relation"], lock)
        try:
            found = await fetch(connection, all_statements()[read], arguments, target)
        except ReadFailed as error:
            raise Refused(f"it could not be read again: {error}") from error
        row = next(iter(found.dicts()), None)
        if row is None:
            raise Refused(f"{' '.join(map(str, arguments.values()))} is gone")
        now = Victim({key: row[key] for key in victim.identity}, {})
        if difference := changed((victim,), (now,)):
            raise Refused(difference)
        if "rows" in victim.facts and row["rows"] > victim.facts["rows"]:
            raise Refused(f"it has {row['rows']} rows now, and {victim.facts['rows']} were counted")
        await connection.execute(change, binary=True)


async def _lock(connection: AsyncConnection[TupleRow], relation: str, mode: str) -> None:
    """Lock a table as `change` will; a materialized view takes no LOCK, and is locked by the change itself."""
    from psycopg.errors import WrongObjectType

    words = "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock"))
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE ONLY {relation} IN {words} MODE".encode())
    except WrongObjectType:
        return
