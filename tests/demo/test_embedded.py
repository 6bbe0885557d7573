"""The disposable server: real, private, and gone without a trace."""

from __future__ import annotations

import stat

import psycopg
import pytest

from helpdesk_tui.demo.embedded import EmbeddedServer, binaries_for, installed_binaries
from inventory.errors import UserError


def test_every_version_of_the_wheel_is_found() -> None:
    assert {16, 18} <= set(installed_binaries())


def test_server_answers_with_the_version_asked_for(pg: EmbeddedServer) -> None:
    with psycopg.connect(pg.conninfo()) as connection:
        assert connection.info.server_version // 10000 == pg.binaries.major


def test_server_and_directory_are_gone_after_the_with_block() -> None:
    with EmbeddedServer.create(18) as server:
        base, conninfo = server.base, server.conninfo()
        assert stat.S_IMODE(base.stat().st_mode) == 0o700
        psycopg.connect(conninfo).close()
    assert not base.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo, connect_timeout=2)


def test_tcp_needs_a_password(pg18: EmbeddedServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(pg18.conninfo(tcp=True))


def test_settings_survive_a_restart(server_factory) -> None:
    server = server_factory.fresh(18, max_connections="37")
    server.set(work_mem="7MB")
    server.restart()
    with psycopg.connect(server.conninfo()) as connection:
        shown = [connection.execute(f"SHOW {name}").fetchone()[0] for name in ("max_connections", "work_mem")]
    assert shown == ["37", "7MB"]


def test_a_version_that_is_not_here_is_one_line() -> None:
    with pytest.raises(UserError, match=r"PostgreSQL 9 is not installed here \(found: .*18"):
        binaries_for(9)
