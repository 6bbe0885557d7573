"""Heads of the log go where they are configured: a file, a syslog, a webhook; a place that fails is told once."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agents.kernel.event import Event
from agents.log import EventLog
from agents.log.anchor import Anchor, read_anchors
from agents.log.anchoring import Anchoring, to_syslog
from agents.log.settings import AnchorPlaces, load_audit
from inventory.errors import UserError


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog.open(tmp_path / "log.sqlite") as opened:
        yield opened


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers.get("Authorization"), json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(204 if self.headers.get("Authorization") else 403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_all_places_get_each_head_once(log: EventLog, hook: HTTPServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t" * 24)
    (tmp_path / "token").chmod(0o600)
    settings = tmp_path / "audit.toml"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        settings.write_text(
            f'[anchors]\nfile = "heads"\nsyslog = "127.0.0.1:{syslog.getsockname()[1]}"\n'
            f'webhook = "http://127.0.0.1:{hook.server_port}/in"\nbearer = {{ file = "token" }}\n'
        )
        anchoring = Anchoring(log, load_audit(settings).anchors)
        assert anchoring.send() == [], "an empty log has no head"
        log.append(Event("note", "a", {"text": "one"}, "helpdesk"))
        assert anchoring.send() == anchoring.send() == []
        syslog.settimeout(60)
        line = syslog.recv(4096).decode()
        assert line.startswith("<86>helpdesk: {")
    (head,) = read_anchors(tmp_path / "heads")
    assert Anchor.from_json(json.loads(line.partition(": ")[2])) == head
    assert hook.got == [("Bearer " + "t" * 24, head.to_json())]  # type: ignore[attr-defined]
    assert log.verify(anchors=[head]).ok


def test_a_syslog_is_told_over_tcp_and_by_a_socket_of_this_host(log: EventLog, tmp_path: Path) -> None:
    log.append(Event("note", "a", {"text": "one"}, "helpdesk"))
    head = log.anchor()
    assert head
    with socket.create_server(("127.0.0.1", 0)) as server:
        to_syslog(f"tcp:127.0.0.1:{server.getsockname()[1]}", head)
        stream, _ = server.accept()
        with stream, stream.makefile() as lines:
            [line] = lines.readlines()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
        # A path of a socket has little room.
        with TemporaryDirectory(prefix="syslog") as directory:
            local.bind(f"{directory}/s")
            to_syslog(f"{directory}/s", head)
        assert local.recv(4096).decode() == line.rstrip()
    assert Anchor.from_json(json.loads(line.removeprefix("<86>helpdesk: "))) == head
    for nowhere in ("tcp:127.0.0.1:1", "tcp:[::1]:1", str(tmp_path / "none")):
        with pytest.raises(UserError, match="cannot be reached") as told:
            to_syslog(nowhere, head)
        assert told.value.exit_code == 3
    for wrong in ("127.0.0.1:70000", "tcp:127.0.0.1:x", "loghost", "tcp:/dev/log"):
        with pytest.raises(UserError, match="expected a socket") as told:
            to_syslog(wrong, head)
        assert told.value.exit_code == 2


async def test_a_place_that_fails_is_told_once_and_holds_up_no_other(
    log: EventLog, hook: HTTPServer, tmp_path: Path
) -> None:
    places = AnchorPlaces(0.01, tmp_path / "heads", "", f"http://127.0.0.1:{hook.server_port}/in")
    told: list[str] = []

    async def tell(line: str) -> None:
        told.append(line)

    log.append(Event("note", "a", {"text": "1"}, "helpdesk"))
    running = asyncio.create_task(Anchoring(log, places).run(tell))
    async with asyncio.timeout(60):
        while len(hook.got) < 3:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told == ["the head of the log was not sent: webhook: HTTP 403"]
    assert len(read_anchors(tmp_path / "heads")) == 1


async def test_without_a_place_nothing_runs(log: EventLog) -> None:
    async def tell(line: str) -> None:
        raise AssertionError(line)

    await asyncio.wait_for(Anchoring(log, AnchorPlaces()).run(tell), 60)
