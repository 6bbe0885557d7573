"""What the planner believes of tables, and how they are read and written."""

from __future__ import annotations

import psycopg
import pytest

from agents.kernel.records import Finding, Report
from agents.kernel.tool import Refused
from tests.conftest import Database
from tests.database import faults_schema as faults
from tests.database.desk import Desk, desk, loud, only

SMALL = {"stats.stale": {"bytes": 0}}


def ids(report: Report) -> set[str]:
    return {finding.condition for finding in report.findings}


async def test_statistics_that_nobody_renews(database: Database) -> None:
    faults.run(
        database.conninfo(),
        "CREATE TABLE public.prices (id int, price int) WITH (autovacuum_enabled = off)",
        "INSERT INTO public.prices SELECT n, n FROM generate_series(1, 3000) n",
    )
    async with desk(database.conninfo()) as work:
        finding = only(await work.triage(SMALL, only="stats"), "stats.stale")
        assert (finding.severity, finding.subject["never_analyzed"]) == ("warning", True)
        assert (await work.remedy(finding))["verified"] is True
        assert (await work.triage(SMALL, only="stats")).findings == ()
        faults.run(
            database.conninfo(), "INSERT INTO public.prices SELECT n, n FROM generate_series(1, 3000) n"
        )
        finding = only(await work.triage(SMALL, only="stats"), "stats.stale")
        assert (finding.subject["relation"], finding.subject["modified_rows"]) == ("public.prices", 3000)
        stale, disabled = await _both(work, SMALL)
        assert (stale.caused_by, disabled.severity) == ((), "info")
        stale, disabled = await _both(work, {**SMALL, "vacuum.disabled_table": {"large_bytes": 0}})
        assert (stale.caused_by, stale.remedies) == ((disabled.id,), ())


async def _both(work: Desk, limits: dict[str, dict[str, int]]) -> tuple[Finding, Finding]:
    report = await work.triage(limits)
    return only(report, "stats.stale"), only(report, "vacuum.disabled_table")


async def test_a_hot_table_is_left_to_autovacuum(database18: Database) -> None:
    faults.run(
        database18.conninfo(),
        "CREATE TABLE public.queue (id int)",
        "INSERT INTO public.queue SELECT n FROM generate_series(1, 5000) n",
    )
    async with desk(database18.conninfo()) as work:
        assert (await work.triage(only="stats")).findings == ()
        assert only(await work.triage(SMALL, only="stats"), "stats.stale").severity == "info"


async def test_full_scans_in_the_past_and_right_now(database: Database) -> None:
    faults.orders_and_items(database.conninfo(), 12_000)
    faults.scanned_in_full(database.conninfo(), 60)
    limits = {"table.seqscan_large": {"rows_per_second": 1000}}
    async with desk(database.conninfo()) as work:
        finding = only(await work.triage(limits, only="table.seqscan_large"), "table.seqscan_large")
        assert (finding.severity, finding.subject["relation"]) == ("info", "public.items")
        with faults.again_and_again(lambda: faults.scanned_in_full(database.conninfo(), 3)):
            finding = await work.measured("table.seqscan_large", limits, severity="warning")
        assert finding.subject["seq_scans_per_s"] > 0
        faults.run(
            database.conninfo(),
            "CREATE INDEX by_note ON public.items (note)",
            "SELECT pg_stat_reset_single_table_counters('public.items'::regclass)",
        )
        assert (await work.triage(limits, only="table.seqscan_large")).findings == ()


async def test_updates_that_touch_every_index(database: Database) -> None:
    faults.cold_updates(database.conninfo(), 3000)
    async with desk(database.conninfo()) as work:
        assert (await work.triage(only="table.low_hot")).findings == ()
        finding = only(
            await work.triage({"table.low_hot": {"updates": 1000}}, only="table.low_hot"), "table.low_hot"
        )
        assert (finding.severity, finding.subject["relation"]) == ("info", "public.clocks")
        assert finding.subject["hot_percent"] == 0


async def test_columns_that_depend_on_each_other(database: Database) -> None:
    there = faults.extension(database.conninfo(), "pg_stat_statements")
    faults.correlated_columns(database.conninfo())
    async with desk(database.conninfo()) as work:
        report = await work.triage(only="plan.bad_estimate")
        if not there:
            (item,) = report.not_checked
            assert "pg_stat_statements is not installed" in item.reason
            return
        finding = only(report, "plan.bad_estimate")
        assert (finding.severity, finding.subject["relations"]) == ("warning", ["public.places"])
        assert finding.subject["ratio"] >= 50
        faults.run(
            database.conninfo(),
            "CREATE STATISTICS public.places_together (ndistinct, dependencies, mcv) ON city, postcode FROM public.places",
        )
        assert (await work.remedy(finding))["verified"] is True
        assert loud(await work.triage({"plan.bad_estimate": {"ratio": 150}}, only="plan.bad_estimate")) == []


async def test_analyze_is_refused_for_what_is_no_table(database18: Database) -> None:
    async with desk(database18.conninfo()) as work:
        for name in ("pg_catalog.pg_class", "public.nothing", "public.x; DROP TABLE y"):
            with pytest.raises(Refused):
                await work.propose("analyze_table", {"relation": name})
    with psycopg.connect(database18.conninfo()) as admin:
        assert admin.execute("SELECT 1").fetchone() == (1,)
