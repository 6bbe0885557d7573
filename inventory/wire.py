"""PostgreSQL's protocol, version 3.0, as far as the start of a session: messages in and out."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
TERMINATE = b"X" + struct.pack("!i", 4)
_PROTOCOL_3_0 = 196608
_LONGEST_MESSAGE = 30_000
"""Bytes of a message before a session begins that a server may send; libpq's own limit."""

AUTH_OK, AUTH_CLEARTEXT, AUTH_MD5, AUTH_SASL, AUTH_SASL_CONTINUE, AUTH_SASL_FINAL = 0, 3, 5, 10, 11, 12
AUTH_NAMES: Mapping[int, str] = {
    2: "krb5",
    AUTH_CLEARTEXT: "password",
    4: "crypt",
    AUTH_MD5: "md5",
    6: "scm",
    7: "gss",
    8: "gss",
    9: "sspi",
    AUTH_SASL: "scram-sha-256",
}
"""What a server may ask for, as `require_auth` calls it."""


class NotPostgres(Exception):
    """What the other side said is no PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the server."""

    kind: bytes
    body: bytes

    def auth_request(self) -> tuple[int, bytes]:
        """Code and payload of an authentication request."""
        if len(self.body) < 4:
            raise NotPostgres("an authentication request without a code")
        return int.from_bytes(self.body[:4], "big"), self.body[4:]

    def error_fields(self) -> dict[str, str]:
        """The fields of an error by their letter: C SQLSTATE, M message, D detail, H hint, R routine."""
        parts = (part for part in self.body.split(b"\0") if part)
        return {chr(part[0]): part[1:].decode("utf-8", "replace") for part in parts}


def startup(parameters: Mapping[str, str]) -> bytes:
    """The message that opens a session with `parameters` (user, database and settings)."""
    pairs = b"".join(_text(key) + _text(value) for key, value in parameters.items())
    return struct.pack("!ii", len(pairs) + 9, _PROTOCOL_3_0) + pairs + b"\0"


def answer(payload: bytes) -> bytes:
    """An answer to an authentication request."""
    return b"p" + struct.pack("!i", len(payload) + 4) + payload


def cleartext(password: str) -> bytes:
    return answer(_text(password))


def md5(user: str, password: str, salt: bytes) -> bytes:
    inner = hashlib.md5(f"{password}{user}".encode(), usedforsecurity=False).hexdigest()
    outer = hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
    return answer(_text(f"md5{outer}"))


def sasl_start(mechanism: str, first: bytes) -> bytes:
    return answer(_text(mechanism) + struct.pack("!i", len(first)) + first)


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The server's next message; `IncompleteReadError` where it hung up, `NotPostgres` where it is none.

    A server that is out of processes sends an error of protocol 2: `E`, text, a zero byte.
    """
    try:
        head = await reader.readexactly(5)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise NotPostgres(repr(error.partial)[2:-1]) from None
        raise
    length = int.from_bytes(head[1:], "big")
    if 4 <= length <= _LONGEST_MESSAGE:
        return Message(head[:1], await reader.readexactly(length - 4))
    if head[:1] != b"E":
        raise NotPostgres(repr(head)[2:-1])
    text = head[1:] + await reader.read(_LONGEST_MESSAGE)
    return Message(b"E", b"M" + text.partition(b"\0")[0] + b"\0")


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape") + b"\0"
