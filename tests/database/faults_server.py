"""Faults of a whole server: WAL, checkpoints, I/O, configuration. Plain functions over a connection string."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg

WAL_PIECE = 1 << 20


@contextmanager
def repeated(conninfo: str, *statements: str) -> Iterator[None]:
    """Run statements again and again in a session of their own while the context is open."""
    stop, running = threading.Event(), threading.Event()

    def work() -> None:
        with psycopg.connect(conninfo, autocommit=True, application_name="load") as session:
            while not stop.is_set():
                for statement in statements:
                    session.execute(statement.encode())
                running.set()

    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(work)
        load.add_done_callback(lambda _: running.set())
        try:
            assert running.wait(60)
            yield
        finally:
            stop.set()
        load.result()


def wal_storm(conninfo: str) -> AbstractContextManager[None]:
    """Write WAL as fast as one session can, in transactions that leave nothing behind."""
    return repeated(conninfo, f"SELECT pg_logical_emit_message(false, 'load', repeat('x', {WAL_PIECE}))")


def overflow_subtransactions(conninfo: str, count: int = 100) -> psycopg.Connection[Any]:
    """A session whose open transaction has more subtransactions than fit the shared cache; close it to end it."""
    session = psycopg.connect(conninfo, autocommit=True, application_name="import-job")
    session.execute("CREATE TABLE IF NOT EXISTS public.imported (id int)")
    session.execute("BEGIN")
    session.execute(
        f"""DO $$ BEGIN FOR n IN 1..{count} LOOP
              BEGIN INSERT INTO public.imported VALUES (n); EXCEPTION WHEN division_by_zero THEN NULL; END;
            END LOOP; END $$""".encode()
    )
    return session
