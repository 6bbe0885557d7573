"""The pulse: right figures from a real server, never late, never in the way."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from helpdesk_tui.demo.embedded import EmbeddedServer, free_port
from inventory.pulse import TIMEOUT_S, Pulse, PulseReader, read_pulse
from inventory.target import Target
from tests.conftest import Database
from tests.inventory.conftest import PATIENCE_S, SLOTS, Guarded, listening, sessions
from tests.servers import ServerFactory, create

PULSE_SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'helpdesk/pulse' AND datname = %s"
)


@pytest.fixture
async def reader() -> AsyncIterator[PulseReader]:
    made = PulseReader()
    yield made
    await made.close()


async def until_alone(guarded: Guarded) -> None:
    """Sessions of earlier tests are gone; a backend ends a moment after its connection."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE client_port IS NOT NULL AND pid <> pg_backend_pid()"
    with guarded.superuser() as admin:
        async with asyncio.timeout(PATIENCE_S):
            while admin.execute(others).fetchone() != (0,):
                await asyncio.sleep(0.01)


async def test_a_blocked_session_and_an_old_transaction_show(guarded: Guarded, reader: PulseReader) -> None:
    watcher = Target.from_dsn(guarded.tcp("watcher"))
    await until_alone(guarded)
    quiet = await reader.read(watcher)
    assert (quiet.up, quiet.error, quiet.role, quiet.blocked) == (True, "", "primary", 0)
    assert quiet.version.split(".")[0] == str(guarded.server.binaries.major)
    assert (quiet.max_connections, quiet.lag_s, quiet.lag_bytes) == (SLOTS, None, None)
    assert quiet.connections is not None
    assert datetime.fromisoformat(quiet.taken_at).utcoffset() is not None
    with guarded.superuser() as holder, guarded.superuser() as waiter:
        holder.execute("BEGIN")
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        waiting = asyncio.create_task(asyncio.to_thread(waiter.execute, "SELECT pg_advisory_lock(1)"))
        sick = quiet
        while not sick.blocked:
            sick = await reader.read(watcher)
            assert sick.up
        holder.execute("COMMIT")
        await waiting
    assert sick.blocked == 1
    assert sick.connections == quiet.connections + 2
    assert sick.oldest_xact_s is not None
    assert sick.oldest_xact_s > 0


async def test_a_role_without_privileges_sees_less_but_something(guarded: Guarded) -> None:
    pulse = await read_pulse(Target.from_dsn(guarded.tcp("trusted")))
    assert (pulse.up, pulse.role, pulse.max_connections) == (True, "primary", SLOTS)
    assert pulse.connections is not None
    assert (pulse.oldest_xact_s, pulse.blocked, pulse.lag_s, pulse.lag_bytes) == (None, None, None, None)


async def test_one_connection_is_kept_and_closed_at_the_end(database: Database) -> None:
    reader, target = PulseReader(), Target.from_dsn(database.conninfo())
    with psycopg.connect(database.server.conninfo(), autocommit=True) as admin:

        def pulse_sessions() -> object:
            row = admin.execute(PULSE_SESSIONS, (database.name,)).fetchone()
            assert row is not None
            return row[0]

        pulses = await asyncio.gather(*(reader.read(target) for _ in range(4)))
        assert [pulse.error for pulse in pulses] == [""] * 4
        assert pulse_sessions() == 1
        await reader.close()
        deadline = time.monotonic() + PATIENCE_S
        while pulse_sessions() != 0:
            assert time.monotonic() < deadline
        assert (await read_pulse(target)).up


async def test_a_kept_connection_still_reads_a_full_server(guarded: Guarded, reader: PulseReader) -> None:
    target = Target.from_dsn(guarded.tcp("watcher"))
    assert (await reader.read(target)).up
    async with sessions(guarded.tcp("trusted"), SLOTS):
        full = await reader.read(target)
        assert full.up
        assert full.connections is not None
        assert full.connections >= SLOTS - 4
        late = await read_pulse(target)
    assert not late.up
    assert late.error


async def test_a_restart_is_survived_and_a_stop_is_seen(
    server_factory: ServerFactory, reader: PulseReader
) -> None:
    server = server_factory.fresh(18)
    target = Target.from_dsn(server.conninfo())
    assert (await reader.read(target)).up
    server.restart()
    assert (await reader.read(target)).up
    server.stop()
    down = await reader.read(target)
    assert (down.up, down.version, down.connections) == (False, "", None)
    assert down.error
    server.start()
    assert (await reader.read(target)).up
    server.destroy()


@pytest.fixture
def replicated(
    server_factory: ServerFactory, tmp_path: Path
) -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """A primary and a standby that streams from it."""
    primary = server_factory.fresh(18)
    primary.stop()
    template = tmp_path / "template"
    shutil.copytree(primary.data_dir, template)
    (template / "standby.signal").touch()
    primary.start()
    follow = {"primary_conninfo": primary.conninfo(), "wal_receiver_status_interval": "1"}
    standby = create(primary.binaries, template, follow)
    try:
        yield primary, standby.start()
    finally:
        standby.destroy()
        primary.destroy()


async def test_a_primary_and_its_standby_know_how_far_it_is_behind(
    replicated: tuple[EmbeddedServer, EmbeddedServer], reader: PulseReader
) -> None:
    primary, standby = replicated
    targets = [Target.from_dsn(server.conninfo()) for server in replicated]

    async def both_until(settled: Callable[[Pulse, Pulse], bool]) -> tuple[Pulse, Pulse]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                first, second = [await reader.read(target) for target in targets]
                assert (first.role, second.role) == ("primary", "standby")
                if settled(first, second):
                    return first, second
                await asyncio.sleep(0.05)

    await both_until(lambda first, second: first.lag_bytes == 0 and second.lag_bytes == 0)
    with psycopg.connect(standby.conninfo(), autocommit=True) as admin:
        admin.execute("SELECT pg_wal_replay_pause()")
    with psycopg.connect(primary.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE TABLE later AS SELECT generate_series(1, 1000)")
    behind = await both_until(lambda first, second: bool(first.lag_bytes and second.lag_bytes))
    assert all(pulse.lag_s is None or pulse.lag_s >= 0 for pulse in behind)
    with psycopg.connect(standby.conninfo(), autocommit=True) as admin:
        admin.execute("SELECT pg_wal_replay_resume()")
    _, caught_up = await both_until(lambda first, second: first.lag_bytes == 0 and second.lag_bytes == 0)
    assert caught_up.lag_s == 0


async def test_a_standby_that_streams_from_nobody_has_no_figure_for_its_lag(
    server_factory: ServerFactory,
) -> None:
    server = server_factory.fresh(16)
    server.stop()
    (server.data_dir / "standby.signal").touch()
    server.start()
    pulse = await read_pulse(Target.from_dsn(server.conninfo()))
    assert (pulse.up, pulse.role, pulse.lag_bytes) == (True, "standby", None)
    server.destroy()


async def test_a_frozen_server_is_not_waited_for(server_factory: ServerFactory, reader: PulseReader) -> None:
    server: EmbeddedServer = server_factory.fresh(16)
    target = Target.from_dsn(server.conninfo(tcp=True))
    postmaster = server.postmaster_pid()
    os.kill(postmaster, signal.SIGSTOP)
    try:
        started = time.perf_counter()
        pulse = await reader.read(target)
        took = time.perf_counter() - started
    finally:
        os.kill(postmaster, signal.SIGCONT)
    assert TIMEOUT_S - 0.5 < took < TIMEOUT_S + PATIENCE_S
    assert (pulse.up, pulse.error) == (False, f"no answer within {TIMEOUT_S:g} s")
    server.destroy()


async def test_the_event_loop_never_waits(reader: PulseReader) -> None:
    held = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    async with listening(silent) as port:
        task = asyncio.create_task(reader.read(Target.from_dsn(f"host=127.0.0.1 port={port}")))
        longest = 0.0
        while not task.done():
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)
        held.set()
    assert longest < 1.0
    assert not task.result().up


async def test_whatever_goes_wrong_is_one_masked_line(guarded: Guarded, reader: PulseReader) -> None:
    password = secrets.token_hex(8)
    for dsn in (
        f"host=127.0.0.1 port={free_port()}",
        f"host=h{secrets.token_hex(4)}.invalid",
        guarded.tcp("scram", password),
        guarded.tcp("rejected", password),
        guarded.tcp("trusted", dbname="nothing\n\x1b[2J"),
        f"{guarded.tcp('trusted')} sslmode=verify-full sslrootcert=/nothing",
        "service=nowhere",
    ):
        pulse = await reader.read(Target.from_dsn(dsn, name="x"))
        assert not pulse.up
        assert pulse.error
        assert len(pulse.error.splitlines()) == 1
        assert password not in pulse.error
        assert "\x1b" not in pulse.error


async def test_a_refused_login_is_not_hammered(guarded: Guarded, reader: PulseReader) -> None:
    wrong = Target.from_dsn(guarded.tcp("hashed", secrets.token_hex(8)))
    said = f'password authentication failed for user "{guarded.role("hashed")}"'
    before = guarded.server.log_file.read_text().count(said)
    first = await reader.read(wrong)
    attempts = guarded.server.log_file.read_text().count(said) - before
    assert attempts > 0
    assert [await reader.read(wrong) for _ in range(3)] == [first] * 3
    assert guarded.server.log_file.read_text().count(said) - before == attempts
