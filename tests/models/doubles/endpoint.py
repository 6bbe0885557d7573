"""The double itself: a local HTTP endpoint that answers as it was told, in the wire format it is asked in."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.models.doubles import anthropic_wire, gemini_wire, openai_wire
from tests.models.doubles.reply import Received, Reply, Script, Vendor, schema_complaint

HOLD_S = 60


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that goes away in the middle is what some tests are about."""


class ModelEndpoint:
    """A double of all three vendors on one loopback port. Use it as a context manager.

    `script(...)` queues what it answers, in order, whoever asks; `received` is what it was sent.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.models: list[str] = []
        """Ids that it says it offers."""
        self.most_at_once = 0
        self._running = 0
        self._script: deque[Script] = deque()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Base URL for Anthropic and Gemini."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    def script(self, *replies: Script) -> None:
        """Answer the next requests with these: replies, or functions that make one of what was received."""
        with self._lock:
            self._script.extend(replies)

    @property
    def left(self) -> int:
        """Replies that nobody asked for yet."""
        return len(self._script)

    def __enter__(self) -> ModelEndpoint:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, received: Received) -> Reply:
        """The next reply of the script, for what was just received."""
        with self._lock:
            self.received.append(received)
            told = self._script.popleft() if self._script else None
        if told is None:
            return Reply(status=400, message="the double has no reply left in its script")
        reply = told if isinstance(told, Reply) else told(received)
        wire = wire_of(received.vendor)
        wrong = next(filter(None, map(schema_complaint, wire.schemas(received))), wire.complaint(received))
        return Reply(status=400, message=wrong) if wrong else reply

    def enter(self) -> None:
        with self._lock:
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)

    def leave(self) -> None:
        with self._lock:
            self._running -= 1


def wire_of(vendor: Vendor) -> Any:
    """The module that speaks this vendor's format."""
    return {"anthropic": anthropic_wire, "gemini": gemini_wire, "openai": openai_wire}[vendor]


def _vendor(path: str) -> Vendor | None:
    if path.endswith("/chat/completions"):
        return "openai"
    if path.endswith("/v1/messages"):
        return "anthropic"
    return "gemini" if path.endswith(":streamGenerateContent") else None


def _handler(endpoint: ModelEndpoint) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"endpoint": endpoint})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    endpoint: ModelEndpoint

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the test looks at what was received."""

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].rpartition("/")[2]
        if name == "models":
            self._json(200, openai_wire.model_list(self.endpoint.models))
        elif name not in self.endpoint.models:
            self._json(
                404, {"error": {"code": 404, "type": "not_found_error", "message": f"no model {name}"}}
            )
        else:
            wire = anthropic_wire if "anthropic-version" in self.headers else gemini_wire
            self._json(200, wire.model(name))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        vendor = _vendor(self.path.partition("?")[0])
        if vendor is None:
            self._json(404, {"error": {"message": f"no such path: {self.path}"}})
            return
        if self._left():
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(vendor, self.path, headers, body)
        self.endpoint.enter()
        try:
            self._answer(self.endpoint.take(received), received)
        except OSError:
            self.close_connection = True  # the client went away
        finally:
            self.endpoint.leave()

    def _left(self) -> bool:
        """Whether the client gave up before its request was read: it asks again, and the reply is for then."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False

    def _answer(self, reply: Reply, received: Received) -> None:
        wire = wire_of(received.vendor)
        if reply.status != 200:
            self._json(reply.status, wire.error(reply), reply.headers)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._pieces(iter([reply.raw.encode()] if reply.raw else wire.events(reply, received)))
        if reply.hold is not None:
            reply.hold.wait(HOLD_S)
        if reply.ending == "cut":
            self.close_connection = True  # in the middle of a chunked body
            return
        if reply.ending == "error":
            self._pieces(iter([wire.stream_error(reply)]))
        elif reply.ending == "whole":
            self._pieces(wire.end(reply, received))
        self.wfile.write(b"0\r\n\r\n")

    def _pieces(self, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()

    def _json(self, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
