"""The start of a session, step by step: reach the server, encrypt, introduce ourselves, prove who we are."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from inventory import wire
from inventory.failure import Stage
from inventory.libpq import Endpoint
from inventory.scram import MECHANISM, Scram, ScramFailed

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
AskPassword = Callable[[], Awaitable[str | None]]


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = fields


class Stopped(Exception):
    """We cannot go on, or must not."""

    def __init__(self, condition: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.condition = condition
        self.message = message
        self.detail = detail


class Stopwatch:
    """Which stage we are in, and how many milliseconds each took so far."""

    def __init__(self) -> None:
        self.stage: Stage = "dns"
        self._spent: dict[str, float] = {}
        self._since: float | None = None

    def enter(self, stage: Stage) -> None:
        self._stop()
        self.stage, self._since = stage, time.perf_counter()

    def stages(self) -> dict[str, float]:
        """Milliseconds for each stage that was entered."""
        self._stop()
        return {stage: round(spent, 1) for stage, spent in self._spent.items()}

    def _stop(self) -> None:
        now = time.perf_counter()
        if self._since is not None:
            self._spent[self.stage] = self._spent.get(self.stage, 0.0) + (now - self._since) * 1000
            self._since = now


async def reach(place: Endpoint, watch: Stopwatch, seconds: float) -> Stream:
    """A connection to `place`. Each of its addresses gets its share of `seconds`; `OSError` of the last one."""
    if place.is_socket:
        watch.enter("tcp")
        path = place.socket_path
        return await asyncio.open_unix_connection("\0" + path[1:] if path.startswith("@") else path)
    addresses = await _look_up(place, watch)
    watch.enter("tcp")
    for address in addresses[:-1]:
        try:
            async with asyncio.timeout(seconds / len(addresses)):
                return await asyncio.open_connection(address, place.port)
        except OSError:
            continue
    return await asyncio.open_connection(addresses[-1], place.port)


async def encrypt(
    stream: Stream, place: Endpoint, context: ssl.SSLContext, watch: Stopwatch, *, direct: bool = False
) -> bool:
    """Switch to TLS; False where the server has none. `ssl.SSLError` where the two sides do not agree."""
    reader, writer = stream
    watch.enter("tls")
    if not direct:
        writer.write(wire.SSL_REQUEST)
        await writer.drain()
        reply = await reader.read(2)  # more than one byte is somebody else's greeting, or smuggled in
        if reply == b"N":
            return False
        if reply[:1] == b"E":
            raise Stopped("server.not_accepting", "the server refuses before encryption is agreed")
        if not reply:
            raise asyncio.IncompleteReadError(b"", 1)
        if reply != b"S":
            raise wire.NotPostgres(repr(reply)[2:-1])
    await writer.start_tls(context, server_hostname=place.host or place.hostaddr)
    return True


@dataclass(slots=True)
class Introduction:
    """Opens a session over a stream and proves who we are."""

    startup: Mapping[str, str]
    """What the startup message says: user, database, settings."""
    ask_password: AskPassword
    require_auth: str = ""
    _scram: Scram | None = None

    async def complete(self, stream: Stream, watch: Stopwatch) -> None:
        """Return at the server's first prompt; `Refused` with the server's error, `Stopped` with ours."""
        watch.enter("startup")
        async for request, payload in self._requests(stream):
            if request == wire.AUTH_OK:
                watch.enter("startup")
                continue
            watch.enter("auth")
            try:
                reply = await self._reply(request, payload)
            except ScramFailed as failed:
                raise Stopped("server.password_failed", str(failed)) from None
            if reply is not None:
                stream[1].write(reply)
                await stream[1].drain()

    async def is_admitted(self, stream: Stream, watch: Stopwatch) -> bool:
        """True where a rule lets us as far as being asked for a proof; nothing secret is sent."""
        watch.enter("startup")
        async for _ in self._requests(stream):
            return True
        return True

    async def _requests(self, stream: Stream) -> AsyncIterator[tuple[int, bytes]]:
        """Introduce ourselves; code and payload of each authentication request until the first prompt."""
        reader, writer = stream
        writer.write(wire.startup(self.startup))
        await writer.drain()
        while True:
            message = await wire.read_message(reader)
            match message.kind:
                case b"E":
                    raise Refused(message.error_fields())
                case b"R":
                    yield message.auth_request()
                case b"Z":
                    return
                case b"S" | b"K" | b"N" | b"v":
                    continue
                case _:
                    raise wire.NotPostgres(repr(message.kind)[2:-1])

    async def _reply(self, request: int, payload: bytes) -> bytes | None:
        if request == wire.AUTH_SASL_CONTINUE and self._scram:
            return wire.answer(await self._scram.final(payload))
        if request == wire.AUTH_SASL_FINAL and self._scram:
            self._scram.verify(payload)
            return None
        method = wire.AUTH_NAMES.get(request, f"method {request}")
        if not _allows(self.require_auth, method):
            raise Stopped(
                "server.password_failed",
                f"the server asks for {method}, which require_auth={self.require_auth} forbids",
            )
        if request == wire.AUTH_SASL and MECHANISM.encode() not in payload.split(b"\0"):
            raise Stopped(
                "server.password_failed", "the server asks for a SASL mechanism that we do not speak"
            )
        if request not in (wire.AUTH_SASL, wire.AUTH_CLEARTEXT, wire.AUTH_MD5):
            raise Stopped("server.password_failed", f"the server asks for {method}, which we do not speak")
        return self._prove(request, payload, await self._password(method))

    def _prove(self, request: int, payload: bytes, password: str) -> bytes:
        if request == wire.AUTH_CLEARTEXT:
            return wire.cleartext(password)
        if request == wire.AUTH_MD5:
            return wire.md5(self.startup["user"], password, payload[:4])
        self._scram = Scram(password)
        return wire.sasl_start(MECHANISM, self._scram.first())

    async def _password(self, method: str) -> str:
        password = await self.ask_password()
        if not password:
            raise Stopped(
                "server.password_failed",
                f"the server asks for a password ({method}) and none is known",
                "give one in inventory.toml, PGPASSWORD or the password file",
            )
        return password


async def _look_up(place: Endpoint, watch: Stopwatch) -> list[str]:
    address = place.hostaddr or place.host
    if _is_address(address):
        return [address]
    watch.enter("dns")
    found = await asyncio.get_running_loop().getaddrinfo(address, place.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(socket_address[0]) for *_, socket_address in found))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _allows(require_auth: str, method: str) -> bool:
    named = [item.strip() for item in require_auth.split(",") if item.strip()]
    if not named:
        return True
    if named[0].startswith("!"):
        return f"!{method}" not in named
    return method in named
