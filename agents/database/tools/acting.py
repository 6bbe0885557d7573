"""What every act shares: its own connection, its limits, and the facts it reads first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, LiteralString, Protocol

from agents.database.reading import Reader, ReadFailed, ServerLost
from agents.database.snapshot import Row
from agents.database.statement import all_statements
from agents.kernel import targets
from agents.kernel.canonical import utc_now
from agents.kernel.records import Evidence, Risk
from agents.kernel.running import current
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim
from inventory.failure import ConnectFailed

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

LOCK_TIMEOUT_MS = 2000
"""An act that can't get its lock by then gives up: it must not become the next blocker."""
SHORT_MS = 30_000
"""Limit of an act that is over at once when it works."""
NO_LIMIT_MS = 0
CANNOT_READ = (ReadFailed, ServerLost, ConnectFailed)
"""What a look after an act may raise."""

RELATION = {"type": "string", "minLength": 1, "description": "schema-qualified, quoted as SQL needs it"}
"""JSON Schema of the argument that names a table or an index."""


def parameters(**properties: Any) -> dict[str, Any]:
    """JSON Schema of a tool's arguments, all of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


class Change(Protocol):
    """What changes something: a live look at what it would hit, and the act with its verification."""

    async def preview(self, arguments: Mapping[str, Any], target: str, /) -> Preview: ...

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview, /) -> Outcome: ...


def change_tool(
    work: Change, name: str, risk: Risk, summary: str, schema: Mapping[str, Any], *, by_hand: bool = False
) -> Tool:
    """A tool of that name that does the work; `schema` is that of its arguments."""
    return Tool(name, risk, summary, schema, by_hand=by_hand, preview=work.preview, change=work.change)


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

    async def named(self, name: str, arguments: Mapping[str, Any]) -> Row | None:
        """The row of a statement that takes a name. Raises Refused where the server can't read the name."""
        try:
            return await self.row(name, arguments)
        except ReadFailed as error:
            raise Refused(f"{' '.join(map(str, arguments.values()))}: {error}") from error

    async def server(self) -> Row:
        """The server's facts. Raises Refused where there are none."""
        row = await self.row("server")
        if row is None:
            raise Refused("the server does not say who we are")
        return row

    async def primary(self) -> Row:
        """The server's facts. Raises Refused where it is a standby."""
        row = await self.server()
        if row["in_recovery"]:
            raise Refused("this server is a standby: make the change on its primary")
        return row

    def preview(
        self, action: str, victim: Victim, effect: Sequence[str], *, restart: str = "no", **fields: Any
    ) -> Preview:
        """What was read, as a preview of what happens to one victim. `fields` are further ones of Preview."""
        return Preview(
            action=f"{action} on {self._target}",
            victims=(victim,),
            effect=(*effect, f"restart needed: {restart}"),
            captured_at=utc_now(),
            evidence=tuple(self.evidence),
            **fields,
        )


Values = Sequence[Any] | Mapping[str, Any]
Look = Callable[[Facts], Awaitable[tuple[bool, str]]]
"""Reads again after an act: whether it holds, and more words for the operator."""


async def act(
    target: str, statement: bytes, values: Values | None = None, *, before: bytes = b"", **limits: int
) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Run one statement that changes something, on a connection of its own; its rows and the server's warnings.

    `before` is run first, `limits` are those of `changing`. Raises ActFailed with the server's words, LookupError
    outside of a call of the executor; what breaks the connection comes through.
    """
    warnings: list[str] = []
    async with changing(target, **limits) as connection:
        connection.add_notice_handler(lambda notice: _keep_warning(notice, warnings))
        if before:
            await connection.execute(before, binary=True)
        # In the binary format a statement without values too goes by the extended protocol, which takes one.
        cursor = await connection.execute(statement, values, binary=values is None)
        rows = await cursor.fetchall() if cursor.description else []
    return rows, warnings


@asynccontextmanager
async def changing(
    target: str, *, limit_ms: int = SHORT_MS, lock_timeout_ms: int = LOCK_TIMEOUT_MS
) -> AsyncIterator[AsyncConnection[TupleRow]]:
    """A connection that may change something. What the server refuses on it is raised as ActFailed.

    Raises LookupError outside of a call of the executor.
    """
    import psycopg

    from inventory.connection import connect

    current()
    connection = await connect(
        targets.find(target),
        application="action",
        read_only=False,
        statement_timeout_ms=limit_ms,
        lock_timeout_ms=lock_timeout_ms,
    )
    async with connection:
        try:
            yield connection
        except psycopg.Error as error:
            if connection.closed:
                raise
            raise ActFailed(error.diag.message_primary or str(error)) from error


def _keep_warning(notice: Any, warnings: list[str]) -> None:
    if notice.severity_nonlocalized == "WARNING":
        warnings.append(str(notice.message_primary))


def composed(template: LiteralString, **parts: Any) -> bytes:
    """A statement with names and literals put in by psycopg, for those that take no parameters."""
    from psycopg import sql

    return sql.SQL(template).format(**parts).as_bytes(None)


async def carried_out(
    reader: Reader,
    target: str,
    statement: bytes,
    text: str,
    look: Look,
    *,
    values: Values | None = None,
    otherwise: str = "",
    hint: str = "",
    skips: bool = False,
    **how: Any,
) -> Outcome:
    """Run one statement that changes something, then `look`: the outcome in `text`.

    `skips`: a statement that skips, with a warning, what it may not do, as VACUUM does. `hint` says what may be
    left where it failed; `how` goes to `act`. Raises Refused with `otherwise`, where that is given, if the
    statement found nothing to act on.
    """
    try:
        rows, warnings = await act(target, statement, values, **how)
    except ActFailed as error:
        return failed(error, hint)
    if otherwise and not rows:
        raise Refused(otherwise)
    outcome = await confirmed(reader, target, text, look)
    if not warnings:
        return outcome
    if skips or outcome.verified is False:
        return Outcome(False, f"Not done: {warnings[0]}.", verified=False, evidence=outcome.evidence)
    return replace(outcome, text=f"{outcome.text} The server warned: {warnings[0]}.")


async def confirmed(reader: Reader, target: str, text: str, look: Look) -> Outcome:
    """The outcome of an act that the server took: `look` reads again, says whether it holds, and adds words."""
    facts = Facts(reader, target)
    try:
        holds, more = await look(facts)
    except CANNOT_READ as error:
        return unread(text, error)
    return Outcome(True, f"{text} {more}".strip(), verified=holds, evidence=tuple(facts.evidence))


def failed(error: ActFailed, hint: str = "") -> Outcome:
    return Outcome(ok=False, text=f"The server refused: {error}. {hint}".strip(), verified=False)


def unread(text: str, error: Exception) -> Outcome:
    """The outcome of an act that the server took, and that could not be looked at afterwards."""
    return Outcome(True, f"{text} Then it could not be read: {error}.", verified=None)
