"""A primary and a standby that streams from it, made with the server's own pg_basebackup."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from helpdesk_tui.demo.embedded import EmbeddedServer
from tests.servers import create, directory

PATIENCE_S = 60.0
POLL_S = 0.02


@contextmanager
def standby_of(
    primary: EmbeddedServer, name: str, slot: str = "", **settings: str
) -> Iterator[EmbeddedServer]:
    """A standby called `name` (its application_name), streaming when it is handed over; `slot` is made with it."""
    base = directory(primary.binaries.major, "helpdesk-copy-")
    standby = None
    try:
        copy = _base_backup(primary, base / "data", slot)
        follow = {
            "primary_conninfo": f"{primary.conninfo()} application_name={name}",
            "wal_receiver_status_interval": "1",
        }
        if slot:
            follow["primary_slot_name"] = slot
        # A standby refuses to start where these are lower than on its primary.
        inherited = {**primary.settings, **follow, **settings}
        standby = create(primary.binaries, copy, inherited)
        standby.start()
        until(
            primary,
            "SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'",
            name,
        )
        yield standby
    finally:
        if standby is not None:
            standby.destroy()
        shutil.rmtree(base, ignore_errors=True)


def _base_backup(primary: EmbeddedServer, target: Path, slot: str) -> Path:
    options = [
        "-D",
        str(target),
        "-X",
        "stream",
        "-c",
        "fast",
        "-h",
        str(primary.base),
        "-p",
        str(primary.port),
    ]
    if slot:
        options += ["--create-slot", "-S", slot]
    primary.binaries.run("pg_basebackup", *options, "-U", "postgres")
    (target / "standby.signal").touch()
    return target


def until(server: EmbeddedServer, query: str, *values: object, dbname: str = "postgres") -> None:
    """Return once a query gives true on a server; TimeoutError after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(server.conninfo(dbname=dbname), autocommit=True) as session:
        while True:
            row = session.execute(query.encode(), values).fetchone()
            if row is not None and row[0]:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(query)
            time.sleep(POLL_S)


def execute(server: EmbeddedServer, *statements: str, dbname: str = "postgres") -> None:
    """Run statements as the superuser, each in a transaction of its own."""
    with psycopg.connect(server.conninfo(dbname=dbname), autocommit=True) as session:
        for statement in statements:
            session.execute(statement.encode())
