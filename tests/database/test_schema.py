"""Keys, sequences, constraints, triggers, partitions: each fault named with its object, and gone after its remedy."""

from __future__ import annotations

import secrets

import psycopg
import pytest

from agents.kernel.records import Finding, Report
from agents.kernel.tool import Refused
from tests.conftest import Database
from tests.database import faults_schema as faults
from tests.database.desk import desk, only
from tests.database.faults import Faults


def of(report: Report, condition: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.condition == condition]


async def test_a_worn_sequence_is_named_with_its_column(database: Database) -> None:
    faults.worn_sequence(database.conninfo(), 96)
    async with desk(database.conninfo()) as work:
        finding = only(await work.triage(only="seq"), "seq.exhaustion")
        assert finding.severity == "critical"
        assert (finding.subject["sequence"], finding.subject["relation"], finding.subject["column"]) == (
            "public.tickets_id_seq", "public.tickets", "id",
        )  # fmt: skip
        faults.run(database.conninfo(), "SELECT setval('public.tickets_id_seq', 1900000000)")
        assert only(await work.triage(only="seq"), "seq.exhaustion").severity == "warning"
        faults.run(database.conninfo(), "SELECT setval('public.tickets_id_seq', 1200000000)")
        assert only(await work.triage(only="seq"), "seq.exhaustion").severity == "info"
        restart = "ALTER SEQUENCE public.tickets_id_seq MINVALUE -2147483648 RESTART"
        faults.run(database.conninfo(), restart)
        assert (await work.triage(only="seq")).findings == ()


async def test_a_bigint_sequence_that_fills_an_integer_is_seen(database18: Database) -> None:
    faults.run(
        database18.conninfo(),
        'CREATE SEQUENCE public."odd ""name"',
        'CREATE TABLE public.notes (id int DEFAULT nextval(\'public."odd ""name"\'))',
        'SELECT setval(\'public."odd ""name"\', 2100000000)',
    )
    async with desk(database18.conninfo()) as work:
        finding = only(await work.triage(only="seq.exhaustion"), "seq.exhaustion")
        assert finding.subject["sequence"] == 'public."odd ""name"'
        assert (finding.subject["relation"], finding.subject["column_type"]) == ("public.notes", "integer")


async def test_a_login_that_may_not_read_sequences_is_no_all_clear(database: Database) -> None:
    faults.worn_sequence(database.conninfo())
    async with Faults(database) as other:
        await other.admin.execute(f"GRANT pg_monitor TO {other.role}".encode())
        async with desk(database.conninfo(user=other.role)) as work:
            report = await work.triage(only="seq.exhaustion")
            assert report.findings == ()
            (item,) = report.not_checked
            assert "public.tickets_id_seq" in item.reason
            assert item.remedy == f'GRANT pg_read_all_data TO "{other.role}"'
            await other.admin.execute(item.remedy.encode())
            assert only(await work.triage(only="seq.exhaustion"), "seq.exhaustion").severity == "critical"


async def test_a_constraint_that_was_never_validated(database: Database) -> None:
    name = f'short "{secrets.token_hex(3)}"'
    faults.orders_and_items(database.conninfo(), 200)
    faults.not_valid_check(database.conninfo(), name)
    async with desk(database.conninfo()) as work:
        finding = only(await work.triage(only="constraint"), "constraint.not_valid")
        assert (finding.severity, finding.subject["relation"]) == ("info", "public.orders")
        assert finding.subject["constraint"] == name
        approval = await work.request(finding)
        quoted = '"' + name.replace('"', '""') + '"'
        assert approval.preview.effect[0] == f"ALTER TABLE public.orders VALIDATE CONSTRAINT {quoted}"
        assert (await work.approve(approval)).body["verified"] is True
        assert (await work.triage(only="constraint")).findings == ()
        with pytest.raises(Refused, match="validated already"):
            await work.request(finding)


async def test_a_constraint_that_rows_break_stays_and_says_so(database18: Database) -> None:
    faults.orders_and_items(database18.conninfo(), 200)
    faults.run(
        database18.conninfo(), "ALTER TABLE public.orders ADD CONSTRAINT tiny CHECK (id < 100) NOT VALID"
    )
    async with desk(database18.conninfo()) as work:
        finding = only(await work.triage(only="constraint"), "constraint.not_valid")
        ended = await work.remedy(finding)
        assert (ended["ok"], ended["verified"]) == (False, False)
        assert "tiny" in ended["text"]


async def test_a_constraint_that_is_not_enforced_is_meant_so(database18: Database) -> None:
    faults.orders_and_items(database18.conninfo(), 200)
    faults.run(
        database18.conninfo(),
        "ALTER TABLE public.orders ADD CONSTRAINT wish CHECK (id < 100) NOT ENFORCED",
    )
    async with desk(database18.conninfo()) as work:
        assert (await work.triage(only="constraint")).findings == ()


async def test_a_disabled_trigger_is_named_and_enabled(database: Database) -> None:
    name = f"audit {secrets.token_hex(3)}"
    faults.orders_and_items(database.conninfo(), 200)
    faults.disabled_trigger(database.conninfo(), name)
    async with desk(database.conninfo()) as work:
        finding = only(await work.triage(only="trigger"), "trigger.disabled")
        assert (finding.severity, finding.subject["trigger"]) == ("warning", name)
        approval = await work.request(finding)
        assert (await work.approve(approval)).body["verified"] is True
        assert (await work.triage(only="trigger")).findings == ()
        assert (await work.approve(await work.undo(approval))).body["verified"] is True
        assert of(await work.triage(only="trigger"), "trigger.disabled")


async def test_triggers_that_guard_a_foreign_key_tell_which(database18: Database) -> None:
    faults.orders_and_items(database18.conninfo(), 200)
    faults.run(database18.conninfo(), "ALTER TABLE public.items DISABLE TRIGGER ALL")
    async with desk(database18.conninfo()) as work:
        found = of(await work.triage(only="trigger"), "trigger.disabled")
        assert {finding.subject["constraint"] for finding in found} == {"items_order_id_fkey"}
        for finding in found:
            assert (await work.remedy(finding))["verified"] is True
        assert (await work.triage(only="trigger")).findings == ()


async def test_rows_in_the_default_partition(database: Database) -> None:
    faults.rows_in_default(database.conninfo(), 5)
    async with desk(database.conninfo()) as work:
        finding = only(await work.triage(only="partition"), "partition.default_growing")
        assert (finding.severity, finding.subject["rows"]) == ("warning", 5)
        assert finding.subject["default_partition"] == "public.visits_rest"
        faults.run(
            database.conninfo(),
            "BEGIN; ALTER TABLE public.visits DETACH PARTITION public.visits_rest;"
            "CREATE TABLE public.visits_2021 PARTITION OF public.visits FOR VALUES FROM ('2021-01-01') TO ('2021-02-01');"
            "INSERT INTO public.visits SELECT * FROM public.visits_rest; TRUNCATE public.visits_rest;"
            "ALTER TABLE public.visits ATTACH PARTITION public.visits_rest DEFAULT; COMMIT",
            "ANALYZE public.visits_rest",
        )
        assert (await work.triage(only="partition")).findings == ()


@pytest.mark.parametrize(
    ("kind", "until", "loud"),
    [
        ("date", "now() + interval '3 hours'", True),
        ("timestamptz", "now() - interval '2 days'", True),
        ("timestamp", "now() + interval '9 days'", False),
        ("timestamptz", "now() - interval '400 days'", False),
    ],
)
async def test_the_partition_after_the_newest(
    database18: Database, kind: str, until: str, loud: bool
) -> None:
    """A date of today counts as its first moment, which has passed."""
    faults.run(
        database18.conninfo(),
        f"CREATE TABLE public.visits (at {kind} NOT NULL) PARTITION BY RANGE (at)",
        "DO $$ BEGIN EXECUTE format('CREATE TABLE public.visits_last PARTITION OF public.visits "
        f"FOR VALUES FROM (%L) TO (%L)', '2001-01-01', ({until})::{kind}); END $$",
    )
    async with desk(database18.conninfo()) as work:
        found = (await work.triage(only="partition")).findings
        assert [(one.severity, one.subject["relation"]) for one in found] == (
            [("warning", "public.visits")] if loud else []
        )
        faults.run(
            database18.conninfo(),
            "DO $$ BEGIN EXECUTE format('CREATE TABLE public.visits_next PARTITION OF public.visits "
            f"FOR VALUES FROM (%L) TO (MAXVALUE)', ({until})::{kind}); END $$",
        )
        assert (await work.triage(only="partition")).findings == ()


async def test_a_table_without_a_key_matters_once_it_is_published(database: Database) -> None:
    publication = f"pub_{secrets.token_hex(3)}"
    faults.run(database.conninfo(), "CREATE TABLE public.logbook (line text)")
    async with desk(database.conninfo()) as work:
        finding = only(await work.triage(only="table"), "table.no_primary_key")
        assert (finding.severity, finding.subject["relation"]) == ("info", "public.logbook")
        faults.run(database.conninfo(), f"CREATE PUBLICATION {publication} FOR TABLE public.logbook")
        finding = only(await work.triage(only="table"), "table.no_primary_key")
        assert (finding.severity, finding.subject["publications"]) == ("warning", [publication])
        faults.run(database.conninfo(), "ALTER TABLE public.logbook ADD COLUMN id int PRIMARY KEY")
        assert of(await work.triage(only="table"), "table.no_primary_key") == []


async def test_hostile_names_in_every_statement(database18: Database) -> None:
    table = "Ünïcode; DROP TABLE x --'%s{}"
    quoted = '"a""b"."' + table + '"'
    with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
        admin.execute('CREATE SCHEMA "a""b"')
        admin.execute(f'CREATE TABLE {quoted} ("x\'y" int, v int CONSTRAINT "c%s" CHECK (v > 0))'.encode())
        admin.execute(f"INSERT INTO {quoted} SELECT n, n FROM generate_series(1, 2000) n".encode())
        admin.execute(f'ALTER TABLE {quoted} ADD CONSTRAINT "n{{}}" CHECK (v < 9000) NOT VALID'.encode())
    async with desk(database18.conninfo()) as work:
        finding = only(await work.triage(only="constraint"), "constraint.not_valid")
        assert finding.subject["relation"] == quoted
        assert (await work.remedy(finding))["verified"] is True
        approval = await work.propose(
            "create_index_concurrently", {"relation": quoted, "columns": ["x'y", "v"]}
        )
        assert (await work.approve(approval)).body["verified"] is True
        dropped = await work.undo(approval)
        assert (await work.approve(dropped)).body["verified"] is True
        assert (await work.approve(await work.undo(dropped))).body["verified"] is True
        assert (await work.approve(await work.propose("analyze_table", {"relation": quoted}))).body[
            "verified"
        ] is True
