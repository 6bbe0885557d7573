"""What was done is undone by a call of its own, and the catalog is then what it was, to the letter."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from agents.governance.approval import Approval
from agents.kernel.tool import Refused
from tests.conftest import Database
from tests.database import faults_schema
from tests.database.desk import Desk, desk
from tests.database.faults import Faults

INDEX = """
SELECT pg_get_indexdef(i.indexrelid), c.relname, c.relnamespace, c.reltablespace, c.reloptions, c.relowner,
       i.indrelid, i.indisunique, i.indisvalid, i.indisready, i.indislive, i.indkey, i.indcollation, i.indclass,
       i.indoption, i.indnkeyatts
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'public.stock'::regclass ORDER BY 1"""
INDEXES = (
    "CREATE UNIQUE INDEX {} ON public.stock (id, amount DESC NULLS LAST) INCLUDE (note)",
    "CREATE INDEX {} ON public.stock (lower(note) text_pattern_ops) WHERE amount > 3 AND note <> 'it''s'",
    "CREATE INDEX {} ON public.stock USING brin (amount) WITH (pages_per_range = 7)",
    'CREATE INDEX {} ON public.stock (note COLLATE "C") WITH (fillfactor = 71)',
)


async def _done(work: Desk, tool: str, **arguments: Any) -> Approval:
    """A change that was approved, carried out and verified."""
    return await _approved(work, await work.propose(tool, arguments))


async def _approved(work: Desk, approval: Approval) -> Approval:
    body = (await work.approve(approval)).body
    assert body["ok"] and body["verified"] is True, body
    return approval


async def _rows(faults: Faults, query: str) -> list[tuple[Any, ...]]:
    return await (await faults.admin.execute(query.encode())).fetchall()


async def test_dropped_indexes_come_back_as_they_were(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.admin.execute("ALTER TABLE public.stock ADD COLUMN note text")
        names = [f'by "{secrets.token_hex(3)}' for _ in INDEXES]
        quoted = ['"' + name.replace('"', '""') + '"' for name in names]
        for statement, name in zip(INDEXES, quoted, strict=True):
            await faults.admin.execute(statement.format(name).encode())
        before = await _rows(faults, INDEX)
        done = [await _done(work, "drop_index_concurrently", index=f"public.{name}") for name in quoted]
        assert len(await _rows(faults, INDEX)) == len(before) - len(names)
        for one in done:
            undo = await work.undo(one)
            assert (undo.call.tool, undo.undo_of, undo.risk) == ("restore_index", one.id, "write")
            await _approved(work, undo)
            with pytest.raises(Refused, match="is for undoing it"):
                await work.undo(one)
        assert await _rows(faults, INDEX) == before


async def test_what_is_lost_with_an_index_is_told_and_what_is_needed_is_kept(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.admin.execute("CREATE INDEX plain ON public.stock (amount)")
        await faults.admin.execute("COMMENT ON INDEX public.plain IS 'asked for by the shop'")
        await faults.admin.execute("CREATE UNIQUE INDEX identity ON public.stock (amount, id)")
        await faults.admin.execute("ALTER TABLE public.stock ALTER amount SET NOT NULL")
        await faults.admin.execute("ALTER TABLE public.stock REPLICA IDENTITY USING INDEX identity")
        approval = await work.propose("drop_index_concurrently", {"index": "public.plain"})
        assert approval.preview.reversible.endswith("; without its comment")
        with pytest.raises(Refused, match=r"is the replica identity of public\.stock"):
            await work.propose("drop_index_concurrently", {"index": "public.identity"})
        secret = f"password={secrets.token_hex(8)}"
        await faults.admin.execute(
            f"CREATE INDEX secret ON public.stock (amount) WHERE id::text <> '{secret}'"
        )
        hidden = await work.propose("drop_index_concurrently", {"index": "public.secret"})
        assert hidden.preview.undo is None and hidden.preview.reversible.startswith("not reversible")


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ("CREATE INDEX x ON public.stock (amount); DROP TABLE public.stock", "expected one CREATE INDEX"),
        ("CREATE INDEX CONCURRENTLY x ON public.stock (amount)", "expected one CREATE INDEX"),
        ("CREATE INDEX ON public.stock (amount)", "expected one CREATE INDEX"),
        ("DROP TABLE public.stock", "expected one CREATE INDEX"),
        ("CREATE INDEX x ON stock (amount)", "without a schema"),
        ("CREATE INDEX x ON public.stock (amount", "not understood"),
        ("CREATE INDEX x ON public.stock (amount)\x00", "NUL"),
        ("CREATE INDEX stock_pkey ON public.stock (amount)", "there is an index"),
        ("CREATE INDEX x ON pg_catalog.pg_class (relname)", "no user table"),
    ],
    ids=lambda value: "",
)
async def test_only_a_definition_of_an_index_is_restored(
    database18: Database, definition: str, said: str
) -> None:
    async with Faults(database18), desk(database18.conninfo()) as work:
        with pytest.raises(Refused, match=said):
            await work.propose("restore_index", {"definition": definition, "tablespace": ""})


async def test_an_undo_that_fails_says_what_it_left(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.admin.execute("CREATE UNIQUE INDEX only_once ON public.stock ((nullif(amount, 0)))")
        done = await _done(work, "drop_index_concurrently", index="public.only_once")
        assert any("no longer refuses duplicates" in line for line in done.preview.effect)
        await faults.admin.execute("UPDATE public.stock SET amount = 7 WHERE id < 3")
        body = (await work.approve(await work.undo(done))).body
        assert not body["ok"] and body["undo"] is None
        assert 'It left the invalid index "public"."only_once": drop it' in body["text"]


async def test_an_index_comes_back_into_its_tablespace(database18: Database) -> None:
    name = f"fast_{secrets.token_hex(3)}"
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.admin.execute("SET allow_in_place_tablespaces = on")
        await faults.admin.execute(f"CREATE TABLESPACE {name} LOCATION ''")
        try:
            await faults.admin.execute(f"CREATE INDEX placed ON public.stock (amount) TABLESPACE {name}")
            before = await _rows(faults, INDEX)
            await _approved(
                work, await work.undo(await _done(work, "drop_index_concurrently", index="public.placed"))
            )
            assert await _rows(faults, INDEX) == before
            await faults.admin.execute("DROP INDEX public.placed")
        finally:
            await faults.admin.execute(f"DROP TABLESPACE {name}")


async def test_autovacuum_is_off_again_in_the_words_that_stood_there(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        options = "autovacuum_enabled = 'fAlSe', autovacuum_vacuum_threshold = 77"
        await faults.admin.execute(f"ALTER TABLE public.stock SET ({options})".encode())
        state = "SELECT ARRAY(SELECT unnest(reloptions) ORDER BY 1) FROM pg_class WHERE oid = 'public.stock'::regclass"
        before = await faults.value(state)
        done = await _done(work, "enable_autovacuum", relation="public.stock")
        assert await faults.value(state) == ["autovacuum_vacuum_threshold=77"]
        undo = await _approved(work, await work.undo(done))
        assert await faults.value(state) == before
        await _approved(work, await work.undo(undo))
        assert await faults.value(state) == ["autovacuum_vacuum_threshold=77"]


async def test_a_trigger_is_disabled_again(database18: Database) -> None:
    name = f"audit {secrets.token_hex(3)}"
    faults_schema.orders_and_items(database18.conninfo(), 20)
    faults_schema.disabled_trigger(database18.conninfo(), name)
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        state = "SELECT array_agg(tgenabled::text ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 'public.orders'::regclass"
        before = await faults.value(state)
        done = await _done(work, "enable_trigger", relation="public.orders", trigger_name=name)
        assert await faults.value(state) != before
        undo = await work.undo(done)
        assert (undo.risk, undo.preview.confirmation) == ("destructive", name)
        await _approved(work, undo)
        assert await faults.value(state) == before


async def test_settings_are_as_they_were_in_the_file(database: Database) -> None:
    """Set by ALTER SYSTEM before, and not; one that every login of ours has a value of its own for."""
    auto = database.server.data_dir / "postgresql.auto.conf"
    async with Faults(database) as faults, desk(database.conninfo()) as work:

        async def set_by_hand(**settings: str) -> None:
            for name, value in settings.items():
                await faults.admin.execute(f"ALTER SYSTEM SET {name} = {value}".encode())
            await faults.admin.execute("SELECT pg_reload_conf()")

        async def same_after_undo(tool: str, **arguments: str) -> None:
            before, shown = auto.read_text(), await _running(faults, arguments["name"])
            done = await _done(work, tool, **arguments)
            assert auto.read_text() != before
            await _approved(work, await work.undo(done))
            assert sorted(auto.read_text().splitlines()) == sorted(before.splitlines())
            assert await _running(faults, arguments["name"]) == shown

        try:
            await same_after_undo("set_setting", name="max_wal_size", value="2GB")
            await set_by_hand(max_wal_size="'1100MB'", track_io_timing="'TRUE'", max_connections="77")
            await faults.until(
                "SELECT bool_and(pending_restart) FROM pg_settings WHERE name = %s", ["max_connections"]
            )
            await same_after_undo("set_setting", name="max_wal_size", value="2GB")
            await same_after_undo("reset_setting", name="track_io_timing")
            await same_after_undo("set_setting", name="idle_in_transaction_session_timeout", value="30s")
            waiting = await _done(work, "reset_setting", name="max_connections")
            assert "ALTER SYSTEM SET \"max_connections\" = '77'" in waiting.preview.reversible
            with pytest.raises(Refused, match="not reversible from here"):
                await work.undo(waiting)
        finally:
            for name in ("max_wal_size", "track_io_timing", "max_connections"):
                await faults.admin.execute(f"ALTER SYSTEM RESET {name}".encode())
            await faults.admin.execute("SELECT pg_reload_conf()")


async def test_a_login_that_does_not_see_the_files_undoes_what_it_can(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo(user=faults.role)) as work:
        change = {"name": "max_wal_size", "value": "2GB"}
        before = await _running(faults, "max_wal_size")
        try:
            await faults.admin.execute("ALTER SYSTEM SET max_wal_size = '1100MB'")
            await faults.admin.execute(f"GRANT ALTER SYSTEM ON PARAMETER max_wal_size TO {faults.role}")
            await faults.admin.execute("SELECT pg_reload_conf()")
            await faults.until("SELECT current_setting('max_wal_size') = '1100MB'")
            blind = await work.propose("set_setting", change)
            assert blind.preview.undo is None and "doesn't see" in blind.preview.reversible
            await faults.admin.execute(f"GRANT pg_monitor TO {faults.role}")
            half = await work.propose("set_setting", change)
            body = (await work.approve(half)).body
            assert (body["ok"], body["verified"]) == (True, False) and "with the next reload" in body["text"]
            await faults.admin.execute(f"GRANT EXECUTE ON FUNCTION pg_reload_conf() TO {faults.role}")
            await faults.admin.execute("ALTER SYSTEM SET max_wal_size = '1100MB'")
            done = await _done(work, "set_setting", **change)
            assert await _running(faults, "max_wal_size") == "2GB"
            await _approved(work, await work.undo(done))
            assert await _running(faults, "max_wal_size") == "1100MB"
            await faults.admin.execute(f"ALTER ROLE {faults.role} SET synchronous_commit = off")
            with pytest.raises(Refused, match="is set for this login alone"):
                await work.propose("set_setting", {"name": "synchronous_commit", "value": "local"})
        finally:
            await faults.admin.execute("ALTER SYSTEM RESET max_wal_size")
            await faults.admin.execute("SELECT pg_reload_conf()")
            await faults.until("SELECT current_setting('max_wal_size') = %s", [before])


async def _running(faults: Faults, name: str) -> Any:
    """The value that a new session has."""
    session = await faults.superuser()
    row = await (await session.execute("SELECT current_setting(%s)", [name])).fetchone()
    await session.close()
    assert row is not None
    return row[0]
