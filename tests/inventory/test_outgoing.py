"""Where HTTP of ours goes: to what was configured, by an address that was checked, and nowhere else."""

from __future__ import annotations

import gzip
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

from inventory.errors import UserError
from inventory.outgoing import AddressClass, Destinations, OutgoingRefused, address_class, destinations
from inventory.outgoing_allowed import Allowed, load
from inventory.outgoing_http import BODY_LIMIT_BYTES, for_httpx, for_httpx2

PUBLIC = "93.184.216.34"
LIBRARIES: list[tuple[Any, Callable[[Destinations], Any]]] = [(httpx, for_httpx), (httpx2, for_httpx2)]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, list[str]]]:
    """A server on loopback, and the paths that were asked of it."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.headers['Host']}{self.path}")
            kind, _, rest = self.path.removeprefix("/").partition("?")
            body = {"large": b"x" * (BODY_LIMIT_BYTES + 1), "packed": gzip.compress(b"x")}.get(kind, b"fine")
            self.send_response(302 if kind == "away" else 200)
            if kind == "away":
                self.send_header("Location", rest)
            if kind == "packed":
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made.server_port, seen
    made.shutdown()
    made.server_close()


@asynccontextmanager
async def client(
    library: Any, make: Callable[[Destinations], Any], places: Destinations
) -> AsyncIterator[Any]:
    async with library.AsyncClient(
        transport=make(places), trust_env=False, follow_redirects=True, timeout=20
    ) as http:
        yield http


def names(**answers: list[str]) -> Callable[[str, int], Any]:
    """A name service: each question takes the next answer, the last one stays."""

    async def resolve(host: str, port: int) -> list[str]:
        known = answers[host.partition(".")[0]]
        return [known.pop(0) if len(known) > 1 else known[0]]

    return resolve


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (PUBLIC, "public"), ("2606:4700::1111", "public"), ("10.1.2.3", "private"), ("100.64.0.1", "private"),
        ("fd00::1", "private"), ("fec0::1", "private"), ("127.8.8.8", "loopback"), ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"), ("::ffff:10.0.0.1", "private"), ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"), ("169.254.1.1", "link-local"), ("fe80::1%eth0", "link-local"),
        ("169.254.169.254", "metadata"), ("::ffff:169.254.169.254", "metadata"), ("fd00:ec2::254", "metadata"),
        ("100.100.100.200", "metadata"), ("0.0.0.0", "special"), ("::", "special"), ("224.0.0.1", "special"),
        ("255.255.255.255", "special"),
    ],
)  # fmt: skip
def test_kinds_of_addresses(address: str, kind: AddressClass) -> None:
    assert address_class(address) == kind


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0x7f000001", "127.0.0.1.1", "", "a b", "a@b", "a/b"],
)
def test_an_address_in_disguise_is_no_host(host: str) -> None:
    places = destinations("https://agent.example", elsewhere=True)
    with pytest.raises(OutgoingRefused):
        places.check("https", host, None)


def test_what_may_be_asked() -> None:
    places = destinations("http://10.0.0.7:8080/agent", "https://models.example/v1")
    for fine in [("http", "10.0.0.7", 8080), ("https", "10.0.0.7", None), ("https", "MODELS.example.", 443)]:
        places.check(*fine)
    for refused, why in [
        (("http", "10.0.0.7", 5432), "not the place"),
        (("http", "models.example", None), "not the place"),
        (("https", "other.example", None), "not the place"),
        (("ftp", "models.example", None), "expected https or http"),
        (("file", "models.example", None), "expected https or http"),
    ]:
        with pytest.raises(OutgoingRefused, match=why):
            places.check(*refused)
    with pytest.raises(OutgoingRefused, match="holds a user or password"):
        places.check("https", "models.example", None, userinfo=True)
    loose = destinations("http://10.0.0.7:8080", elsewhere=True)
    loose.check("http", "10.0.0.7", 9090)
    loose.check("https", "other.example", None)
    with pytest.raises(OutgoingRefused, match="expected https"):
        loose.check("http", "other.example", None)
    with pytest.raises(OutgoingRefused, match="without a user or password"):
        destinations("https://me:Zq7zzz@models.example")


@pytest.mark.parametrize(("library", "make"), LIBRARIES, ids=["httpx", "httpx2"])
async def test_a_name_that_moves_inside_is_not_followed(
    library: Any, make: Any, server: tuple[int, list[str]]
) -> None:
    """What was public at the first look stays so; what was never configured has to be."""
    port, seen = server
    seen.clear()
    places = replace(destinations(f"http://agent.example:{port}"), resolve=names(agent=[PUBLIC, "127.0.0.1"]))
    assert await places.addresses("agent.example", port) == [PUBLIC]
    async with client(library, make, places) as http:
        with pytest.raises(OutgoingRefused, match=r"127\.0\.0\.1 \(loopback\) is another kind of address"):
            await http.get(f"http://agent.example:{port}/")
    for inside in ("127.0.0.1", "169.254.169.254", "fd00::1"):
        unknown = replace(destinations(elsewhere=True), resolve=names(elsewhere=[inside]))
        with pytest.raises(OutgoingRefused, match="is no public address"):
            await unknown.addresses("elsewhere.example", 443)
    behind = replace(destinations("https://agent.example"), resolve=names(agent=["169.254.169.254"]))
    with pytest.raises(OutgoingRefused, match=r"\(metadata\)"):
        await behind.addresses("agent.example", 443)
    assert seen == []


@pytest.mark.parametrize(("library", "make"), LIBRARIES, ids=["httpx", "httpx2"])
async def test_the_checked_address_is_the_one_that_is_connected_to(
    library: Any, make: Any, server: tuple[int, list[str]]
) -> None:
    """No resolver but ours knows this name, and the server hears it."""
    port, seen = server
    seen.clear()
    places = replace(destinations(f"http://agent.invalid:{port}"), resolve=names(agent=["127.0.0.1"]))
    async with client(library, make, places) as http:
        assert (await http.get(f"http://agent.invalid:{port}/here")).text == "fine"
    assert seen == [f"agent.invalid:{port}/here"]


@pytest.mark.parametrize(("library", "make"), LIBRARIES, ids=["httpx", "httpx2"])
async def test_a_redirect_is_judged_again(library: Any, make: Any, server: tuple[int, list[str]]) -> None:
    port, seen = server
    base = f"http://127.0.0.1:{port}"
    seen.clear()
    async with client(library, make, destinations(base)) as http:
        assert (await http.get(f"{base}/away?{base}/near")).text == "fine"
        for away in (
            f"http://localhost:{port}/",
            f"http://127.0.0.1:{port + 1}/",
            "http://169.254.169.254/latest",
        ):
            with pytest.raises(OutgoingRefused, match="not the place that was configured"):
                await http.get(f"{base}/away?{away}")
    async with client(library, make, destinations(base, elsewhere=True)) as http:
        for away in (
            f"http://localhost:{port}/",
            f"https://localhost:{port}/",
            "https://169.254.169.254/latest",
        ):
            with pytest.raises(OutgoingRefused):
                await http.get(f"{base}/away?{away}")
    assert not [path for path in seen if "localhost" in path.partition("/")[0]]


@pytest.mark.parametrize(("library", "make"), LIBRARIES, ids=["httpx", "httpx2"])
async def test_an_answer_that_is_too_much_is_dropped(
    library: Any, make: Any, server: tuple[int, list[str]]
) -> None:
    base = f"http://127.0.0.1:{server[0]}"
    async with client(library, make, destinations(base)) as http:
        with pytest.raises(OutgoingRefused, match="larger than 32 MiB"):
            await http.get(f"{base}/large")
        with pytest.raises(OutgoingRefused, match="compressed"):
            await http.get(f"{base}/packed")


async def test_a_knock_goes_where_a_request_would(server: tuple[int, list[str]]) -> None:
    port, _ = server
    places = destinations(f"http://127.0.0.1:{port}", elsewhere=True)
    assert await places.knock(f"http://127.0.0.1:{port}/rpc", 20)
    assert not await places.knock(f"http://localhost:{port}/rpc", 20)
    assert not await places.knock(f"https://localhost:{port}/rpc", 20)


def test_what_the_settings_allow(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    assert load(path) == Allowed()
    path.write_text(
        '[outgoing]\nallow = ["Agents.internal", ".svc.cluster.local", "10.20.0.0/16", "fd00::/8"]\n'
    )
    allowed = load(path)
    assert [allowed.names(host) for host in ("agents.internal", "a.svc.cluster.local", "svc.cluster.local")] == [
        True, True, False,
    ]  # fmt: skip
    assert [allowed.holds(it) for it in ("10.20.3.4", "::ffff:10.20.3.4", "10.21.0.1", "fd12::1")] == [
        True, True, False, True,
    ]  # fmt: skip
    for entry in ('"a b"', "7", '"10.0.0.1/8"', '"*"'):
        path.write_text(f"[outgoing]\nallow = [{entry}]\n")
        with pytest.raises(UserError, match=r"settings\.toml:2: .* is no host, address or network"):
            load(path)
    path.write_text("[outgoing]\nallowed = []\n")
    with pytest.raises(UserError, match="holds something else"):
        load(path)


async def test_an_allowed_network_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[outgoing]\nallow = ["10.20.0.0/16", "agents.internal"]\n')
    places = Destinations(frozenset(), True, load(path), names(near=["10.20.0.9"], agents=["127.0.0.1"]))
    assert await places.addresses("near.example", 443) == ["10.20.0.9"]
    assert await places.addresses("agents.internal", 80) == ["127.0.0.1"]
    places.check("http", "agents.internal", 80)
