"""What changes between the last look and the act: it is seen in the act's own statement or transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from agents.database.reading import Reader
from agents.database.tools.acting import Facts
from agents.database.tools.aftermath import aftermath, clients
from agents.kernel.recorder import Recorder
from agents.kernel.running import running
from agents.kernel.tool import Preview, Refused
from tests.conftest import Database
from tests.database import faults_schema
from tests.database.desk import Desk, desk
from tests.database.faults import Connection, Faults


class Late:
    """A change that was looked at, and is carried out later."""

    def __init__(self, work: Desk, tool: str, arguments: Mapping[str, Any], preview: Preview) -> None:
        self._work, self._change = work, work.expert.tools[tool].change
        self._arguments, self.preview = arguments, preview

    @classmethod
    async def looked_at(cls, work: Desk, tool: str, arguments: Mapping[str, Any]) -> Late:
        look = work.expert.tools[tool].preview
        assert look is not None
        return cls(work, tool, arguments, await look(arguments, work.target))

    async def refused(self) -> str:
        """Why it is not done any more; a lock that comes too late on a busy machine is asked for again."""
        assert self._change is not None
        recorder = Recorder(self._work.log, session="s", task="t", agent="database", target=self._work.target)
        while True:
            try:
                with running(recorder, "late"):
                    outcome = await self._change(self._arguments, self._work.target, self.preview)
            except Refused as refusal:
                return str(refusal)
            assert "lock timeout" in outcome.text


async def _next_transaction(session: Connection) -> None:
    await session.execute("COMMIT")
    await session.execute("BEGIN")
    await session.execute("UPDATE public.stock SET amount = 3 WHERE id = 3")


async def test_a_signal_hits_the_very_transaction_that_was_looked_at(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        session = await faults.idle_writer()
        pid = session.info.backend_pid
        late = await Late.looked_at(work, "terminate_session", await faults.identity(pid))
        await _next_transaction(session)
        assert "no longer does what it did" in await late.refused()
        assert (await session.execute("SELECT 1")).rowcount == 1
        faults.run(session.execute("SELECT pg_sleep(60)"))
        active = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s"
        await faults.until(active, [pid])
        late = await Late.looked_at(work, "cancel_session", await faults.identity(pid))
        await faults.admin.execute("SELECT pg_cancel_backend(%s)", [pid])
        await faults.until("SELECT state <> 'active' FROM pg_stat_activity WHERE pid = %s", [pid])
        await session.execute("ROLLBACK")
        # Another statement of the same session: it is not the one that was to be cancelled.
        another = faults.run(session.execute("SELECT pg_sleep(60)"))
        await faults.until(active, [pid])
        assert "no longer does what it did" in await late.refused()
        assert not another.done()
        # A pid that was given to somebody else: the same number, another start.
        recycled = {**await faults.identity(pid), "backend_start": "2020-01-01T00:00:00Z"}
        with pytest.raises(Refused, match="belongs to another session now"):
            await Late.looked_at(work, "cancel_session", recycled)


async def test_a_table_is_looked_at_under_its_lock(database: Database) -> None:
    faults_schema.orders_and_items(database.conninfo(), 200)
    faults_schema.disabled_trigger(database.conninfo())
    faults_schema.not_valid_check(database.conninfo())
    table = {"relation": "public.orders"}
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.admin.execute("ALTER TABLE public.orders SET (autovacuum_enabled = off)")
        trigger = await Late.looked_at(work, "enable_trigger", {**table, "trigger_name": "audit"})
        check = await Late.looked_at(
            work, "validate_constraint", {**table, "constraint_name": "note_is_short"}
        )
        option = await Late.looked_at(work, "enable_autovacuum", table)
        # More rows than were counted, by another session.
        await faults.admin.execute(
            "INSERT INTO public.orders SELECT n, 'new' FROM generate_series(1000, 1500) n"
        )
        await faults.admin.execute("ANALYZE public.orders")
        assert "it has 701 rows now, and 200 were counted" in await check.refused()
        # Another state, set by somebody who still holds the lock when the act comes.
        other = await faults.superuser()
        await other.execute("BEGIN")
        await other.execute("ALTER TABLE public.orders ENABLE REPLICA TRIGGER audit")
        refused = asyncio.create_task(trigger.refused())
        await faults.until(
            "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND relation = 'public.orders'::regclass"
        )
        await other.execute("COMMIT")
        assert "state was disabled, is replica only" in await refused
        # Another table under the same name.
        await faults.admin.execute("BEGIN")
        await faults.admin.execute("ALTER TABLE public.orders RENAME TO old_orders")
        await faults.admin.execute("CREATE TABLE public.orders (id int) WITH (autovacuum_enabled = off)")
        await faults.admin.execute("COMMIT")
        assert "oid was" in await option.refused()
        state = "SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'audit'"
        assert await faults.value(state) == "R"
        assert (
            await faults.value(
                "SELECT count(*) FROM pg_class WHERE 'autovacuum_enabled=off' = ANY (reloptions)"
            )
            == 2
        )
        assert await faults.value(
            "SELECT NOT convalidated FROM pg_constraint WHERE conname = 'note_is_short'"
        )


async def test_a_slot_of_the_same_name_is_another_one(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        slot = await faults.slot(f"standby_{faults.role}")
        late = await Late.looked_at(work, "drop_inactive_slot", {"slot_name": slot})
        await faults.admin.execute("SELECT pg_drop_replication_slot(%s)", [slot])
        await faults.spend_wal(1)
        await faults.admin.execute("CHECKPOINT")
        await faults.slot(slot)
        assert "another one" in await late.refused()
        assert (
            await faults.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s", [slot]) == 1
        )


async def test_the_root_of_a_chain_is_ended_and_who_waits_itself_is_not(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        root = await faults.idle_writer()
        (waiter,) = await faults.waiters(1)
        with pytest.raises(Refused, match=rf"end the root of the chain \({root.info.backend_pid}\)"):
            await work.propose("terminate_session", await faults.identity(waiter))
        approval = await work.propose("terminate_session", await faults.identity(root.info.backend_pid))
        ended = (await work.approve(approval)).body
        assert (ended["verified"], ended["freed"]) == (True, [waiter])


async def test_who_else_ended_meanwhile_is_told(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        reader = Reader()
        staying, other = await faults.session("stays"), await faults.session("pool-member")
        before = await clients(Facts(reader, work.target))
        assert before is not None and staying.info.backend_pid in before
        pid = other.info.backend_pid
        await faults.close(other)

        async def over(_: Facts) -> bool:
            return True

        after = await aftermath(reader, work.target, (), before, over)
        assert after.words == (
            f"Also ended meanwhile: session {pid} (pool-member, user {faults.role}, database {database18.name})."
        )
        await reader.close()
