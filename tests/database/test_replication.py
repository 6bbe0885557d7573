"""Real pairs: standbys that lag, stand still, are away or are waited for; subscriptions that fail."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import psycopg
import pytest

from agents.kernel.tool import Refused
from helpdesk_tui.demo.embedded import EmbeddedServer
from tests import servers
from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults
from tests.pairs import execute, standby_of, until
from tests.servers import ServerFactory

Pair = tuple[EmbeddedServer, EmbeddedServer]
NAME = "berlin"
GROUPS = ["repl", "wal"]


@pytest.fixture(params=servers.AVAILABLE, ids=lambda major: f"pg{major}", scope="module")
def pair(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Iterator[Pair]:
    """A primary and its streaming standby, which has a slot."""
    primary = server_factory.fresh(request.param, max_wal_size="256MB")
    execute(primary, "CREATE TABLE public.orders (id int PRIMARY KEY, amount int)")
    settings = {"max_standby_streaming_delay": "0"}
    with standby_of(primary, NAME, "berlin_slot", **settings) as standby:
        yield primary, standby
    primary.destroy()


async def test_a_healthy_pair_is_silent(pair: Pair) -> None:
    for server in pair:
        async with desk(server.conninfo()) as work:
            assert loud(await work.triage()) == []


async def test_paused_replay_is_the_root_of_the_lag_and_is_resumed(pair: Pair) -> None:
    primary, standby = pair
    execute(standby, "SELECT pg_wal_replay_pause()")
    execute(primary, *["SELECT pg_logical_emit_message(false, 'load', repeat('x', 1000000))"] * 40)
    until(standby, "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) > 32000000")
    low = {"repl.lag": {"bytes_warning": "16 MB"}}
    async with desk(primary.conninfo()) as work:
        until(primary, "SELECT pg_current_wal_lsn() - flush_lsn < 1000000 FROM pg_stat_replication")
        behind = only(await work.triage(low, only="repl"), "repl.lag")
        assert (behind.severity, behind.subject["standby"]) == ("warning", NAME)
        assert "replay there is paused" in behind.summary
        with pytest.raises(Refused, match="no standby"):
            await work.propose("resume_replay", {})
    async with desk(standby.conninfo()) as work:
        report = await work.triage(low, only="repl")
        paused, lag = only(report, "repl.replay_paused"), only(report, "repl.lag")
        assert (paused.severity, lag.caused_by) == ("warning", (paused.id,))
        resumed = await work.request(paused)
        assert (await work.approve(resumed)).body["verified"] is True
        assert loud(await work.triage(low, only="repl")) == []
        undo = await work.undo(resumed)
        assert (undo.call.tool, undo.undo_of) == ("pause_replay", resumed.id)
        assert (await work.approve(undo)).body["verified"] is True
        until(standby, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
        assert (await work.approve(await work.undo(undo))).body["verified"] is True
        with pytest.raises(Refused, match="isn't paused"):
            await work.propose("resume_replay", {})


async def test_a_query_that_replay_cancels_is_counted_by_its_reason(pair: Pair) -> None:
    primary, standby = pair
    async with desk(standby.conninfo()) as work:
        _conflict(primary, standby)
        until(
            standby, "SELECT confl_snapshot >= 1 FROM pg_stat_database_conflicts WHERE datname = 'postgres'"
        )
        past = only(await work.triage(only="repl.conflicts"), "repl.conflicts")
        assert past.severity == "info" and past.subject["reasons"]["snapshots"] >= 1
        between = "standby_conflicts", lambda: asyncio.to_thread(_conflict, primary, standby)
        now = await work.measured("repl.conflicts", severity="warning", between=between)
        assert now.subject["database"] == "postgres"
        assert (await work.remedy(now))["verified"] is True
        until(standby, "SELECT current_setting('max_standby_streaming_delay') = '5min'")
        execute(standby, "ALTER SYSTEM RESET max_standby_streaming_delay", "SELECT pg_reload_conf()")


def _conflict(primary: EmbeddedServer, standby: EmbeddedServer) -> None:
    """A snapshot on the standby that needs rows which the primary removes."""
    execute(primary, "INSERT INTO public.orders SELECT n, 0 FROM generate_series(1, 1000) n")
    until(standby, "SELECT count(*) >= 1000 FROM public.orders")
    with psycopg.connect(standby.conninfo(), autocommit=True) as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM public.orders")
        execute(primary, "DELETE FROM public.orders", "VACUUM public.orders", "SELECT pg_switch_wal()")
        with pytest.raises(psycopg.errors.SerializationFailure):
            for _ in range(200):
                reader.execute("SELECT pg_sleep(0.05)")


async def test_a_standby_that_went_away_is_missed_by_its_slot_and_by_commits(pair: Pair) -> None:
    primary, standby = pair
    standby.stop()
    until(primary, "SELECT count(*) = 0 FROM pg_stat_replication")
    try:
        async with desk(primary.conninfo()) as work:
            soon = {"repl.standby_missing": {"away_warning": 0}}
            missing = only(await work.triage(soon, only="repl"), "repl.standby_missing")
            known_since = primary.binaries.major >= 17
            assert missing.subject["slot"] == "berlin_slot"
            assert missing.severity == ("warning" if known_since else "info")
            primary.set(synchronous_standby_names=NAME)
            until(primary, "SELECT current_setting('synchronous_standby_names') = %s", NAME)
            with psycopg.connect(primary.conninfo(), autocommit=True) as writer:
                writer.pgconn.send_query(b"INSERT INTO public.orders VALUES (-1, 0)")
                until(primary, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
                finding = only(
                    await work.triage({"repl.sync_wait": {"wait_warning": 0}}, only="repl"), "repl.sync_wait"
                )
                assert (finding.severity, finding.subject["value"], finding.subject["missing"]) == (
                    "warning",
                    NAME,
                    1,
                )
                assert finding.subject["waiters"] == [writer.info.backend_pid]
                assert (await work.remedy(finding))["verified"] is True
                while writer.pgconn.get_result() is not None:  # the commit returns
                    pass
                assert not [
                    one
                    for one in (await work.triage(only="repl")).findings
                    if one.condition == "repl.sync_wait"
                ]
    finally:
        execute(primary, "ALTER SYSTEM RESET synchronous_standby_names")
        primary.set(synchronous_standby_names="")
        standby.start()
    until(primary, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
    async with desk(primary.conninfo()) as work:
        assert loud(await work.triage(soon, only=GROUPS)) == []


async def test_a_subscription_that_fails_again_and_again(database: Database) -> None:
    name, slot = f"feed_{secrets.token_hex(3)}", f"feed_{secrets.token_hex(3)}"
    target = f"{database.name}_copy"
    server = database.server
    execute(server, f"CREATE DATABASE {target}")
    async with Faults(database):
        try:
            execute(server, "CREATE TABLE public.stock (id int PRIMARY KEY, amount int)", dbname=target)
            execute(server, f"CREATE PUBLICATION {name} FOR TABLE public.stock", dbname=database.name)
            _subscribe(server, database.name, target, name, slot)
            async with desk(server.conninfo(dbname=target)) as work:
                until(server, "SELECT pid IS NOT NULL FROM pg_stat_subscription WHERE subname = %s", name)
                assert not _of(await work.triage(only="logical"), "logical.apply_error")
                execute(server, "INSERT INTO public.stock VALUES (1001, 0)", dbname=target)
                execute(server, "INSERT INTO public.stock VALUES (1001, 1)", dbname=database.name)
                until(
                    server,
                    "SELECT apply_error_count >= 1 FROM pg_stat_subscription_stats WHERE subname = %s",
                    name,
                )
                # Between two tries it does not run; a look that meets a try says less.
                finding = await work.measured("logical.apply_error", severity="critical")
                assert finding.subject["subscription"] == name
                assert finding.subject["database"] == target
                execute(server, "DELETE FROM public.stock", dbname=target)
                until(server, "SELECT count(*) = 1 FROM public.stock WHERE id = 1001", dbname=target)
                assert loud(await work.triage(only="logical")) == []
        finally:
            execute(server, f"ALTER SUBSCRIPTION {name} DISABLE", f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)", f"DROP SUBSCRIPTION {name}", dbname=target)  # fmt: skip
            until(server, "SELECT NOT active FROM pg_replication_slots WHERE slot_name = %s", slot)
            execute(server, f"SELECT pg_drop_replication_slot('{slot}')", f"DROP DATABASE {target}")


def _subscribe(server: EmbeddedServer, source: str, target: str, name: str, slot: str) -> None:
    """A subscription within one server: its slot must be there before."""
    execute(server, f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')", dbname=source)
    connection = server.conninfo(dbname=source).replace("'", "''")
    execute(
        server,
        f"CREATE SUBSCRIPTION {name} CONNECTION '{connection}' PUBLICATION {name}"
        f" WITH (create_slot = false, slot_name = '{slot}', copy_data = false)",
        dbname=target,
    )


async def test_published_tables_that_refuse_updates(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.admin.execute('CREATE TABLE public."odd name" (id int)')
        await faults.admin.execute("CREATE PUBLICATION everything FOR ALL TABLES")
        finding = only(await work.triage(only="logical"), "logical.no_replica_identity")
        assert finding.subject["relation"] == 'public."odd name"'
        assert finding.subject["publications"] == ["everything"]
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            await faults.admin.execute('UPDATE public."odd name" SET id = 1')
        await faults.admin.execute('ALTER TABLE public."odd name" REPLICA IDENTITY FULL')
        assert (await work.triage(only="logical")).findings == ()


async def test_decoding_that_spills(database: Database) -> None:
    slot = f"cdc_{secrets.token_hex(3)}"
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.admin.execute("SET logical_decoding_work_mem = '64kB'")
        await faults.admin.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])
        await faults.admin.execute("CREATE PUBLICATION stock FOR TABLE public.stock")
        await faults.admin.execute("INSERT INTO public.stock SELECT n, 0 FROM generate_series(100, 20000) n")
        await _decode(faults, slot)
        low = {"logical.spill": {"spilled_info": 1}}
        past = only(await work.triage(low, only="logical"), "logical.spill")
        assert (past.severity, past.subject["slot"]) == ("info", slot)
        between = "decoding", lambda: _decode(faults, slot)
        now = await work.measured("logical.spill", low, severity="warning", between=between)
        assert now.remedies[0].tool == "set_setting"
        assert (await work.remedy(now))["verified"] is True
        await faults.admin.execute("ALTER SYSTEM RESET logical_decoding_work_mem")
        await faults.admin.execute("SELECT pg_reload_conf()")
        await faults.admin.execute("SELECT pg_drop_replication_slot(%s)", [slot])
        assert (await work.triage(low, only="logical")).findings == ()


async def _decode(faults: Faults, slot: str) -> None:
    """Decode what the slot holds without moving it on; returns once its counters have grown."""
    spilled = "SELECT coalesce(sum(spill_bytes), 0) FROM pg_stat_replication_slots WHERE slot_name = %s"
    before = await faults.value(spilled, [slot])
    await faults.admin.execute(
        "SELECT count(*) FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, 'proto_version', '1', 'publication_names', 'stock')",
        [slot],
    )
    await faults.until(
        spilled.replace("SELECT coalesce(sum(spill_bytes), 0)", "SELECT coalesce(sum(spill_bytes), 0) > %s"),
        [before, slot],
    )


def _of(report: object, condition: str) -> list[object]:
    return [one for one in getattr(report, "findings", ()) if one.condition == condition]
