"""Who is at the other end of a connection, as the kernel and TLS tell it: no message has a say in it."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

STATE = "helpdesk.peer"
"""Where the peer is in the state of a request."""
_UCRED = struct.Struct("3i")
_NAMES = {"DNS": "dns", "email": "email", "URI": "uri"}


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of the other end."""

    uid: int | None = None
    """User of the process on a Unix socket; None elsewhere, and where the system does not tell."""
    names: frozenset[str] = frozenset()
    """Names on a client certificate that was checked: `dns:…`, `email:…`, `uri:…`, `cn:…`."""


NOBODY = Peer()


class PeerProtocol(H11Protocol):
    """HTTP/1.1 that hands on who connected."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, STATE: _peer_of(transport)}


def user_name(uid: int) -> str:
    """The principal of a user of this host."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        # A container may run as a user that has no name.
        name = f"uid{uid}"
    return f"operator:{name}"


def certificate_names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """The names on a certificate as the `ssl` module tells it; a subject of several common names has none."""
    return frozenset(_names(certificate))


def _names(certificate: Mapping[str, Any]) -> Iterator[str]:
    for kind, value in certificate.get("subjectAltName", ()):
        if kind in _NAMES:
            yield f"{_NAMES[kind]}:{value}"
    common = [value for rdn in certificate.get("subject", ()) for key, value in rdn if key == "commonName"]
    if len(common) == 1:
        yield f"cn:{common[0]}"


def _peer_of(transport: asyncio.Transport) -> Peer:
    connection = transport.get_extra_info("socket")
    uid = None
    if connection is not None and connection.family == socket.AF_UNIX:
        uid = _uid(connection)
    tls = transport.get_extra_info("ssl_object")
    return Peer(uid, certificate_names((tls.getpeercert() if tls else None) or {}))


def _uid(connection: Any) -> int | None:
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        # Only Linux tells it so; elsewhere the private directory alone keeps others out.
        return os.geteuid()
    _, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _UCRED.size))
    return int(uid)
