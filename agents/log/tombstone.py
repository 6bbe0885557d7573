"""Tombstones: what stands in the chain for purged events, signed, so that a purge is told from damage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.kernel.canonical import canonical_json, sha256_of, storable_json
from agents.kernel.event import Event
from agents.log.records import Purge

STUB = "purged"
"""Kind of an event whose content is gone; its id, time, place and hash stay."""
TOMBSTONE = "log.purged"

Sign = Callable[[bytes], tuple[str, str]]
"""Bytes → public key and signature, both in hex (Ed25519)."""


@dataclass(frozen=True, slots=True)
class Stub:
    """What is left of a purged event."""

    seq: int
    n: int
    id: str
    at: str
    hash: str


def stub_text(event: Mapping[str, Any]) -> str:
    """The event as it is stored once its content is gone."""
    left = Event(STUB, str(event["session"]), {}, "", id=str(event["id"]), at=str(event["at"]))
    return storable_json(left.to_json())


def tombstone(session: str, stubs: Sequence[Stub], by: str, reason: str, sign: Sign) -> Event:
    """The event that stands for `stubs`, signed."""
    body: dict[str, Any] = {
        "by": by,
        "reason": reason,
        "events": len(stubs),
        "first_at": stubs[0].at,
        "last_at": stubs[-1].at,
        "sha256": _digest(stubs),
    }
    event = Event(TOMBSTONE, session, body, by)
    body["key"], body["signature"] = sign(_signed(event, body))
    return event


def fault_of(event: Event, stubs: Sequence[Stub]) -> str:
    """Why this tombstone does not stand for these stubs, in words; empty where it does."""
    body = event.body
    if body.get("sha256") != _digest(stubs) or body.get("events") != len(stubs):
        return "it does not stand for the events that are purged before it"
    if not _holds(str(body.get("key")), str(body.get("signature")), _signed(event, body)):
        return "its signature does not hold"
    return ""


def purge_of(event: Event, seq: int) -> Purge:
    """What a tombstone tells."""
    body = event.body
    return Purge(
        event.session,
        seq,
        str(body["by"]),
        event.at,
        str(body["reason"]),
        int(body["events"]),
        str(body["key"]),
    )


def _digest(stubs: Sequence[Stub]) -> str:
    return sha256_of([[stub.seq, stub.n, stub.id, stub.at, stub.hash] for stub in stubs])


def _signed(event: Event, body: Mapping[str, Any]) -> bytes:
    told = {key: value for key, value in body.items() if key not in ("key", "signature")}
    return canonical_json({"id": event.id, "at": event.at, "session": event.session, **told}).encode()


def _holds(key: str, signature: str, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), data)
    except (ValueError, InvalidSignature):
        return False
    return True
