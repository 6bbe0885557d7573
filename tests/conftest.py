"""Fixtures that every room's tests share: real servers, fresh databases, a home of its own for each test."""

from __future__ import annotations

import gc
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from agents.protocol.sdk import import_lean
from helpdesk_tui.demo.embedded import EmbeddedServer
from inventory import masking
from tests import servers
from tests.servers import ServerFactory

VENDORS = ("ANTHROPIC_", "GEMINI_", "GOOGLE_", "OPENAI_")
"""Variables with somebody's key: no test may reach a real vendor."""

# What is made while tests are collected stays: looking for garbage in it takes a fifth of that, and of the tests.
gc.disable()
import_lean("agents.protocol.server", "agents.protocol.conversation")

# A process that may not keep what it compiled would compile the whole program again, at each of its many starts.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What a busy machine does slowly is no fault, and a run finds the same as the one before it; new examples
# are looked for with `pytest --hypothesis-profile=search`.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("search", settings.get_profile("suite"), derandomize=False, max_examples=2000)
settings.load_profile("suite")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def server_factory() -> Iterator[ServerFactory]:
    yield from servers.factory()


@pytest.fixture(scope="session")
def pg16(server_factory: ServerFactory) -> EmbeddedServer:
    return server_factory.shared(16)


@pytest.fixture(scope="session")
def pg18(server_factory: ServerFactory) -> EmbeddedServer:
    return server_factory.shared(18)


@pytest.fixture(scope="session", params=servers.AVAILABLE, ids=lambda major: f"pg{major}")
def pg(request: pytest.FixtureRequest, server_factory: ServerFactory) -> EmbeddedServer:
    """The shared server of each version in turn."""
    server: EmbeddedServer = server_factory.shared(request.param)
    return server


@dataclass(frozen=True)
class Database:
    """A database of its own on a shared server."""

    server: EmbeddedServer
    name: str

    def conninfo(self, user: str = "postgres", password: str | None = None, tcp: bool = False) -> str:
        return self.server.conninfo(user=user, dbname=self.name, password=password, tcp=tcp)


def make_database(server: EmbeddedServer) -> Iterator[Database]:
    """A fresh database with a random name, dropped with whoever is still in it."""
    name = f"shop_{secrets.token_hex(4)}"
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    yield Database(server, name)
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def database(pg: EmbeddedServer) -> Iterator[Database]:
    yield from make_database(pg)


@pytest.fixture
def database18(pg18: EmbeddedServer) -> Iterator[Database]:
    yield from make_database(pg18)


@pytest.fixture(autouse=True)
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No test reads or writes the user's own files, keyring or libpq environment, or knows another one's secrets."""
    monkeypatch.setattr(masking, "_remembered", ())
    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(("PG", "HELPDESK_", "XDG_", "SSH_", *VENDORS)) or name in {
            "COLUMNS",
            "LINES",
            "NO_COLOR",
        }:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HELPDESK_CONFIG_DIR", str(home / "config"))
    monkeypatch.setenv("HELPDESK_STATE_DIR", str(home / "state"))
    # A Unix socket's path must stay short, which pytest's own directories aren't.
    with tempfile.TemporaryDirectory(prefix="hd-") as runtime:
        monkeypatch.setenv("HELPDESK_RUNTIME_DIR", runtime)
        yield home
