"""The plan of a statement, asked for without running it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agents.database.reading import STATEMENT_TIMEOUT_MS, Reader, ReadFailed
from agents.database.snapshot import ReadFailure
from agents.database.statement import all_statements
from agents.database.wording import granted
from agents.kernel import targets
from agents.kernel.canonical import utc_now
from agents.kernel.records import Evidence
from agents.kernel.tool import Refused, Tool
from inventory.masking import mask

if TYPE_CHECKING:
    import psycopg

PLAN = "plan_of_statement"
LONGEST = 100_000
CUT = 500
SCHEMAS = ("public",)
NO_PRIVILEGE = "42501"
COLUMNS = (
    "depth", "node", "relation", "index", "planned_rows", "row_bytes", "startup_cost", "total_cost", "condition"
)  # fmt: skip
CONDITIONS = (
    "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter", "Sort Key", "Group Key"
)  # fmt: skip
PARAMETERS = {
    "type": "object",
    "properties": {
        "statement": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST,
            "description": "one statement; $1 … may stand for values",
        },
        "query_id": {"type": "integer", "description": "instead: a query id that pg_stat_statements knows"},
        "schemas": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "maxItems": 20,
            "description": "where its unqualified names are looked for; public where not given",
        },
    },
    "required": [],
    "additionalProperties": False,
}
_PARAMETER = re.compile(r"\$\d+")


def plan_tool(reader: Reader) -> Tool:
    """`plan_of_statement`: one row for each node of the plan, the root first."""

    async def run(arguments: Mapping[str, Any], target: str) -> Evidence:
        statement, schemas = await _asked_for(reader, arguments, target)
        captured_at, began = utc_now(), time.perf_counter()
        connection = await plan_connection(target)
        async with connection:
            nodes = await plan_nodes(connection, statement, schemas)
        return Evidence.capture(
            tool=PLAN,
            statement=f"EXPLAIN {mask(statement)}",
            target=target,
            captured_at=captured_at,
            duration_ms=round((time.perf_counter() - began) * 1000, 3),
            columns=COLUMNS,
            rows=tuple(tuple(node[column] for column in COLUMNS) for node in nodes),
        )

    summary = "The plan of one statement, without running it; parameters may be missing"
    return Tool(PLAN, "read", summary, PARAMETERS, run=run)


async def plan_connection(target: str) -> psycopg.AsyncConnection[Any]:
    """A read-only session of its own: planning must not leave anything behind in those that are shared."""
    from inventory.connection import connect

    return await connect(targets.find(target), application="plan", statement_timeout_ms=STATEMENT_TIMEOUT_MS)


async def _asked_for(reader: Reader, arguments: Mapping[str, Any], target: str) -> tuple[str, Sequence[str]]:
    """The statement, and the schemas that its names are in. Raises Refused where there is none."""
    schemas = arguments.get("schemas") or SCHEMAS
    if ("statement" in arguments) == ("query_id" in arguments):
        raise Refused("a plan needs either statement or query_id")
    if "statement" in arguments:
        return arguments["statement"], schemas
    found = await reader.read(all_statements()["statement_text"], {"query_id": arguments["query_id"]}, target)
    rows = found.dicts()
    if not rows:
        raise Refused(f"pg_stat_statements knows no statement {arguments['query_id']} in this database")
    named = arguments.get("schemas") or (rows[0]["user"], *SCHEMAS)
    return rows[0]["query"], named


async def plan_nodes(
    connection: psycopg.AsyncConnection[Any], statement: str, schemas: Sequence[str]
) -> list[dict[str, Any]]:
    """The nodes of the plan, the root first. Raises ReadFailed with the server's words where there is none."""
    import psycopg
    from psycopg import sql

    path = sql.SQL(", ").join(map(sql.Identifier, schemas)).as_string(None)
    try:
        async with connection.transaction(force_rollback=True):
            await connection.execute("SELECT pg_catalog.set_config('search_path', %s, true)", [path])
            explained = await _explain(connection, statement)
    except psycopg.Error as error:
        raise ReadFailed(_failure(error, connection.info.user)) from error
    return list(_flat(explained[0]["Plan"], 0))


async def _explain(connection: psycopg.AsyncConnection[Any], statement: str) -> Any:
    if not _PARAMETER.search(statement):
        return await _one(connection, f"EXPLAIN (FORMAT JSON, VERBOSE) {statement}")
    # EXPLAIN (GENERIC_PLAN) would want its parameters bound here, and then plan for those values.
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    await _one(connection, f"PREPARE helpdesk_plan AS {statement}")
    try:
        types = await _one(
            connection,
            "SELECT pg_catalog.cardinality(p.parameter_types) FROM pg_catalog.pg_prepared_statements p"
            " WHERE p.name = 'helpdesk_plan'",
        )
        values = f"({', '.join(['NULL'] * types)})" if types else ""
        return await _one(connection, f"EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE helpdesk_plan{values}")
    finally:
        if connection.info.transaction_status.name == "INTRANS":
            await connection.execute("DEALLOCATE helpdesk_plan")


async def _one(connection: psycopg.AsyncConnection[Any], text: str) -> Any:
    """The first value of one statement; the binary format makes it the extended protocol, which takes only one."""
    cursor = await connection.execute(text.encode(), binary=True)
    row = await cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def _failure(error: psycopg.Error, role: str) -> ReadFailure:
    words = f"the server can't plan it: {(error.diag.message_primary or str(error)).strip()}"
    if error.sqlstate == NO_PRIVILEGE:
        return ReadFailure(words, granted("GRANT pg_read_all_data TO {role}", role), NO_PRIVILEGE)
    return ReadFailure(
        words, "name the schemas of its tables, or give it with its parameters as $1 …", error.sqlstate or ""
    )


def _flat(node: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    conditions = (f"{name}: {_text(node[name])}" for name in CONDITIONS if name in node)
    relation = ".".join(node[name] for name in ("Schema", "Relation Name") if name in node)
    yield {
        "depth": depth,
        "node": " ".join(str(node[name]) for name in ("Join Type", "Node Type") if name in node),
        "relation": relation or None,
        "index": node.get("Index Name"),
        "planned_rows": node["Plan Rows"],
        "row_bytes": node["Plan Width"],
        "startup_cost": node["Startup Cost"],
        "total_cost": node["Total Cost"],
        "condition": mask("; ".join(conditions))[:CUT] or None,
    }
    for inner in node.get("Plans", ()):
        yield from _flat(inner, depth + 1)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
