"""Real PostgreSQL servers for tests: every version that this machine has, each initialised once a process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

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


class ServerFactory:
    """Starts servers and stops them all at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._templates: dict[int, Path] = {}
        self._shared: dict[int, EmbeddedServer] = {}

    def fresh(self, major: int = 18, **settings: str) -> EmbeddedServer:
        """A running server of its own, with `settings`; destroyed with the factory at the latest."""
        base = Path(tempfile.mkdtemp(prefix="helpdesk-pg-"))
        server = EmbeddedServer(binaries(major), base, settings, self._template(major))
        self._stack.callback(server.destroy)
        return server.start()

    def shared(self, major: int) -> EmbeddedServer:
        """The server of `major` that all tests of this process share."""
        if major not in self._shared:
            self._shared[major] = self.fresh(major, **shared_settings(major))
        return self._shared[major]

    def close(self) -> None:
        self._stack.close()

    def _template(self, major: int) -> Path:
        if major not in self._templates:
            base = Path(tempfile.mkdtemp(prefix="helpdesk-template-"))
            self._stack.callback(shutil.rmtree, base, ignore_errors=True)
            data_dir = base / "data"
            initialise(runnable(binaries(major), base), data_dir)
            self._templates[major] = data_dir
        return self._templates[major]


def binaries(major: int) -> Binaries:
    """The programs of `major`, installed or fetched. Raises UserError where there are none."""
    return FETCHED.get(major) or binaries_for(major)


def shared_settings(major: int) -> dict[str, str]:
    """Settings of the shared server: what Debian's contrib modules need, where they are there."""
    settings = {"max_connections": "100", "max_prepared_transactions": "10", "wal_level": "logical"}
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
