"""TLS on a real server that has it: who insists, who refuses, whose certificate is trusted."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from inventory.connection import ConnectFailed, connect
from inventory.probe import classify
from inventory.pulse import read_pulse
from inventory.target import Target
from tests import servers
from tests.inventory.conftest import Guarded, guard
from tests.servers import ServerFactory

pytestmark = pytest.mark.skipif(
    15 not in servers.AVAILABLE or shutil.which("openssl") is None,
    reason="needs a server built with TLS (Debian's 15) and the openssl program",
)


@dataclass(frozen=True)
class Encrypted:
    """A server with TLS, the certificate that signed its own, and one that did not."""

    guarded: Guarded
    root: Path
    stranger: Path

    def dsn(self, kind: str, sslmode: str, root: Path | None = None, host: str = "127.0.0.1") -> str:
        trusted = f" sslrootcert={root}" if root else ""
        return f"{self.guarded.tcp(kind, self.guarded.password)} host={host} sslmode={sslmode}{trusted}"


def certificate(directory: Path, name: str, subject: str) -> Path:
    made = directory / f"{name}.crt"
    subject_names = ("-subj", f"/CN={subject}", "-addext", f"subjectAltName=IP:{subject}")
    files = ("-out", str(made), "-keyout", str(made.with_suffix(".key")))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject_names, *files],
        check=True,
        capture_output=True,
    )
    return made


@pytest.fixture(scope="module")
def encrypted(server_factory: ServerFactory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    directory = tmp_path_factory.mktemp("certificates")
    ours, stranger = (
        certificate(directory, "server", "127.0.0.1"),
        certificate(directory, "other", "10.0.0.1"),
    )
    server = server_factory.fresh(15)
    owner = server.data_dir.stat()
    for source, target in (
        (ours, "server.crt"),
        (ours.with_suffix(".key"), "server.key"),
        (ours, "clients.crt"),
    ):
        place = server.data_dir / target
        place.write_bytes(source.read_bytes())
        place.chmod(0o600)
        shutil.chown(place, owner.st_uid, owner.st_gid)
    server.settings = {**server.settings, "ssl": "on", "ssl_ca_file": "clients.crt"}
    server.stop()
    server.start()
    made = guard(server)
    made.hba(
        [
            "local all all trust",
            f"hostssl all {made.role('sslonly')} 127.0.0.1/32 scram-sha-256",
            f"hostnossl all {made.role('clear')} 127.0.0.1/32 trust",
            f"hostssl all {made.role('scram')} 127.0.0.1/32 trust clientcert=verify-ca",
        ]
    )
    yield Encrypted(made, ours, stranger)
    server.destroy()


async def condition(dsn: str) -> str:
    failure = await classify(Target.from_dsn(dsn))
    return failure.condition if failure else ""


@pytest.mark.parametrize("sslmode", ["allow", "prefer", "require"])
async def test_a_server_that_insists_on_tls_gets_it(encrypted: Encrypted, sslmode: str) -> None:
    dsn = encrypted.dsn("sslonly", sslmode)
    assert await condition(dsn) == ""
    connection = await connect(Target.from_dsn(dsn), application="test")
    assert connection.pgconn.ssl_in_use
    await connection.close()
    assert (await read_pulse(Target.from_dsn(dsn))).error == ""


async def test_a_client_that_forbids_tls_learns_that_the_server_insists(encrypted: Encrypted) -> None:
    failure = await classify(Target.from_dsn(encrypted.dsn("sslonly", "disable")))
    assert failure is not None
    assert (failure.condition, failure.sqlstate) == ("server.tls_mismatch", "28000")
    assert "sslmode=require" in failure.detail


async def test_no_rule_at_all_is_no_matter_of_tls(encrypted: Encrypted) -> None:
    for sslmode in ("disable", "prefer", "require"):
        assert await condition(encrypted.dsn("stranger", sslmode)) == "server.hba_no_entry"


async def test_a_rule_for_plain_connections_alone(encrypted: Encrypted) -> None:
    assert await condition(encrypted.dsn("clear", "prefer")) == ""
    assert await condition(encrypted.dsn("clear", "require")) == "server.hba_no_entry"


async def test_a_server_without_tls(guarded: Guarded) -> None:
    for sslmode in ("require", "verify-full"):
        target = Target.from_dsn(f"{guarded.tcp('trusted')} sslmode={sslmode} sslrootcert=")
        with pytest.raises(ConnectFailed) as raised:
            await connect(target, application="test")
        assert raised.value.failure.condition == "server.tls_mismatch"
        assert raised.value.failure.stage == "tls"
    assert await condition(f"{guarded.tcp('trusted')} sslmode=prefer") == ""


async def test_the_servers_certificate_is_checked(encrypted: Encrypted) -> None:
    for sslmode in ("verify-ca", "verify-full"):
        right = Target.from_dsn(encrypted.dsn("sslonly", sslmode, encrypted.root))
        assert await classify(right) is None
        assert (await read_pulse(right)).error == ""
        await (await connect(right, application="test")).close()
        wrong = await classify(Target.from_dsn(encrypted.dsn("sslonly", sslmode, encrypted.stranger)))
        assert wrong is not None
        assert (wrong.condition, wrong.stage) == ("server.tls_mismatch", "tls")
    assert await condition(encrypted.dsn("sslonly", "verify-ca", encrypted.root, "localhost")) == ""
    assert await condition(encrypted.dsn("sslonly", "verify-full", encrypted.root, "localhost")) == (
        "server.tls_mismatch"
    )


async def test_a_root_certificate_that_is_not_there(encrypted: Encrypted, tmp_path: Path) -> None:
    failure = await classify(
        Target.from_dsn(encrypted.dsn("sslonly", "verify-full", tmp_path / "nothing.crt"))
    )
    assert failure is not None
    assert failure.condition == "server.tls_mismatch"
    assert "nothing.crt" in failure.message


async def test_a_server_that_asks_for_a_certificate(encrypted: Encrypted) -> None:
    dsn = encrypted.dsn("scram", "require")
    failure = await classify(Target.from_dsn(dsn))
    assert failure is not None
    assert (failure.condition, failure.sqlstate) == ("server.tls_mismatch", "28000")
    key = encrypted.root.with_suffix(".key")
    assert await condition(f"{dsn} sslcert={encrypted.root} sslkey={key}") == ""
    unreadable = await classify(Target.from_dsn(f"{dsn} sslcert={encrypted.root} sslkey=/nothing.key"))
    assert unreadable is not None
    assert unreadable.condition == "server.tls_mismatch"
