"""Servers whose pg_hba.conf refuses in every way, and things that listen without being PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psycopg
import pytest

from helpdesk_tui.demo.embedded import EmbeddedServer
from tests import servers
from tests.servers import ServerFactory

SLOTS, RESERVED = 14, 3
PATIENCE_S = 60.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Guarded:
    """A server with a role for each way of being let in or not. Names and passwords are new each time."""

    server: EmbeddedServer
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    suffix: str = field(default_factory=lambda: secrets.token_hex(3))

    def role(self, kind: str) -> str:
        return f"{kind}_{self.suffix}"

    def tcp(self, kind: str, password: str | None = None, dbname: str = "postgres") -> str:
        return self.server.conninfo(user=self.role(kind), dbname=dbname, password=password, tcp=True)

    def socket(self, kind: str, dbname: str = "postgres") -> str:
        return self.server.conninfo(user=self.role(kind), dbname=dbname)

    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.server.conninfo(), autocommit=True)

    def hba(self, lines: Iterable[str]) -> None:
        """Replace the rules and return once they hold."""
        before = self._loaded()
        self.server.hba(lines)
        deadline = time.monotonic() + PATIENCE_S
        while self._loaded() == before:
            assert time.monotonic() < deadline, "the server does not reload"
            time.sleep(0.01)

    def _loaded(self) -> object:
        with self.superuser() as admin:
            row = admin.execute("SELECT pg_conf_load_time()").fetchone()
        assert row is not None
        return row[0]


def guard(server: EmbeddedServer) -> Guarded:
    """Make the roles and the rules of `Guarded` on `server`."""
    made = Guarded(server)
    name = made.role
    with made.superuser() as admin:
        for kind in ("trusted", "scram", "clear", "rejected", "stranger", "peered", "sslonly", "unset"):
            admin.execute(f"CREATE ROLE {name(kind)} LOGIN PASSWORD '{made.password}'")
        admin.execute(f"ALTER ROLE {name('unset')} PASSWORD NULL")
        admin.execute(f"CREATE ROLE {name('nologin')}")
        admin.execute(f"CREATE ROLE {name('limited')} LOGIN CONNECTION LIMIT 1")
        admin.execute(f"CREATE ROLE {name('watcher')} LOGIN IN ROLE pg_monitor")
        admin.execute("SET password_encryption = 'md5'")
        admin.execute(f"CREATE ROLE {name('hashed')} LOGIN PASSWORD '{made.password}'")
        for database in ("limited_db", "closed_db", "private_db"):
            admin.execute(f"CREATE DATABASE {name(database)}")
        admin.execute(f"ALTER DATABASE {name('limited_db')} CONNECTION LIMIT 1")
        admin.execute(f"ALTER DATABASE {name('closed_db')} ALLOW_CONNECTIONS false")
        admin.execute(f"REVOKE CONNECT ON DATABASE {name('private_db')} FROM PUBLIC")
    trusted = ",".join(map(name, ("trusted", "nologin", "limited", "watcher", "missing")))
    rules = [
        f"local all {name('peered')} peer",
        "local all all trust",
        f"host all {trusted} 127.0.0.1/32 trust",
        f"host all {name('rejected')} 127.0.0.1/32 reject",
        f"host all {name('scram')},{name('unset')} 127.0.0.1/32 scram-sha-256",
        f"host all {name('hashed')} 127.0.0.1/32 md5",
        f"host all {name('clear')} 127.0.0.1/32 password",
    ]
    if server.binaries.major == 15:  # the wheels' servers are built without TLS
        rules.append(f"hostssl all {name('sslonly')} 127.0.0.1/32 trust")
    made.hba(rules)
    return made


@pytest.fixture(scope="session", params=servers.AVAILABLE, ids=lambda major: f"pg{major}")
def guarded(request: pytest.FixtureRequest, server_factory: ServerFactory) -> Guarded:
    return guard(
        server_factory.fresh(
            request.param, max_connections=str(SLOTS), superuser_reserved_connections=str(RESERVED)
        )
    )


@pytest.fixture(scope="session")
def guarded18(server_factory: ServerFactory) -> Guarded:
    return guard(
        server_factory.fresh(18, max_connections=str(SLOTS), superuser_reserved_connections=str(RESERVED))
    )


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A TCP listener on the loopback that treats every connection with `serve`; its port."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def sessions(conninfo: str, most: int) -> AsyncIterator[int]:
    """Up to `most` open sessions, as many as the server takes; how many."""
    opened: list[psycopg.AsyncConnection[tuple[object, ...]]] = []
    try:
        for _ in range(most):
            try:
                opened.append(await psycopg.AsyncConnection.connect(conninfo))
            except psycopg.OperationalError:
                break
        yield len(opened)
    finally:
        for connection in opened:
            await connection.close()
        await _until_there_is_room(conninfo)


async def _until_there_is_room(conninfo: str) -> None:
    """A backend gives its slot back a moment after the connection is closed."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(psycopg.OperationalError):
                await (await psycopg.AsyncConnection.connect(conninfo)).close()
                return
