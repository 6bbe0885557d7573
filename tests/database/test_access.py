"""Logins that see less than a diagnosis needs: said so, never an all-clear."""

from __future__ import annotations

import psycopg
from psycopg import sql

from tests.conftest import Database
from tests.database.desk import desk, loud, only, unchecked
from tests.database.faults import Faults


async def test_a_login_without_pg_monitor_is_told_the_grant(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo(user=faults.role)) as work:
        report = await work.triage()
        finding = only(report, "access.insufficient_privilege")
        assert finding.severity == "warning"
        grant = f'GRANT pg_monitor TO "{faults.role}"'
        assert finding.subject["grant"] == grant
        blind = {item.condition: item.remedy for item in report.not_checked}
        assert blind["session.idle_in_transaction"] == grant
        assert blind["session.long_query"] == grant
        await faults.admin.execute(sql.SQL("GRANT pg_monitor TO {}").format(sql.Identifier(faults.role)))
        assert loud(await work.triage()) == []
        assert not {"session.idle_in_transaction", "session.long_query"} & unchecked(await work.triage())


async def test_a_horizon_that_is_hidden_is_not_called_free(database: Database) -> None:
    async with Faults(database) as faults:
        stranger = f"{faults.role}_guest"
        await faults.admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(stranger)))
        try:
            await faults.snapshot_holder()
            await faults.bloat("public.ledger", options="autovacuum_enabled = off")
            async with desk(database.conninfo(user=stranger)) as work:
                report = await work.triage(only="vacuum")
                (table,) = [one for one in report.findings if one.condition == "vacuum.disabled_table"]
                assert "horizon is not known" in table.summary and "free" not in table.summary
                assert [remedy.tool for remedy in table.remedies] == ["enable_autovacuum"]
                blind = {item.condition: item.remedy for item in report.not_checked}
                assert blind["vacuum.xmin_backend"] == f'GRANT pg_monitor TO "{stranger}"'
        finally:
            await faults.admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(stranger)))


async def test_a_blocking_chain_is_seen_without_any_privilege(database: Database) -> None:
    async with Faults(database) as faults:
        stranger = f"{faults.role}_guest"
        await faults.admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(stranger)))
        try:
            root, waiters = await faults.chain(3)
            async with desk(database.conninfo(user=stranger)) as work:
                report = await work.triage()
            tree = only(report, "lock.blocking_tree")
            assert (tree.severity, tree.subject["root"], tree.remedies) == ("critical", root, ())
            assert sorted(tree.subject["waiters"]) == sorted(waiters)
            access = only(report, "access.insufficient_privilege")
            assert set(waiters) <= set(access.subject["waiting"])
        finally:
            await faults.admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(stranger)))


async def test_a_login_that_may_not_signal_is_told_the_grant(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo(user=faults.role)) as work:
        other = f"{faults.role}_batch"
        await faults.admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(other)))
        await faults.admin.execute(sql.SQL("GRANT pg_monitor TO {}").format(sql.Identifier(faults.role)))
        try:
            session = await faults.connect(other, "batch")
            identity = await faults.identity(session.info.backend_pid)
            try:
                await work.propose("terminate_session", identity)
                raise AssertionError("it must be refused")
            except Exception as refused:
                assert f'GRANT pg_signal_backend TO "{faults.role}"' in str(refused)
            await faults.close(session)
        finally:
            await faults.admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(other)))


async def test_a_denied_view_costs_its_own_condition_only(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo(user=faults.role)) as work:
        await faults.admin.execute(sql.SQL("GRANT pg_monitor TO {}").format(sql.Identifier(faults.role)))
        before = unchecked(await work.triage())
        await faults.admin.execute("REVOKE SELECT ON pg_catalog.pg_stat_archiver FROM PUBLIC")
        report = await work.triage()
        assert unchecked(report) - before == {"wal.archive_failing"}
        (item,) = (one for one in report.not_checked if one.condition == "wal.archive_failing")
        assert "permission denied" in item.reason
        assert item.remedy == f'GRANT SELECT ON pg_catalog.pg_stat_archiver TO "{faults.role}"'
        assert loud(report) == []


async def test_a_view_that_cant_be_read_in_time_costs_its_own_condition_only(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        locker = await faults.superuser()
        await locker.execute("BEGIN")
        await locker.execute("LOCK TABLE pg_catalog.pg_stat_archiver IN ACCESS EXCLUSIVE MODE")
        report = await work.triage()
        assert unchecked(report) == {"wal.archive_failing"}
        await locker.execute("ROLLBACK")
        assert unchecked(await work.triage()) == set()


async def test_a_missing_view_costs_its_own_condition_only(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        async with await psycopg.AsyncConnection.connect(
            database18.conninfo(), options="-c allow_system_table_mods=on", autocommit=True
        ) as admin:
            await admin.execute("ALTER VIEW pg_catalog.pg_stat_archiver RENAME TO pg_stat_archiver_gone")
        report = await work.triage()
        assert unchecked(report) == {"wal.archive_failing"}
        (reason,) = (one.reason for one in report.not_checked if one.condition == "wal.archive_failing")
        assert "lacks a view" in reason
        assert faults.role
