"""Plans without running anything, top statements of some seconds, and facts of tables and indexes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from agents.database.reading import ReadFailed
from agents.kernel.records import Evidence
from agents.kernel.tool import Refused
from tests.conftest import Database, make_database
from tests.database import faults_schema as faults
from tests.database.desk import Desk, desk
from tests.database.faults import Faults
from tests.servers import AVAILABLE, ServerFactory


async def read(work: Desk, tool: str, **arguments: Any) -> list[Mapping[str, Any]]:
    """The rows that a read tool gives."""
    events = await work.ask({"kind": "tool", "tool": tool, "arguments": arguments})
    evidence = [Evidence.from_json(event.body["evidence"]) for event in events if event.kind == "evidence"]
    return [row for item in evidence[-1:] for row in item.dicts()]


@pytest.mark.parametrize(
    ("statement", "node"),
    [
        ("SELECT * FROM items WHERE id = 7", "Index Scan"),
        ("SELECT * FROM items WHERE id = $1", "Index Scan"),
        ("SELECT * FROM items WHERE note = $1 AND order_id = $2::int -- $3", "Seq Scan"),
        ("UPDATE items SET note = $1 WHERE id = $2", "ModifyTable"),
        ("DELETE FROM items", "ModifyTable"),
        ("WITH x AS (SELECT '$1' AS t) SELECT * FROM x", "Result"),
    ],
)
async def test_a_statement_is_planned_and_not_run(database: Database, statement: str, node: str) -> None:
    faults.orders_and_items(database.conninfo(), 2000)
    async with desk(database.conninfo()) as work:
        rows = await read(work, "plan_of_statement", statement=statement)
        assert (rows[0]["depth"], rows[0]["node"]) == (0, node)
    with psycopg.connect(database.conninfo()) as admin:
        assert admin.execute("SELECT count(*), count(DISTINCT note) FROM public.items").fetchone() == (
            2000,
            1,
        )


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1; DROP TABLE public.items",
        "SELECT $1::int; DROP TABLE public.items",
        "ANALYZE public.items",
        "(ANALYZE) DELETE FROM public.items",
        "ANALYZE DELETE FROM public.items",
        "DROP TABLE public.items",
        "COMMIT",
        "SELECT $1 FROM",
        "COPY public.items TO PROGRAM 'true'",
        "SET default_transaction_read_only = off",
    ],
)
async def test_nothing_but_one_plannable_statement_gets_through(database: Database, statement: str) -> None:
    faults.orders_and_items(database.conninfo(), 100)
    async with desk(database.conninfo()) as work:
        with pytest.raises(ReadFailed, match="can't plan it"):
            await read(work, "plan_of_statement", statement=statement)
    with psycopg.connect(database.conninfo()) as admin:
        assert admin.execute("SELECT count(*) FROM public.items").fetchone() == (100,)


async def test_planning_a_function_leaves_no_trace(database: Database) -> None:
    faults.run(
        database.conninfo(),
        "CREATE TABLE public.traces (id int)",
        "CREATE FUNCTION public.sly() RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO public.traces VALUES (1); RETURN 1; END'",
    )
    async with desk(database.conninfo()) as work:
        with pytest.raises(ReadFailed, match="can't plan it"):
            await read(work, "plan_of_statement", statement="SELECT public.sly()")
    with psycopg.connect(database.conninfo()) as admin:
        assert admin.execute("SELECT count(*) FROM public.traces").fetchone() == (0,)


async def test_a_login_that_may_not_read_a_table_is_told_the_grant(database: Database) -> None:
    faults.orders_and_items(database.conninfo(), 100)
    async with Faults(database) as other, desk(database.conninfo(user=other.role)) as work:
        with pytest.raises(ReadFailed, match="permission denied") as denied:
            await read(work, "plan_of_statement", statement="SELECT * FROM items WHERE id = $1")
        assert denied.value.failure.remedy == f'GRANT pg_read_all_data TO "{other.role}"'
        with pytest.raises(Refused, match="either statement or query_id"):
            await read(work, "plan_of_statement")


async def test_top_statements_of_a_moment_and_their_plan(server_factory: ServerFactory) -> None:
    if 15 not in AVAILABLE:
        pytest.skip("no server here has pg_stat_statements")
    for database in make_database(server_factory.shared(15)):
        faults.extension(database.conninfo(), "pg_stat_statements")
        faults.orders_and_items(database.conninfo(), 2000)

        def look_up() -> None:
            with psycopg.connect(database.conninfo(), autocommit=True) as session:  # noqa: B023
                session.execute("SELECT count(*) FROM public.items WHERE note = %s", ["y"])

        async with desk(database.conninfo()) as work:
            with faults.again_and_again(look_up):
                rows = await read(work, "top_statements", seconds=0.7)
            (busy,) = [row for row in rows if "public.items" in row["query"]]
            assert busy["calls"] >= 1 and busy["mean_ms"] > 0
            plan = await read(work, "plan_of_statement", query_id=busy["query_id"])
            assert [row["relation"] for row in plan if row["relation"]] == ["public.items"]
            with pytest.raises(Refused, match="knows no statement 1"):
                await read(work, "plan_of_statement", query_id=1)


async def test_facts_of_a_table_its_columns_and_its_indexes(database: Database) -> None:
    faults.orders_and_items(database.conninfo(), 500)
    async with desk(database.conninfo()) as work:
        (facts,) = await read(work, "table_facts", relation="public.items")
        assert (facts["relation"], facts["planner_rows"], facts["indexes"]) == ("public.items", 500, 1)
        assert facts["has_primary_key"] is True and facts["heap_bytes"] > 0
        (index,) = await read(work, "table_indexes", relation="public.items")
        assert (index["index"], index["columns"], index["primary"]) == ("public.items_pkey", ["id"], True)
        columns = await read(work, "table_columns", relation="public.items")
        assert [row["column_name"] for row in columns] == ["id", "order_id", "note"]
        assert await read(work, "table_facts", relation="public.nothing") == []
