"""The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import stringprep
import unicodedata

MECHANISM = "SCRAM-SHA-256"
MOST_ITERATIONS = 1_000_000
"""Rounds that a server may ask for; PostgreSQL's default is 4096. More would be an attack on our processor."""
_HEADER = "n,,"


class ScramFailed(Exception):
    """The server's side of the exchange makes no sense, or does not prove that it knows the password."""


class Scram:
    """One exchange: `first`, then `final` on the server's answer, then `verify` on its last word."""

    def __init__(self, password: str) -> None:
        self._password = prepared(password).encode("utf-8", "surrogateescape")
        self._nonce = base64.b64encode(secrets.token_bytes(18)).decode()
        self._bare = f"n=,r={self._nonce}"
        self._proof_of_server = b""

    def first(self) -> bytes:
        return f"{_HEADER}{self._bare}".encode()

    async def final(self, server_first: bytes) -> bytes:
        """The proof that we know the password; hashing happens beside the event loop."""
        nonce, salt, rounds = self._challenge(server_first)
        salted = await asyncio.to_thread(hashlib.pbkdf2_hmac, "sha256", self._password, salt, rounds)
        without_proof = f"c={base64.b64encode(_HEADER.encode()).decode()},r={nonce}"
        signed = b",".join((self._bare.encode(), server_first, without_proof.encode()))
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), signed)
        proof = bytes(left ^ right for left, right in zip(client_key, signature, strict=True))
        self._proof_of_server = _hmac(_hmac(salted, b"Server Key"), signed)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, server_final: bytes) -> None:
        """Raise `ScramFailed` unless the server proved that it knows the password too."""
        if not hmac.compare_digest(server_final, b"v=" + base64.b64encode(self._proof_of_server)):
            raise ScramFailed("the server does not prove that it knows the password")

    def _challenge(self, server_first: bytes) -> tuple[str, bytes, int]:
        try:
            fields = dict(part.split("=", 1) for part in server_first.decode("ascii").split(","))
            nonce, salt, rounds = fields["r"], base64.b64decode(fields["s"], validate=True), int(fields["i"])
        except (ValueError, KeyError, binascii.Error):
            raise ScramFailed("the server's SCRAM challenge makes no sense") from None
        if not nonce.startswith(self._nonce) or nonce == self._nonce or not 0 < rounds <= MOST_ITERATIONS:
            raise ScramFailed("the server's SCRAM challenge is not an answer to ours")
        return nonce, salt, rounds


def prepared(password: str) -> str:
    """`password` as SASLprep (RFC 4013) makes it; unchanged where that forbids a character, as in PostgreSQL."""
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in password
        if not stringprep.in_table_b1(char)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    return password if not normal or any(map(_is_forbidden, normal)) or _mixes_directions(normal) else normal


def _is_forbidden(char: str) -> bool:
    tables = (
        stringprep.in_table_a1,
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    return any(table(char) for table in tables)


def _mixes_directions(text: str) -> bool:
    if not any(map(stringprep.in_table_d1, text)):
        return False
    ends_right_to_left = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return any(map(stringprep.in_table_d2, text)) or not ends_right_to_left


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
