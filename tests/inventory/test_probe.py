"""Every way a server can refuse, on servers that really refuse, gets its own condition."""

from __future__ import annotations

import asyncio
import gettext
import os
import secrets
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from helpdesk_tui.demo.embedded import free_port
from inventory.errors import UserError
from inventory.failure import ConnectFailure
from inventory.probe import classify
from inventory.refusal import meaning
from inventory.secrets import SecretRef
from inventory.target import Target
from tests.inventory.conftest import SLOTS, Guarded, listening, sessions
from tests.servers import ServerFactory


async def failure_of(dsn: str, timeout_s: float = 30.0) -> ConnectFailure:
    failure = await classify(Target.from_dsn(dsn), timeout_s)
    assert failure is not None
    assert failure.stage in failure.stages
    assert "\n" not in failure.line()
    return failure


@pytest.mark.parametrize("kind", ["trusted", "scram", "hashed", "clear"])
async def test_who_is_let_in_is_let_in(guarded: Guarded, kind: str) -> None:
    assert await classify(Target.from_dsn(guarded.tcp(kind, guarded.password))) is None
    assert await classify(Target.from_dsn(guarded.socket(kind))) is None


@pytest.mark.parametrize(
    ("kind", "condition", "code", "stage"),
    [
        ("rejected", "server.hba_reject", "28000", "startup"),
        ("stranger", "server.hba_no_entry", "28000", "startup"),
        ("missing", "server.role_missing", "28000", "startup"),
        ("nologin", "server.role_missing", "28000", "startup"),
        ("unset", "server.password_failed", "28P01", "auth"),
    ],
)
async def test_rules_and_roles(guarded: Guarded, kind: str, condition: str, code: str, stage: str) -> None:
    failure = await failure_of(guarded.tcp(kind, guarded.password))
    assert (failure.condition, failure.sqlstate, failure.stage) == (condition, code, stage)
    assert (failure.host, failure.port) == ("127.0.0.1", guarded.server.port)
    assert failure.routine
    assert guarded.password not in repr(failure)


@pytest.mark.parametrize("kind", ["scram", "hashed", "clear"])
async def test_a_wrong_password_and_none_at_all(guarded: Guarded, kind: str) -> None:
    wrong = await failure_of(guarded.tcp(kind, f"no-{guarded.password}"))
    assert (wrong.condition, wrong.sqlstate, wrong.stage) == ("server.password_failed", "28P01", "auth")
    none = await failure_of(guarded.tcp(kind))
    assert (none.condition, none.sqlstate, none.stage) == ("server.password_failed", "", "auth")
    assert "none is known" in none.message


async def test_a_proof_that_is_no_password(guarded: Guarded) -> None:
    failure = await failure_of(guarded.socket("peered"))
    assert (failure.condition, failure.sqlstate) == ("server.hba_reject", "28000")
    assert "peer" in failure.detail


async def test_databases(guarded: Guarded) -> None:
    missing = await failure_of(guarded.tcp("trusted", dbname="nothing_" + guarded.suffix))
    assert (missing.condition, missing.sqlstate) == ("server.database_missing", "3D000")
    closed = await failure_of(guarded.tcp("trusted", dbname=guarded.role("closed_db")))
    assert (closed.condition, closed.sqlstate) == ("server.database_missing", "55000")
    private = await failure_of(guarded.tcp("trusted", dbname=guarded.role("private_db")))
    assert (private.condition, private.sqlstate) == ("access.insufficient_privilege", "42501")


async def test_a_limit_of_role_or_database_is_not_a_full_server(guarded: Guarded) -> None:
    limited_db = guarded.tcp("trusted", dbname=guarded.role("limited_db"))
    for dsn in (guarded.tcp("limited"), limited_db):
        async with sessions(dsn, 1) as opened:
            assert opened == 1
            failure = await failure_of(dsn)
        assert (failure.condition, failure.sqlstate) == ("conn.role_db_limit", "53300")


async def test_a_full_server(guarded: Guarded) -> None:
    async with sessions(guarded.tcp("trusted"), SLOTS) as opened:
        assert 0 < opened < SLOTS
        failure = await failure_of(guarded.tcp("watcher"))
    assert (failure.condition, failure.sqlstate) == ("conn.exhaustion", "53300")


async def test_all_of_the_password_sources_are_used(
    guarded: Guarded, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target.from_dsn(guarded.tcp("scram"))
    passfile = isolated_home / ".pgpass"
    passfile.write_text(f"127.0.0.1:{guarded.server.port}:*:{guarded.role('scram')}:{guarded.password}\n")
    passfile.chmod(0o600)
    assert await classify(target) is None
    monkeypatch.setenv("PGPASSWORD", secrets.token_hex(8))
    assert (await failure_of(guarded.tcp("scram"))).sqlstate == "28P01"
    monkeypatch.setenv("SHOP_PASSWORD", guarded.password)
    assert await classify(Target("t", target.conninfo, secret=SecretRef("env", "SHOP_PASSWORD"))) is None
    with pytest.raises(UserError, match="OTHER_PASSWORD is not set"):
        await classify(Target("t", target.conninfo, secret=SecretRef("env", "OTHER_PASSWORD")))


@pytest.mark.parametrize("password", ["pä ss\u00a0wörd", "\u1e9b\u0323\u00ad", "\u0627x", "x" * 300])
async def test_passwords_beyond_ascii_are_prepared_as_the_server_does(
    guarded18: Guarded, password: str
) -> None:
    role = f"odd_{secrets.token_hex(4)}"
    with guarded18.superuser() as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    guarded18.hba(["local all all scram-sha-256"])
    dsn = guarded18.server.conninfo(user=role, password=password)
    assert await classify(Target.from_dsn(dsn)) is None


async def test_require_auth_keeps_the_password_from_a_server_that_wants_it_plain(guarded: Guarded) -> None:
    dsn = guarded.tcp("clear", guarded.password)
    assert (await failure_of(f"{dsn} require_auth=scram-sha-256")).condition == "server.password_failed"
    assert (await failure_of(f"{dsn} require_auth=!password")).condition == "server.password_failed"
    assert await classify(Target.from_dsn(f"{dsn} require_auth=!md5")) is None


async def test_nobody_listens(tmp_path: Path) -> None:
    port = free_port()
    refused = await failure_of(f"host=127.0.0.1 port={port}")
    assert (refused.condition, refused.stage, refused.port) == ("server.unreachable", "tcp", port)
    assert "ECONNREFUSED" in refused.detail
    absent = await failure_of(f"host={tmp_path} port=1")
    assert (absent.condition, absent.stage) == ("server.unreachable", "tcp")
    assert "ENOENT" in absent.detail
    nameless = await failure_of(f"host=h{secrets.token_hex(4)}.invalid")
    assert (nameless.condition, nameless.stage) == ("server.unreachable", "dns")
    assert ".invalid" in nameless.message


async def test_a_listener_whose_queue_is_full_is_a_silent_host() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        failure = await failure_of(f"host=127.0.0.1 port={listener.getsockname()[1]}", timeout_s=0.5)
    assert failure.condition == "server.unreachable"
    assert failure.stage == "tcp"
    assert "ETIMEDOUT" in failure.detail


@pytest.mark.parametrize(("sslmode", "stage"), [("disable", "startup"), ("prefer", "tls")])
async def test_a_listener_that_says_nothing(sslmode: str, stage: str) -> None:
    held = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    async with listening(silent) as port:
        started = time.perf_counter()
        failure = await failure_of(f"host=127.0.0.1 port={port} sslmode={sslmode}", timeout_s=1.0)
        held.set()
    assert time.perf_counter() - started < 30
    assert (failure.condition, failure.stage) == ("server.unreachable", stage)
    assert failure.stages[stage] > 0


async def test_a_frozen_server(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18)
    postmaster = server.postmaster_pid()
    os.kill(postmaster, signal.SIGSTOP)
    try:
        failure = await failure_of(server.conninfo(tcp=True), timeout_s=1.0)
    finally:
        os.kill(postmaster, signal.SIGCONT)
    assert (failure.condition, failure.stage) == ("server.unreachable", "tls")
    assert await classify(Target.from_dsn(server.conninfo())) is None
    server.destroy()


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"J\0\0\0\n8.0.36\0",
        b"\x1b[31m\xff\xfe",
        b"NO\r\n",
    ],
)
@pytest.mark.parametrize("sslmode", ["disable", "prefer", "require"])
async def test_something_else_listens(greeting: bytes, sslmode: str) -> None:
    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(greeting)
        await writer.drain()
        writer.close()

    async with listening(stranger) as port:
        failure = await failure_of(f"host=127.0.0.1 port={port} sslmode={sslmode}")
    assert failure.condition == "server.unreachable"
    assert "does not speak PostgreSQL" in failure.message
    assert "\x1b" not in failure.line()


async def test_a_server_that_hangs_up_or_has_no_process_left() -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async def cannot_fork(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"Ecould not fork new process for connection: Resource temporarily unavailable\n\0")
        await writer.drain()
        writer.close()

    for serve, sslmode, says in (
        (hangs_up, "disable", "hung up"),
        (hangs_up, "require", "hung up"),
        (cannot_fork, "disable", "could not fork"),
        (cannot_fork, "require", "before encryption"),
    ):
        async with listening(serve) as port:
            failure = await failure_of(f"host=127.0.0.1 port={port} sslmode={sslmode} user=x")
        assert says in failure.message


async def test_the_password_never_reaches_an_impostor_that_plays_scram() -> None:
    password = secrets.token_hex(16)
    heard = bytearray()

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(4), "big")
        heard.extend(await reader.readexactly(length - 4))
        writer.write(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0")
        heard.extend(await reader.read(200))
        nonce = bytes(heard).rpartition(b"r=")[2]
        challenge = b"r=" + nonce + b"x,s=c2FsdA==,i=2000000000"
        writer.write(b"R" + (len(challenge) + 8).to_bytes(4, "big") + b"\0\0\0\x0b" + challenge)
        heard.extend(await reader.read(200))
        writer.close()

    async with listening(impostor) as port:
        failure = await failure_of(f"host=127.0.0.1 port={port} sslmode=disable user=u password={password}")
    assert (failure.condition, failure.stage) == ("server.password_failed", "auth")
    assert password.encode() not in bytes(heard)


async def test_a_server_that_is_not_ready_for_sessions(server_factory: ServerFactory) -> None:
    server = server_factory.fresh(18)
    server.stop()
    (server.data_dir / "standby.signal").touch()
    server.settings = {**server.settings, "hot_standby": "off"}
    server.start()
    failure = await failure_of(server.conninfo())
    assert (failure.condition, failure.sqlstate) == ("server.not_accepting", "57P03")
    server.destroy()


async def test_several_hosts_are_tried_as_libpq_does(guarded: Guarded) -> None:
    port, closed = guarded.server.port, free_port()
    user, other = guarded.role("trusted"), guarded.role("rejected")

    def both(first: int, second: int, user: str) -> str:
        return f"host=127.0.0.1,127.0.0.1 port={first},{second} dbname=postgres user={user}"

    assert await classify(Target.from_dsn(both(closed, port, user))) is None
    assert (await failure_of(both(closed, port, other))).condition == "server.hba_reject"
    assert (await failure_of(both(port, closed, other))).condition == "server.hba_reject"
    last = await failure_of(both(closed, closed, user))
    assert last.condition == "server.unreachable"


TRANSLATIONS = sorted(Path("/usr/share/locale").glob("*/LC_MESSAGES/postgres-1[4-9].mo"))


@pytest.mark.skipif(not TRANSLATIONS, reason="no translated PostgreSQL on this machine")
@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.parts[-3])
def test_a_server_that_speaks_another_language(path: Path) -> None:
    with path.open("rb") as file:
        say = gettext.GNUTranslations(file).gettext
    where = ("10.0.0.1", "app", "shop", say("no encryption"))
    names = 'for host "%s", user "%s", database "%s", %s'
    reject = say(f"pg_hba.conf rejects connection {names}") % where
    absent = say(f"no pg_hba.conf entry {names}") % where
    certificate = say("connection requires a valid client certificate")
    for text, condition in (
        (reject, "server.hba_reject"),
        (absent, "server.hba_no_entry"),
        (certificate, "server.tls_mismatch"),
    ):
        assert meaning({"C": "28000", "R": "ClientAuthentication", "M": text}).condition == condition


@pytest.mark.parametrize(
    ("fields", "condition"),
    [
        ({"C": "28000", "R": "InitializeSessionUserId", "M": "?"}, "server.role_missing"),
        ({"C": "28000", "M": "no such user: app"}, "server.role_missing"),
        ({"C": "53300", "R": "InitializeSessionUserId", "M": "?"}, "conn.role_db_limit"),
        ({"C": "53300", "R": "InitProcess", "M": "?"}, "conn.exhaustion"),
        ({"C": "57P01", "M": "?"}, "server.not_accepting"),
        ({"C": "XX000", "M": "?"}, "server.unreachable"),
        ({}, "server.unreachable"),
    ],
)
def test_words_do_not_matter_where_code_and_routine_tell(fields: dict[str, str], condition: str) -> None:
    assert meaning(fields).condition == condition
