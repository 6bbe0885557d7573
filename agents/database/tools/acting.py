"""What every act shares: its own connection, its limits, and the facts it reads first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, LiteralString

from agents.database.reading import Reader, ReadFailed, ServerLost
from agents.database.snapshot import Row
from agents.database.statement import all_statements
from agents.kernel import targets
from agents.kernel.records import Evidence
from agents.kernel.running import current
from agents.kernel.tool import Outcome, Refused
from inventory.failure import ConnectFailed

LOCK_TIMEOUT_MS = 2000
"""An act that can't get its lock by then gives up: it must not become the next blocker."""
SHORT_MS = 30_000
"""Limit of an act that is over at once when it works."""
NO_LIMIT_MS = 0

ONE_RELATION = {
    "type": "object",
    "properties": {
        "relation": {
            "type": "string",
            "minLength": 1,
            "description": "schema-qualified, quoted as SQL needs it",
        }
    },
    "required": ["relation"],
    "additionalProperties": False,
}
"""JSON Schema of the arguments of a tool that works on one table."""


class ActFailed(Exception):
    """The server refused the act; the text is its own words."""


class Facts:
    """Rows read for one preview or verification, with their evidence.

    What can't be read raises ReadFailed, ServerLost or ConnectFailed.
    """

    def __init__(self, reader: Reader, target: str) -> None:
        self._reader = reader
        self._target = target
        self.evidence: list[Evidence] = []

    async def rows(self, name: str, arguments: Mapping[str, Any] | None = None) -> list[Row]:
        evidence = await self._reader.read(all_statements()[name], arguments or {}, self._target)
        self.evidence.append(evidence)
        return list(evidence.dicts())

    async def row(self, name: str, arguments: Mapping[str, Any] | None = None) -> Row | None:
        return next(iter(await self.rows(name, arguments)), None)

    async def server(self) -> Row:
        """The server's facts. Raises Refused where there are none."""
        row = await self.row("server")
        if row is None:
            raise Refused("the server does not say who we are")
        return row


async def act(
    target: str,
    statement: bytes,
    values: Sequence[Any] | None = None,
    *,
    limit_ms: int = SHORT_MS,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Run one statement that changes something, on a connection of its own; its rows and the server's warnings.

    Raises ActFailed with the server's words, LookupError outside of a call of the executor; what breaks the
    connection comes through.
    """
    import psycopg

    from inventory.connection import connect

    current()
    warnings: list[str] = []
    connection = await connect(
        targets.find(target),
        application="action",
        read_only=False,
        statement_timeout_ms=limit_ms,
        lock_timeout_ms=lock_timeout_ms,
    )
    async with connection:
        connection.add_notice_handler(lambda notice: _keep_warning(notice, warnings))
        try:
            # In the binary format a statement without values too goes by the extended protocol, which takes one.
            cursor = await connection.execute(statement, values, binary=values is None)
            rows = await cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            if connection.closed:
                raise
            raise ActFailed(error.diag.message_primary or str(error)) from error
    return rows, warnings


def _keep_warning(notice: Any, warnings: list[str]) -> None:
    if notice.severity_nonlocalized == "WARNING":
        warnings.append(str(notice.message_primary))


def composed(template: LiteralString, **parts: Any) -> bytes:
    """A statement with names and literals put in by psycopg, for those that take no parameters."""
    from psycopg import sql

    return sql.SQL(template).format(**parts).as_bytes(None)


def not_on_standby(server: Row) -> None:
    """Raise Refused where the server is a standby."""
    if server["in_recovery"]:
        raise Refused("this server is a standby: make the change on its primary")


async def table_row(facts: Facts, name: str, arguments: Mapping[str, Any]) -> Row | None:
    """The row of a statement that takes a name. Raises Refused where the server can't read the name."""
    try:
        return await facts.row(name, arguments)
    except ReadFailed as error:
        raise Refused(f"{' '.join(map(str, arguments.values()))}: {error}") from error


async def confirmed(
    reader: Reader, target: str, text: str, look: Callable[[Facts], Awaitable[tuple[bool, str]]]
) -> Outcome:
    """The outcome of an act that the server took: `look` reads again, says whether it holds, and adds words."""
    facts = Facts(reader, target)
    try:
        holds, more = await look(facts)
    except (ReadFailed, ServerLost, ConnectFailed) as error:
        return Outcome(True, f"{text} Then it could not be read: {error}.", verified=None)
    return Outcome(True, f"{text} {more}".strip(), verified=holds, evidence=tuple(facts.evidence))


def failed(error: ActFailed) -> Outcome:
    return Outcome(ok=False, text=f"The server refused: {error}.", verified=False)
