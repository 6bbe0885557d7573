"""Real PostgreSQL servers for tests: every version that this machine has, each initialised once a process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import psutil

from helpdesk_tui.demo.embedded import (
    Binaries,
    EmbeddedServer,
    binaries_for,
    initialise,
    installed_binaries,
    runnable,
)

ROOT = Path(__file__).parents[1]
WANTED = (15, 16, 18)
AVAILABLE = tuple(major for major in WANTED if major in installed_binaries())
FETCHED = {
    int(path.parents[1].name.removeprefix("pg")): Binaries(int(path.parents[1].name.removeprefix("pg")), path)
    for path in sorted(ROOT.glob(".servers/node_modules/pg*/native/bin"))
}
"""Further servers, which `make servers` brings."""
ROOM_BYTES = 6 << 30
"""What all servers of a run need at most, measured, and as much again."""
QUIET = {"autovacuum_naptime": "1d"}
"""Autovacuum is on, as it should be, and does not come in the middle of a test."""


class ServerFactory:
    """Starts servers and stops them all at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._templates: dict[int, tuple[Binaries, Path]] = {}
        self._shared: dict[int, EmbeddedServer] = {}

    def fresh(self, major: int = 18, **settings: str) -> EmbeddedServer:
        """A running server of its own, with `settings`; destroyed with the factory at the latest."""
        server = create(*self._template(major), {**QUIET, **settings})
        self._stack.callback(server.destroy)
        return server.start()

    def shared(self, major: int) -> EmbeddedServer:
        """The server of `major` that all tests of this process share."""
        if major not in self._shared:
            self._shared[major] = self.fresh(major, **shared_settings(major))
        return self._shared[major]

    def close(self) -> None:
        self._stack.close()

    def _template(self, major: int) -> tuple[Binaries, Path]:
        """Binaries that the servers' account can run, and a data directory to copy."""
        if major not in self._templates:
            base = directory(major, "helpdesk-template-")
            self._stack.callback(shutil.rmtree, base, ignore_errors=True)
            programs = runnable(binaries(major), base)
            base.chmod(0o755)
            initialise(programs, base / "data")
            self._templates[major] = programs, base / "data"
        return self._templates[major]


def binaries(major: int) -> Binaries:
    """The programs of `major`, installed or fetched. Raises UserError where there are none."""
    return FETCHED.get(major) or binaries_for(major)


def create(programs: Binaries, template: Path, settings: Mapping[str, str] | None = None) -> EmbeddedServer:
    """A server on a copy of the data directory `template`, not started yet; whoever asks for it destroys it."""
    return EmbeddedServer(programs, directory(programs.major, "helpdesk-pg-"), settings or {}, template)


def directory(major: int, prefix: str) -> Path:
    """A fresh private directory, which the keeper takes away with the server in it where this process is killed."""
    base = Path(tempfile.mkdtemp(prefix=prefix, dir=place()))
    keeper = _keeper()
    assert keeper.stdin is not None
    keeper.stdin.write(f"{major} {base}\n")
    keeper.stdin.flush()
    return base


@cache
def _keeper() -> subprocess.Popen[str]:
    """This process' keeper; it ends by itself once this process has."""
    command = [sys.executable, "-m", "tests.keeper"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)


def place() -> str | None:
    """Where servers live: in memory where there is plenty of it, as a disk is what tests wait for most."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < ROOM_BYTES:
        return None
    return str(memory) if psutil.virtual_memory().available > 2 * ROOM_BYTES else None


def shared_settings(major: int) -> dict[str, str]:
    """Settings of the shared server: what Debian's contrib modules need, where they are there; a quick second try."""
    settings = {
        "max_connections": "100",
        "max_prepared_transactions": "10",
        "wal_level": "logical",
        "wal_retrieve_retry_interval": "500ms",
    }
    if major == 15:
        settings["shared_preload_libraries"] = "pg_stat_statements"
    return settings


def factory() -> Iterator[ServerFactory]:
    """Body of the session fixture."""
    made = ServerFactory()
    try:
        yield made
    finally:
        made.close()
