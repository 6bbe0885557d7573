"""Sessions, slots and standbys that keep VACUUM from removing dead rows, and transaction ids that run out."""

from __future__ import annotations

import secrets
import shutil

import psycopg
import pytest

from agents.kernel.records import Finding, Report
from agents.kernel.tool import Refused
from helpdesk_tui.demo.embedded import EmbeddedServer, system_user
from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults
from tests.pairs import standby_of
from tests.servers import ServerFactory

GROUPS = ["lock", "session", "vacuum", "wal.slot_retention"]
NOW = {
    "vacuum.xmin_backend": {"held": 0.2},
    "vacuum.starvation": {"held": 0.2},
    "session.idle_in_transaction": {"horizon_idle": 3600},
}
SEGMENT_XIDS = 32768 * 32
"""Transaction ids whose fate one file of pg_xact holds."""


async def test_an_old_snapshot_is_the_root_of_a_starving_table(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        holder = await faults.snapshot_holder()
        await faults.bloat("public.ledger")
        await faults.until_idle(holder, 0.3)
        report = await work.triage(NOW, only=GROUPS)
        held, table = only(report, "vacuum.xmin_backend"), only(report, "vacuum.starvation")
        assert (held.subject["pid"], held.subject["relation"]) == (holder.info.backend_pid, "public.ledger")
        assert (held.caused_by, table.caused_by, table.remedies) == ((), (held.id,), ())
        assert {"vacuum.xmin_prepared", "vacuum.xmin_slot", "vacuum.xmin_standby"} <= {
            item["condition"] for item in held.ruled_out
        }
        assert (await work.remedy(held))["verified"] is True
        again = only(await work.triage(only=GROUPS), "vacuum.starvation")
        assert again.caused_by == ()
        assert (await work.remedy(again))["verified"] is True
        assert loud(await work.triage(only=GROUPS)) == []


async def test_a_slot_that_holds_the_horizon_is_the_root_of_a_starving_table(
    server_factory: ServerFactory,
) -> None:
    primary = server_factory.fresh(18, wal_level="replica", hot_standby_feedback="on")
    slot = f"s_{secrets.token_hex(3)}"
    try:
        async with Faults(Database(primary, "postgres")) as faults, desk(primary.conninfo()) as work:
            with standby_of(primary, slot, slot) as standby:
                reader = await psycopg.AsyncConnection.connect(standby.conninfo(), autocommit=True)
                await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                await reader.execute("SELECT count(*) FROM pg_class")
                await faults.until("SELECT xmin IS NOT NULL FROM pg_replication_slots")
                await faults.bloat("public.ledger")
                report = await work.triage(only=GROUPS)
                fed, table = only(report, "vacuum.xmin_standby"), only(report, "vacuum.starvation")
                assert (fed.subject["standby"], fed.subject["relation"]) == (slot, "public.ledger")
                assert (fed.remedies, table.caused_by, table.remedies) == ((), (fed.id,), ())
                limits = {"vacuum.xmin_standby": {"held_long": 0}}
                async with desk(standby.conninfo()) as there:
                    query = only(await there.triage(limits, only="vacuum"), "vacuum.xmin_standby")
                    assert query.subject["pid"] == reader.info.backend_pid
                    assert (await there.remedy(query))["verified"] is True
            await faults.until("SELECT NOT active FROM pg_replication_slots")
            left = only(await work.triage(only=GROUPS), "vacuum.starvation")
            if left.subject["held_by"]:
                holding = only(await work.triage(only=GROUPS), "vacuum.xmin_slot")
                assert (holding.subject["slot"], left.caused_by) == (slot, (holding.id,))
                assert (await work.remedy(holding))["verified"] is True
            final = only(await work.triage(only=GROUPS), "vacuum.starvation")
            assert [remedy.tool for remedy in final.remedies] == ["vacuum_table"]
            assert (await work.remedy(final))["verified"] is True
    finally:
        primary.destroy()


@pytest.mark.parametrize("major", [16, 18])
async def test_a_database_near_wraparound_is_frozen(server_factory: ServerFactory, major: int) -> None:
    server = server_factory.fresh(
        major, autovacuum_freeze_max_age="2000000000", autovacuum="off", max_prepared_transactions="2"
    )
    try:
        _age(server, 1_200_000_000)
        only_ = ["vacuum.xid_wraparound", "vacuum.xmin_prepared", "vacuum.xmin_backend"]
        async with desk(server.conninfo()) as work:
            finding = _of_own_database(await work.triage(only=only_))
            assert (finding.severity, finding.subject["database"]) == ("warning", "postgres")
            assert finding.subject["percent"] > 50
            assert [remedy.tool for remedy in finding.remedies] == ["freeze_table"] * 3
            relation = finding.remedies[0].arguments["relation"]
            assert (await work.remedy(finding))["verified"] is True
            with psycopg.connect(server.conninfo(), autocommit=True) as admin:
                age = "SELECT age(relfrozenxid) FROM pg_class WHERE oid = %s::regclass"
                row = admin.execute(age, [relation]).fetchone()
                assert row is not None and row[0] < 1000
                admin.execute("VACUUM (FREEZE)")
            assert "postgres" not in {
                one.subject["database"] for one in (await work.triage(only=only_)).findings
            }
    finally:
        server.destroy()


def _of_own_database(report: Report) -> Finding:
    (found,) = [one for one in report.findings if one.subject.get("own")]
    return found


def _age(server: EmbeddedServer, xid: int) -> None:
    """Move the next transaction id on, as if the server had run for years without a freeze."""
    server.stop()
    server.binaries.run("pg_resetwal", "-f", "-x", str(xid), "-D", str(server.data_dir), user=system_user())
    segment = server.data_dir / "pg_xact" / f"{xid // SEGMENT_XIDS:04X}"
    segment.write_bytes(bytes(256 * 1024))
    if user := system_user():
        shutil.chown(segment, user)
    server.start()


async def test_a_table_near_a_forced_vacuum(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.admin.execute(
            "CREATE TABLE public.old (id int) WITH (autovacuum_freeze_max_age = 100000, autovacuum_enabled = off)"
        )
        await faults.admin.execute("INSERT INTO public.old SELECT 1")
        assert not [one for one in (await work.triage(only="vacuum")).findings if "freeze" in one.condition]
        limits = {"vacuum.table_freeze_age": {"forced_warning": 0.001, "forced_critical": 0.005}}
        for _ in range(12):
            await faults.admin.execute("SELECT pg_current_xact_id()")
        report = await work.triage(limits, only="vacuum.table_freeze_age")
        (finding,) = [one for one in report.findings if one.subject["relation"] == "public.old"]
        assert finding.severity == "critical"
        assert finding.remedies[0].arguments == {"relation": "public.old"}
        assert (await work.remedy(finding))["verified"] is True
        with pytest.raises(Refused, match="no table"):
            await work.propose("freeze_table", {"relation": "public.nothing"})


async def test_all_autovacuum_workers_busy(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(
        18,
        autovacuum_max_workers="1",
        autovacuum_naptime="1",
        autovacuum_vacuum_cost_delay="100ms",
        autovacuum_vacuum_cost_limit="1",
        autovacuum_vacuum_threshold="10000",
        autovacuum_analyze_threshold="1000000",
    )
    try:
        database = Database(server, "postgres")
        async with Faults(database) as faults, desk(server.conninfo()) as work:
            assert loud(await work.triage(only="vacuum.workers_saturated")) == []
            await faults.bloat("public.ledger", options="autovacuum_enabled = off")
            await faults.admin.execute("ALTER TABLE public.ledger RESET (autovacuum_enabled)")
            await faults.until(
                "SELECT count(*) > 0 FROM pg_stat_progress_vacuum JOIN pg_stat_activity USING (pid)"
                " WHERE relid = 'public.ledger'::regclass AND clock_timestamp() - backend_start > '0.3 s'"
            )
            limits = {"vacuum.workers_saturated": {"running": 0.1}}
            finding = only(await work.triage(limits, only="vacuum"), "vacuum.workers_saturated")
            assert finding.subject["relations"] == ["public.ledger"]
    finally:
        server.destroy()


async def test_a_vacuum_against_wraparound_is_never_ended(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(
        18,
        autovacuum_freeze_max_age="100000",
        autovacuum_max_workers="1",
        autovacuum_naptime="1",
        autovacuum_vacuum_cost_delay="100ms",
        autovacuum_vacuum_cost_limit="1",
        autovacuum_vacuum_threshold="1000000",
        autovacuum_vacuum_insert_threshold="-1",
        autovacuum_analyze_threshold="1000000",
    )
    try:
        async with Faults(Database(server, "postgres")) as faults, desk(server.conninfo()) as work:
            await faults.admin.execute("CREATE TEMP TABLE spent (n int)")
            await faults.admin.execute(
                "DO $$ BEGIN FOR n IN 1..100100 LOOP"
                " BEGIN INSERT INTO spent VALUES (n); EXCEPTION WHEN division_by_zero THEN NULL; END;"
                " END LOOP; END $$"
            )
            found = "FROM pg_stat_activity WHERE query LIKE 'autovacuum:%%(to prevent wraparound)'"
            await faults.until(f"SELECT count(*) > 0 {found}", [])
            pid = await faults.value(f"SELECT min(pid) {found}", [])
            for tool in ("cancel_session", "terminate_session"):
                with pytest.raises(Refused, match="unless it prevents wraparound"):
                    await work.propose(tool, await faults.identity(pid))
    finally:
        server.destroy()
