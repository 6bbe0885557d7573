"""Where the product can reach out: one transport for HTTP, few places that open sockets, and what really goes out."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agents.kernel.event import Event
from agents.log import EventLog
from tests.test_architecture import ROOT, nodes
from tests.test_no_shell import calls, imported

OTHER_WAYS_OUT = (
    *("urllib.request", "http.client", "requests", "aiohttp", "urllib3", "ftplib", "smtplib", "telnetlib"),
    *("webbrowser", "xmlrpc", "websockets"),
)
SOCKETS = {
    # Servers of the inventory, in PostgreSQL's protocol.
    "inventory/handshake.py": {"open_connection", "open_unix_connection", "getaddrinfo"},
    "inventory/connection.py": {"AsyncConnection.connect"},
    "inventory/pulse_session.py": {"asyncpg.connect"},
    # Heads of the log to a syslog.
    "agents/log/anchoring.py": {"socket.socket", "getaddrinfo", "create_connection"},
    # Our own server.
    "agents/protocol/server.py": {"socket.socket", "getaddrinfo", "create_server"},
    # The judge of all HTTP.
    "inventory/outgoing.py": {"open_connection", "getaddrinfo"},
}
"""File → how it opens sockets or resolves names; HTTP's own are opened by `inventory/outgoing_http.py` alone."""
OPENS = re.compile(
    r"(?:.*\.)?(socket\.socket|open_connection|open_unix_connection|create_connection|create_datagram_endpoint"
    r"|create_server|getaddrinfo|gethostbyname|sock_connect|AsyncConnection\.connect|Connection\.connect"
    r"|(?:psycopg|asyncpg)\.connect|create_pool)"
)
ASKED = {"anthropic", "gemini", "openai", "stream", "sse", "far", "api", "heads"}
"""First parts of the paths that the clients ask for: vendors, MCP twice, A2A, approvals, the log's head."""


def test_there_is_one_way_out() -> None:
    """Every HTTP client is given a transport that judges where it goes, and takes no proxy from the environment."""
    found = [
        f"{path} imports {name}"
        for path, node, _ in nodes()
        for name in imported(node)
        if name.startswith(OTHER_WAYS_OUT)
    ]
    for path, call in calls():
        text = ast.unparse(call.func)
        if re.fullmatch(r"httpx2?\.(AsyncClient|Client)", text):
            words = {word.arg for word in call.keywords}
            if not {"transport", "trust_env"} <= words:
                found.append(f"{path}:{call.lineno}: a client without a transport of inventory.outgoing_http")
        if re.fullmatch(
            r"httpx2?\.(get|post|put|delete|request|stream|AsyncHTTPTransport|HTTPTransport)", text
        ):
            found.append(f"{path}:{call.lineno}: {text}")
    assert not found


def test_sockets_are_opened_in_few_places() -> None:
    found = {}
    for path, call in calls():
        if opened := OPENS.fullmatch(ast.unparse(call.func)):
            found.setdefault(path, set()).add(opened[1])
    assert {
        path: ways for path, ways in found.items() if not path.startswith("helpdesk_tui/demo/")
    } == SOCKETS


def test_every_request_is_judged_and_nothing_else_connects(isolated_home: Path) -> None:
    """Our transport asks for answers that are not compressed, as no library does by itself."""
    with EventLog.open() as log:
        log.append(Event("note", "s", {"text": "a head"}, "helpdesk"))
    with _server() as (port, seen):
        _configure(isolated_home / "config", f"http://127.0.0.1:{port}")
        done = subprocess.run(
            [sys.executable, "-m", "tests.watched"],
            capture_output=True, text=True, cwd=ROOT, env={**os.environ, "THE_KEY": "x" * 40, "HTTP_PROXY": "http://127.0.0.1:9"},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {path.split("/")[1] for path, _ in seen} == ASKED, done.stderr
    assert {encoding for _, encoding in seen} == {"identity"}
    assert {tuple(place) for place in json.loads(done.stdout.splitlines()[-1])} == {("127.0.0.1", port)}


@contextmanager
def _server() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """A server that has nothing, and what was asked of it: path and wanted encoding."""
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("Accept-Encoding", "")))
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield made.server_port, seen
    finally:
        made.shutdown()
        made.server_close()


def _configure(config: Path, base: str) -> None:
    config.mkdir(parents=True)
    kinds = ("anthropic", "gemini", "openai")
    (config / "models.toml").write_text(
        "".join(
            f'[providers.{kind}]\nkind = "{kind}"\nmodel = "m"\nbase_url = "{base}/{kind}"\nkey = {{ env = "THE_KEY" }}\n'
            for kind in kinds
        )
    )
    (config / "mcp.toml").write_text(
        f'[servers.stream]\nurl = "{base}/stream"\n[servers.old]\nurl = "{base}/sse"\ntransport = "sse"\n'
    )
    (config / "agents.toml").write_text(f'[agents.far]\nurl = "{base}/far"\n')
    (config / "approvals.toml").write_text(f'[systems.there]\nurl = "{base}"\nkind = "gateway"\n')
    (config / "audit.toml").write_text(f'[anchors]\nwebhook = "{base}/heads"\n')
