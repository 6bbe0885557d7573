"""Indexes that a failed concurrent build left invalid."""

from __future__ import annotations

import pytest

from agents.kernel.tool import Refused
from tests.conftest import Database
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults


async def test_a_failed_unique_build_is_named_and_dropped(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.invalid_unique_index("stock_amount_key")
        finding = only(await work.triage(), "index.invalid")
        assert (finding.severity, finding.subject["index"]) == ("warning", "public.stock_amount_key")
        assert [remedy.tool for remedy in finding.remedies] == [
            "reindex_concurrently",
            "drop_index_concurrently",
        ]
        rebuilt = await work.remedy(finding)
        assert (rebuilt["ok"], rebuilt["verified"]) == (False, False)
        leftovers = [
            one for one in (await work.triage()).findings if str(one.subject.get("index")).endswith("_ccnew")
        ]
        for leftover in leftovers:
            assert [remedy.tool for remedy in leftover.remedies] == ["drop_index_concurrently"]
            assert (await work.remedy(leftover))["verified"] is True
        approval = await work.request(finding, 1)
        assert "CREATE UNIQUE INDEX stock_amount_key" in approval.preview.reversible
        assert (await work.approve(approval)).body["verified"] is True
        assert loud(await work.triage()) == []


async def test_an_index_whose_duplicates_are_gone_is_rebuilt(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        await faults.invalid_unique_index("stock_amount_key")
        await faults.admin.execute("UPDATE public.stock SET amount = id")
        finding = only(await work.triage(), "index.invalid")
        assert (await work.remedy(finding))["verified"] is True
        assert await faults.value(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'stock_amount_key'::regclass"
        )
        assert loud(await work.triage()) == []


async def test_a_build_under_way_is_left_alone(database: Database) -> None:
    async with Faults(database) as faults, desk(database.conninfo()) as work:
        writer = await faults.idle_writer()
        builder = await faults.superuser()
        faults.run(builder.execute("CREATE INDEX CONCURRENTLY stock_amount ON public.stock (amount)"))
        await faults.until("SELECT count(*) = 1 FROM pg_index WHERE NOT indisvalid")
        await faults.until(
            "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [builder.info.backend_pid]
        )
        assert not [one for one in (await work.triage()).findings if one.condition == "index.invalid"]
        with pytest.raises(Refused, match="being built"):
            await work.propose("drop_index_concurrently", {"index": "public.stock_amount"})
        await writer.execute("COMMIT")


async def test_an_index_of_a_constraint_is_not_dropped(database18: Database) -> None:
    async with Faults(database18), desk(database18.conninfo()) as work:
        with pytest.raises(Refused, match="backs a constraint"):
            await work.propose("drop_index_concurrently", {"index": "public.stock_pkey"})
