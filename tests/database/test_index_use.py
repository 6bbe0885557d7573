"""Indexes that nobody needs, foreign keys that need one, and space that nothing uses."""

from __future__ import annotations

import secrets

import pytest

from agents.kernel.tool import Refused
from tests.conftest import Database
from tests.database import faults_schema as faults
from tests.database.desk import desk, loud, only
from tests.database.faults import Faults

ANY_SIZE = {"index.missing_fk": {"bytes": 0}, "index.unused": {"bytes": 0, "observed": 0}}
WASTED = {"bloat.table": {"wasted_bytes": "1 MiB"}, "bloat.table_exact": {"wasted_bytes": "1 MiB"}}


async def test_a_foreign_key_gets_its_index(database: Database) -> None:
    faults.orders_and_items(database.conninfo(), 2000)
    async with desk(database.conninfo()) as work:
        assert (await work.triage(only="index")).findings == ()
        assert only(await work.triage(ANY_SIZE, only="index"), "index.missing_fk").severity == "info"
        faults.delete_parents(database.conninfo())
        finding = only(await work.triage(ANY_SIZE, only="index"), "index.missing_fk")
        assert (finding.severity, finding.subject["relation"]) == ("warning", "public.items")
        assert (finding.subject["columns"], finding.subject["parent"]) == (["order_id"], "public.orders")
        approval = await work.request(finding)
        wanted = 'CREATE INDEX CONCURRENTLY "items_order_id_idx" ON "public"."items" ("order_id")'
        assert approval.preview.effect[0] == wanted
        assert (await work.approve(approval)).body["verified"] is True
        assert (await work.triage(ANY_SIZE, only="index.missing_fk")).findings == ()
        with pytest.raises(Refused, match="begins with these columns already"):
            await work.request(finding)


async def test_an_index_that_is_made_under_the_approval_voids_it(database18: Database) -> None:
    faults.orders_and_items(database18.conninfo(), 200)
    async with desk(database18.conninfo()) as work:
        approval = await work.propose(
            "create_index_concurrently", {"relation": "public.items", "columns": ["order_id"]}
        )
        faults.run(database18.conninfo(), "CREATE INDEX ON public.items (order_id)")
        ended = await work.approve(approval)
        assert ended.kind != "action.finished" or ended.body["ok"] is False
        with pytest.raises(Refused, match="no column"):
            await work.propose(
                "create_index_concurrently", {"relation": "public.items", "columns": ["nothing"]}
            )
        with pytest.raises(Refused, match="no user table"):
            await work.propose(
                "create_index_concurrently", {"relation": "pg_catalog.pg_class", "columns": ["oid"]}
            )


async def test_an_unused_index_is_dropped_once_it_was_watched_long_enough(database: Database) -> None:
    name = f"by_note_{secrets.token_hex(3)}"
    faults.orders_and_items(database.conninfo(), 2000)
    faults.run(database.conninfo(), f"CREATE INDEX {name} ON public.orders (note)")
    async with desk(database.conninfo()) as work:
        finding = only(await work.triage({"index.unused": {"bytes": 0}}, only="index.unused"), "index.unused")
        assert (finding.severity, finding.subject["index"], finding.remedies) == (
            "info",
            f"public.{name}",
            (),
        )
        assert "Too short to tell" in finding.summary
        finding = only(await work.triage(ANY_SIZE, only="index.unused"), "index.unused")
        approval = await work.request(finding)
        assert f"CREATE INDEX {name} ON public.orders" in approval.preview.reversible
        assert (await work.approve(approval)).body["verified"] is True
        assert (await work.triage(ANY_SIZE, only="index.unused")).findings == ()


async def test_an_index_that_is_used_or_needed_is_left_alone(database18: Database) -> None:
    faults.orders_and_items(database18.conninfo(), 2000)
    faults.run(
        database18.conninfo(),
        "CREATE INDEX by_note ON public.orders (note)",
        "CREATE UNIQUE INDEX one_note ON public.orders (note)",
        "SET enable_seqscan = off; SELECT * FROM public.orders WHERE note = 'order 7'",
        "SET enable_seqscan = off; SELECT * FROM public.orders WHERE note = 'order 7'",
    )
    async with desk(database18.conninfo()) as work:
        found = [one.subject["index"] for one in (await work.triage(ANY_SIZE, only="index.unused")).findings]
        assert "public.one_note" not in found
        assert "public.orders_pkey" not in found


@pytest.mark.parametrize(
    ("index", "kind"),
    [
        ("(order_id, note)", "duplicate"),
        ("(order_id)", "prefix"),
        ("(order_id, note) WHERE id > 5", ""),
        ("(order_id DESC, note)", ""),
        ("(note, order_id)", ""),
        ("USING hash (order_id)", ""),
    ],
)
async def test_which_index_another_one_covers(database18: Database, index: str, kind: str) -> None:
    faults.orders_and_items(database18.conninfo(), 200)
    faults.run(
        database18.conninfo(),
        "CREATE INDEX kept ON public.items (order_id, note)",
        f"CREATE INDEX candidate ON public.items {index}",
    )
    async with desk(database18.conninfo()) as work:
        limits = {"index.duplicate": {"prefix_bytes": 0}}
        found = {
            one.subject["index"]: (one.subject["covered_by"], one.subject["kind"])
            for one in (await work.triage(limits, only="index.duplicate")).findings
        }
        assert found == ({"public.candidate": ("public.kept", kind)} if kind else {})


async def test_a_duplicate_index_is_dropped(database: Database) -> None:
    faults.orders_and_items(database.conninfo(), 200)
    faults.run(
        database.conninfo(),
        "CREATE INDEX first_one ON public.items (order_id)",
        "CREATE INDEX second_one ON public.items (order_id)",
        "CREATE UNIQUE INDEX like_the_key ON public.items (id)",
    )
    async with desk(database.conninfo()) as work:
        report = await work.triage(only="index.duplicate")
        assert {one.subject["index"] for one in report.findings} == {
            "public.second_one",
            "public.like_the_key",
        }
        for finding in report.findings:
            assert finding.severity == "info"
            assert (await work.remedy(finding))["verified"] is True
        assert (await work.triage(only="index.duplicate")).findings == ()


async def test_a_bloated_table_and_who_must_end_first(database: Database) -> None:
    async with Faults(database) as other, desk(database.conninfo()) as work:
        faults.wasted_space(database.conninfo())
        finding = only(await work.triage(WASTED, only="bloat"), "bloat.table")
        assert (finding.severity, finding.subject["relation"]) == ("warning", "public.carts")
        assert finding.subject["wasted_percent"] > 80
        assert "Horizon free" in finding.summary
        gid = f"order-{secrets.token_hex(4)}"
        await other.admin.execute(b"BEGIN; UPDATE public.stock SET amount = 1 WHERE id = 1")
        await other.admin.execute(f"PREPARE TRANSACTION '{gid}'".encode())
        try:
            report = await work.triage(WASTED, only=["bloat.table", "vacuum"])
            held = only(report, "bloat.table")
            assert "Horizon" in held.summary
            assert held.remedies == ()
        finally:
            await other.admin.execute(f"ROLLBACK PREPARED '{gid}'".encode())
        await other.admin.execute("VACUUM FULL ANALYZE public.carts")
        assert [one for one in (await work.triage(WASTED)).findings if one.condition == "bloat.table"] == []


async def test_a_table_with_padding_and_wide_rows_is_not_bloated(database18: Database) -> None:
    faults.run(
        database18.conninfo(),
        "CREATE TABLE public.padded (a bool, b bigint, c bool, d bigint, e bool, f bigint, g text)",
        "INSERT INTO public.padded SELECT true, n, false, n, true, n, CASE WHEN n % 2 = 0 THEN 'x' END"
        " FROM generate_series(1, 40000) n",
        "CREATE TABLE public.wide (id int, note text)",
        "INSERT INTO public.wide SELECT n, repeat('y', 1900) FROM generate_series(1, 3000) n",
        "VACUUM ANALYZE public.padded",
        "VACUUM ANALYZE public.wide",
    )
    async with desk(database18.conninfo()) as work:
        limits = {"bloat.table": {"wasted_bytes": 0, "wasted_percent": 15}}
        assert (await work.triage(limits, only="bloat.table")).findings == ()


async def test_a_login_that_may_not_read_tables_is_told_what_it_takes(database: Database) -> None:
    faults.wasted_space(database.conninfo())
    async with Faults(database) as other:
        await other.admin.execute(f"GRANT pg_monitor TO {other.role}".encode())
        async with desk(database.conninfo(user=other.role)) as work:
            report = await work.triage(WASTED, only="bloat.table")
            assert report.findings == ()
            (item,) = report.not_checked
            assert "public.carts" in item.reason and "pg_read_all_data" in item.remedy
            await other.admin.execute(item.remedy.encode())
            assert only(await work.triage(WASTED, only="bloat.table"), "bloat.table")


async def test_space_is_measured_only_when_asked_for(database: Database) -> None:
    faults.wasted_space(database.conninfo())
    there = faults.extension(database.conninfo(), "pgstattuple")
    async with desk(database.conninfo()) as work:
        asides = {item.condition: item.reason for item in (await work.triage()).not_checked}
        assert asides["bloat.index"] == "runs only when asked for: helpdesk triage --only ID"
        assert "bloat.index" in {item.condition for item in (await work.triage(only="bloat")).not_checked}
        report = await work.triage(
            {**WASTED, "bloat.index": {"bytes": 0}}, only=["bloat.index", "bloat.table_exact"]
        )
        if not there:
            assert {item.condition for item in report.not_checked} == {"bloat.index", "bloat.table_exact"}
            assert all("pgstattuple is not installed" in item.reason for item in report.not_checked)
            return
        assert report.not_checked == ()
        assert only(report, "bloat.table_exact").subject["relation"] == "public.carts"


async def test_a_sparse_index_is_built_anew(database: Database) -> None:
    faults.run(
        database.conninfo(),
        "CREATE TABLE public.carts (id int PRIMARY KEY)",
        "INSERT INTO public.carts SELECT n FROM generate_series(1, 80000) n",
        "DELETE FROM public.carts WHERE id % 10 <> 0",
        "VACUUM public.carts",
    )
    if not faults.extension(database.conninfo(), "pgstattuple"):
        pytest.skip("pgstattuple's files are not on this server")
    async with desk(database.conninfo()) as work:
        limits = {"bloat.index": {"bytes": 0}}
        finding = only(await work.triage(limits, only="bloat.index"), "bloat.index")
        assert finding.subject["index"] == "public.carts_pkey"
        assert "Horizon free" in finding.remedies[0].why
        assert (await work.remedy(finding))["verified"] is True
        assert loud(await work.triage(limits, only="bloat.index")) == []
