"""The lock that a card names is the one that its statement asks the server for; who is in its way is named."""

from __future__ import annotations

import re

from tests.conftest import Database
from tests.database import faults_schema
from tests.database.desk import desk
from tests.database.faults import Faults

TABLE = {"relation": "public.orders"}
CALLS = (
    ("vacuum_table", TABLE),
    ("freeze_table", TABLE),
    ("analyze_table", TABLE),
    ("enable_autovacuum", TABLE),
    ("enable_trigger", {**TABLE, "trigger_name": "audit"}),
    ("validate_constraint", {**TABLE, "constraint_name": "note_is_short"}),
    ("create_index_concurrently", {**TABLE, "columns": ["note"]}),
    ("reindex_concurrently", {"index": "public.by_both"}),
    ("drop_index_concurrently", {"index": "public.by_both"}),
)


async def test_the_lock_on_the_card_is_the_lock_that_is_taken(database: Database) -> None:
    faults_schema.orders_and_items(database.conninfo(), 20)
    faults_schema.disabled_trigger(database.conninfo())
    faults_schema.not_valid_check(database.conninfo())
    faults_schema.run(
        database.conninfo(),
        "ALTER TABLE public.orders SET (autovacuum_enabled = off)",
        "CREATE INDEX by_both ON public.orders (id, note)",
    )
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        approvals = [await work.propose(tool, arguments) for tool, arguments in CALLS]
        holder, runner = await faults.superuser(), await faults.superuser()
        await holder.execute("BEGIN")
        await holder.execute("LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE")
        for approval in approvals:
            statement, words = approval.preview.effect[0], " ".join(approval.preview.effect)
            named = re.findall(r"takes (\w+Lock)", words)
            faults.run(runner.execute(statement.encode()))
            pid = runner.info.backend_pid
            await faults.until_waiting(pid)
            taken = await faults.value("SELECT mode FROM pg_locks WHERE pid = %s AND NOT granted", [pid])
            assert named == [taken], (statement, words)
            assert "nobody is in its way now" in words
            await faults.admin.execute("SELECT pg_cancel_backend(%s)", [pid])
            await faults.until("SELECT state = 'idle' FROM pg_stat_activity WHERE pid = %s", [pid])
        for tool, arguments in CALLS:
            again = (await work.propose(tool, arguments)).preview.effect
            waits = f"waits for 1 transaction: session {holder.info.backend_pid} (idle in transaction"
            assert any(line.startswith(waits) and "gives up after" in line for line in again), again
