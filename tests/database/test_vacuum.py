"""Autovacuum switched off, and tables that starve."""

from __future__ import annotations

import secrets

import pytest

from agents.kernel.tool import Refused
from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults


async def test_a_bloated_table_with_autovacuum_off(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.bloat("public.carts", options="autovacuum_enabled = off, fillfactor = 90")
        report = await work.triage()
        disabled, starving = only(report, "vacuum.disabled_table"), only(report, "vacuum.starvation")
        assert (disabled.severity, disabled.subject["relation"]) == ("warning", "public.carts")
        assert (starving.caused_by, starving.remedies) == ((disabled.id,), ())
        assert [remedy.tool for remedy in disabled.remedies] == ["enable_autovacuum", "vacuum_table"]
        approval = await work.request(disabled)
        assert (await work.approve(approval)).body["verified"] is True
        options = "SELECT reloptions FROM pg_class WHERE oid = 'public.carts'::regclass"
        assert await faults.value(options) == ["fillfactor=90"]
        assert (await work.remedy(disabled, 1))["verified"] is True
        assert loud(await work.triage()) == []
        assert (await work.approve(await work.undo(approval))).body["verified"] is True
        assert sorted(await faults.value(options)) == ["autovacuum_enabled=off", "fillfactor=90"]


async def test_a_small_clean_table_with_autovacuum_off_is_an_info(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.admin.execute("CREATE TABLE public.staging (id int) WITH (autovacuum_enabled = 'fAlSe')")
        finding = only(await work.triage(), "vacuum.disabled_table")
        assert (finding.severity, finding.subject["relation"]) == ("info", "public.staging")


async def test_a_temporary_table_is_nobodys_business(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.admin.execute("CREATE TEMP TABLE scratch (id int) WITH (autovacuum_enabled = off)")
        assert loud(await work.triage()) == []


async def test_a_prepared_transaction_that_holds_the_horizon_is_named(database: Database) -> None:
    gid = f"order-{secrets.token_hex(4)}"
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.admin.execute(b"BEGIN; UPDATE public.stock SET amount = 1 WHERE id = 1")
        await faults.admin.execute(f"PREPARE TRANSACTION '{gid}'".encode())
        try:
            await faults.bloat("public.ledger")
            finding = only(await work.triage({"vacuum.starvation": {"held": 0}}), "vacuum.starvation")
            assert finding.subject["held_by"] == f"prepared transaction {gid}"
            assert finding.remedies == ()
        finally:
            await faults.admin.execute(f"ROLLBACK PREPARED '{gid}'".encode())


async def test_tables_that_are_no_tables_are_refused(database18: Database) -> None:
    async with Faults(database18) as faults, desk(database18.conninfo()) as work:
        await faults.admin.execute("CREATE VIEW public.shown AS SELECT 1")
        for name in (
            "public.nothing",
            "public.shown",
            "pg_catalog.pg_class",
            "public.stock; DROP TABLE public.stock",
        ):
            with pytest.raises(Refused):
                await work.propose("vacuum_table", {"relation": name})
        with pytest.raises(Refused, match="not switched off"):
            await work.propose("enable_autovacuum", {"relation": "public.stock"})


async def test_a_login_that_may_not_vacuum_is_told_so(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo(user=faults.role)) as work:
        await faults.admin.execute("CREATE TABLE public.ledger (id int)")
        await faults.admin.execute("GRANT SELECT ON public.ledger TO PUBLIC")
        approval = await work.propose("vacuum_table", {"relation": "public.ledger"})
        body = (await work.approve(approval)).body
        assert (body["ok"], body["verified"]) == (False, False)
        assert "ledger" in body["text"]
