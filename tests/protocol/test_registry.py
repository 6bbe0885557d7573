"""The registry of remote agents, credentials by reference, health, and the commands on them; with real processes."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from agents.protocol import registry
from agents.protocol.client import AgentClient, AgentRefused, Reach
from agents.protocol.credential import ClientTls, Credential
from agents.protocol.health import LOOK_LIMIT_S, PERIOD_S, Health, look, watch
from agents.protocol.registry import RemoteAgent
from inventory.errors import UserError
from inventory.secrets import SecretRef, in_memory
from tests.protocol.conftest import all_of, said
from tests.protocol.peers.starting import card, stranger


def write(text: str) -> Path:
    path = registry.default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def helpdesk(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "helpdesk_tui", "agents", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and certificates of a server and a client; made by openssl."""
    home = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=home, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
    (home / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for name in ("server", "client"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", f"{name}.pem")  # fmt: skip
        (home / f"{name}.key").chmod(0o600)
    return home


def test_agents_are_kept_with_references_alone() -> None:
    secret = secrets.token_hex(12)
    path = write('# mine\n[agents.old]\nurl = "https://old.example/a/"\n')
    known = registry.load()
    known = registry.add(
        known, RemoteAgent("k8s", "https://k8s.example", Credential("bearer", SecretRef("env", "K8S")))
    )
    known = registry.add(
        known, RemoteAgent("disk", "http://10.0.0.9:1", Credential("api_key", in_memory(secret), "X-Key"))
    )
    assert list(known.agents) == ["old", "k8s", "disk"]
    assert known.agents["old"].url == "https://old.example/a"
    assert known.agents["k8s"].auth() == "bearer (env K8S)"
    assert secret not in path.read_text()
    assert "# mine" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert any("open line" in warning for warning in known.warnings)
    disk = known.agents["disk"].credential
    assert disk is not None
    assert disk.headers() == {"X-Key": secret}
    assert list(registry.remove(known, "k8s").agents) == ["old", "disk"]
    with pytest.raises(UserError, match="no agent"):
        registry.remove(known, "nothing")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[agents.x]\nurl = "ftp://x"', ":2: 'ftp://x' is no address"),
        ('[agents.x]\nurl = "https://me:pw@x"', "holds a user or password"),
        ("[agents.x]\nport = 5", 'needs url = "https'),
        ('[agents.database]\nurl = "https://x"', "local expert"),
        ('[agents.x]\nurl = "https://x"\nbearer = 5', ":3: bearer is not understood"),
        ('[agents.x]\nurl = "https://x"\nbearer = {env="A"}\napi_key = {env="B"}', "one of them"),
        ('[agents.x]\nurl = "https://x"\ncert = "a.pem"', "belong together"),
        ('[agents.x]\nurl = "http://x"\nca = "a.pem"', "https"),
        ('[agents.x]\nurl = "https://x"\napi_key = {env="A"}\nheader = "a b"', "no name of a header"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    path = write(text)
    with pytest.raises(UserError) as caught:
        registry.load()
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert "s3cretvalue" not in str(caught.value)


@pytest.mark.parametrize("kind", ["bearer", "api_key", "basic"])
async def test_each_credential_opens_the_door(kind: str, session: str, tmp_path: Path) -> None:
    secret = secrets.token_hex(12)
    file = tmp_path / "secret"
    file.write_text(secret + "\n")
    file.chmod(0o600)
    shown = Credential(kind, SecretRef("file", str(file)), user="me")  # type: ignore[arg-type]
    [(header, value)] = shown.headers().items()
    with stranger(wants={header.lower(): value}) as peer:
        async with AgentClient(None, {"far": Reach(peer.base, alone=True, credential=shown)}) as client:
            events = await all_of(client.ask("far", "hello", {}, session))
        assert said(events) == "hello"
        assert secret not in str(events)
        async with AgentClient(None, {"far": Reach(peer.base, alone=True)}) as client:
            with pytest.raises(AgentRefused, match="401"):
                await all_of(client.ask("far", "hello", {}, session))
        locked_out = await look("far", Reach(peer.base, alone=True))
        assert (locked_out.state, locked_out.text) == ("degraded", "it refuses our credentials (HTTP 401)")
    file.chmod(0o644)
    with pytest.raises(UserError, match="open to others"):
        shown.headers()


async def test_client_certificates(certificates: Path, session: str) -> None:
    tls = {
        "ssl_certfile": str(certificates / "server.pem"), "ssl_keyfile": str(certificates / "server.key"),
        "ssl_ca_certs": str(certificates / "ca.pem"), "ssl_cert_reqs": int(ssl.CERT_REQUIRED),
    }  # fmt: skip
    with stranger(card=card(url="https://127.0.0.1:PORT/rpc"), **tls) as peer:
        base = peer.base.replace("http:", "https:")
        both = ClientTls(certificates / "ca.pem", certificates / "client.pem", certificates / "client.key")
        async with AgentClient(None, {"far": Reach(base, alone=True, tls=both)}) as client:
            assert said(await all_of(client.ask("far", "hello", {}, session))) == "hello"
        for other in (ClientTls(certificates / "ca.pem"), None):
            assert (await look("far", Reach(base, alone=True, tls=other))).state == "down"
    (certificates / "client.key").chmod(0o640)
    try:
        with pytest.raises(UserError, match="chmod 600"):
            both.context()
    finally:
        (certificates / "client.key").chmod(0o600)


async def test_health_tells_of_a_killed_agent_and_of_its_return() -> None:
    assert PERIOD_S + LOOK_LIMIT_S < 5
    told: list[Health] = []
    news = asyncio.Event()

    async def on_health(health: Health) -> None:
        told.append(health)
        news.set()

    async def next_state() -> str:
        await asyncio.wait_for(news.wait(), 60)
        news.clear()
        return told[-1].state

    with stranger() as peer:
        watching = asyncio.create_task(watch({"far": Reach(peer.base, alone=True)}, on_health))
        assert await next_state() == "up"
        assert told[0].version == "7.1"
        assert (told[0].transport, told[0].protocol) == ("JSONRPC", "1.0")
        assert told[0].latency_ms is not None
        peer.kill()
        assert await next_state() == "down"
        with stranger(port=peer.port):
            assert await next_state() == "up"
        watching.cancel()


def test_the_commands_on_a_stranger() -> None:
    with stranger(
        card=card("0.3.0", skills=[{"id": "s", "name": "Greets", "description": "-", "tags": ["t"]}])
    ) as peer:
        added = helpdesk("add", peer.base, "--bearer", "env:STRANGER_TOKEN", "--name", "far")
        assert (added.returncode, "STRANGER_TOKEN is not set" in added.stderr) == (3, True)
        added = helpdesk("add", peer.base)
        assert added.returncode == 0, added.stderr
        assert "added stranger" in added.stdout
        listed = helpdesk("list", "--json")
        far = next(agent for agent in json.loads(listed.stdout) if agent["name"] == "stranger")
        assert (far["state"], far["version"], far["transport"], far["protocol"]) == (
            "up",
            "7.1",
            "JSONRPC",
            "0.3",
        )
        assert far["skills"] == ["Greets"]
        assert far["latency_ms"] > 0
        assert listed.returncode == 0
        for name in ("stranger", peer.base):
            assert json.loads(helpdesk("card", name).stdout)["version"] == "7.1"
        again = helpdesk("add", peer.base)
        assert (again.returncode, "there already" in again.stderr) == (2, True)
    gone = helpdesk("list")
    assert gone.returncode == 1
    assert "down" in next(line for line in gone.stdout.splitlines() if line.startswith("stranger"))
    assert helpdesk("remove", "stranger").returncode == 0
    assert helpdesk("remove", "stranger").returncode == 2
    assert helpdesk("add", f"http://127.0.0.1:{peer.port}").returncode == 3


def test_a_secret_on_the_command_line_is_not_taken_and_not_repeated() -> None:
    secret = secrets.token_hex(12)
    done = helpdesk("add", "https://x.example", "--name", "x", "--unchecked", "--bearer", secret)
    assert done.returncode == 2
    assert secret not in done.stdout + done.stderr
    assert "by reference" in done.stderr
