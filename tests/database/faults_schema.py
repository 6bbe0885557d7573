"""Faults of schemas, statistics and statements: plain functions that make one fault in the database at `conninfo`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql


def run(conninfo: str, *statements: str) -> None:
    """Run statements as they are, each in a session of its own: a session counts what it did when it ends."""
    for statement in statements:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            pid = connection.info.backend_pid
            connection.execute(statement.encode())
        _until_gone(conninfo, pid)


def _until_gone(conninfo: str, pid: int) -> None:
    """Return once the server has let go of a session, and with it counted what it did."""
    with psycopg.connect(conninfo, autocommit=True) as watcher:
        while watcher.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            time.sleep(0.005)


def orders_and_items(conninfo: str, rows: int = 20_000) -> None:
    """Two tables, the second referring to the first without an index, analyzed."""
    run(
        conninfo,
        "CREATE TABLE public.orders (id int PRIMARY KEY, note text)",
        f"INSERT INTO public.orders SELECT n, 'order ' || n FROM generate_series(1, {rows}) n",
        "CREATE TABLE public.items (id int PRIMARY KEY, order_id int REFERENCES public.orders, note text)",
        f"INSERT INTO public.items SELECT n, n, repeat('x', 80) FROM generate_series(1, {rows}) n",
        "VACUUM ANALYZE public.orders",
        "VACUUM ANALYZE public.items",
    )


def delete_parents(conninfo: str) -> None:
    """A delete of an order that has no items any more."""
    run(conninfo, "DELETE FROM public.items WHERE order_id = 7", "DELETE FROM public.orders WHERE id = 7")


def wasted_space(conninfo: str, relation: str = "public.carts", rows: int = 30_000) -> None:
    """A table of which nine rows in ten are gone, vacuumed, with an index that is as empty."""
    run(
        conninfo,
        f"CREATE TABLE {relation} (id int PRIMARY KEY, note text)",
        f"INSERT INTO {relation} SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, {rows}) n",
        f"DELETE FROM {relation} WHERE id % 10 <> 0",
        f"VACUUM ANALYZE {relation}",
    )


def not_valid_check(conninfo: str, name: str = "note_is_short") -> None:
    """A check that was added NOT VALID and holds for all rows."""
    constraint = sql.SQL("ALTER TABLE public.orders ADD CONSTRAINT {} CHECK (length(note) < 100) NOT VALID")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(constraint.format(sql.Identifier(name)))


def disabled_trigger(conninfo: str, name: str = "audit") -> None:
    """An audit trigger that somebody switched off."""
    function = "CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    trigger = "CREATE TRIGGER {} BEFORE INSERT ON public.orders FOR EACH ROW EXECUTE FUNCTION public.audit()"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(function.encode())
        connection.execute(sql.SQL(trigger).format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("ALTER TABLE public.orders DISABLE TRIGGER {}").format(sql.Identifier(name))
        )


def worn_sequence(conninfo: str, percent: int = 96) -> None:
    """An int4 key whose sequence has used that much of its numbers."""
    run(
        conninfo,
        "CREATE TABLE public.tickets (id serial PRIMARY KEY)",
        f"SELECT setval('public.tickets_id_seq', {2147483647 * percent // 100})",
    )


def rows_in_default(conninfo: str, rows: int = 5) -> None:
    """A table partitioned by day, without a partition for the rows that come in."""
    run(
        conninfo,
        "CREATE TABLE public.visits (at date NOT NULL) PARTITION BY RANGE (at)",
        "CREATE TABLE public.visits_old PARTITION OF public.visits FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')",
        "CREATE TABLE public.visits_rest PARTITION OF public.visits DEFAULT",
        f"INSERT INTO public.visits SELECT '2021-01-01' FROM generate_series(1, {rows})",
        "ANALYZE public.visits_rest",
    )


def scanned_in_full(conninfo: str, scans: int = 60, relation: str = "public.items") -> None:
    """A table read from end to end again and again."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for _ in range(scans):
            connection.execute(f"SELECT count(*) FROM {relation} WHERE note = 'y'".encode())


def cold_updates(conninfo: str, rows: int = 3000) -> None:
    """Updates of an indexed column: none of them HOT."""
    run(
        conninfo,
        "CREATE TABLE public.clocks (id int PRIMARY KEY, at int)",
        f"INSERT INTO public.clocks SELECT n, n FROM generate_series(1, {rows}) n",
        "CREATE INDEX clocks_at ON public.clocks (at)",
        "UPDATE public.clocks SET at = at + 1",
    )


def correlated_columns(conninfo: str, rows: int = 20_000, times: int = 5) -> None:
    """A table whose two columns are always equal, and a statement that compares both."""
    run(
        conninfo,
        "CREATE TABLE public.places (id int PRIMARY KEY, city int, postcode int)",
        f"INSERT INTO public.places SELECT n, n % 100, n % 100 FROM generate_series(1, {rows}) n",
        "ANALYZE public.places",
    )
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for number in range(times):
            connection.execute(
                f"SELECT id FROM public.places WHERE city = {number} AND postcode = {number}".encode()
            )


def rollbacks(conninfo: str, count: int = 200) -> None:
    """Transactions that end in a rollback."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for _ in range(count):
            connection.execute(b"BEGIN; SELECT 1; ROLLBACK")


def spill(conninfo: str, rows: int = 30_000, settings: Sequence[str] = ("work_mem = '64kB'",)) -> None:
    """A sort that doesn't fit into memory."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for setting in settings:
            connection.execute(f"SET {setting}".encode())
        connection.execute(
            f"SELECT count(*) FROM (SELECT md5(n::text) AS h FROM generate_series(1, {rows}) n ORDER BY h) s".encode()
        )


def extension(conninfo: str, name: str) -> bool:
    """Install an extension where its files are there; whether they are."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_available_extensions WHERE name = %s", [name]).fetchone()
        if found is not None:
            connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(name)))
    return found is not None


@contextmanager
def again_and_again(fault: Callable[[], None]) -> Iterator[None]:
    """Make a fault in the background, over and over, once at least before the context is entered."""
    over, begun = threading.Event(), threading.Event()

    def loop() -> None:
        while not over.is_set():
            fault()
            begun.set()

    worker = threading.Thread(target=loop, daemon=True)
    worker.start()
    assert begun.wait(60)
    try:
        yield
    finally:
        over.set()
        worker.join()
