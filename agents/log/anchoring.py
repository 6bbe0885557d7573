"""Send heads of the log to places out of its owner's reach: when asked, on a schedule, and at a session's end."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from agents.log.anchor import Anchor
from agents.log.settings import AnchorPlaces, Syslog
from agents.log.store import EventLog
from inventory.errors import NOT_COMPLETED, UserError
from inventory.secrets import read_secret

AUTHPRIV_INFO = 10 * 8 + 6
"""Facility and severity of what is told to a syslog."""
LIMIT_S = 5.0
"""For one webhook, or a connection to a syslog: nobody should wait longer for it when he leaves."""


def to_file(path: Path, anchor: Anchor) -> None:
    """Add the anchor to a file as a line. Raises UserError (exit 3)."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(anchor.line() + "\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})", NOT_COMPLETED) from error


def to_syslog(address: str, anchor: Anchor) -> None:
    """One message to a syslog, as RFC 3164 writes it; see `Syslog.read`. Raises UserError (exit 2 or 3)."""
    try:
        place = Syslog.read(address)
    except ValueError as error:
        raise UserError(f"syslog {address!r}: {error}") from None
    message = f"<{AUTHPRIV_INFO}>helpdesk: {anchor.line()}".encode()
    try:
        _send(place, message)
    except OSError as error:
        raise UserError(
            f"syslog {address}: cannot be reached ({error.strerror or error})", NOT_COMPLETED
        ) from error


def _send(place: Syslog, message: bytes) -> None:
    """A datagram; over TCP a line (RFC 6587, 3.4.2)."""
    if place.tcp:
        with socket.create_connection((place.host, place.port), timeout=LIMIT_S) as stream:
            stream.sendall(message + b"\n")
    elif place.socket:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
            local.sendto(message, place.socket)
    else:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_DGRAM)
        family, kind, _, _, where = found[0]
        with socket.socket(family, kind) as remote:
            remote.sendto(message, where)


def to_webhook(places: AnchorPlaces, anchor: Anchor) -> None:
    """POST the anchor as JSON. Raises UserError (exit 3) where it is not taken."""
    asyncio.run(_posted(places, anchor))


async def _posted(places: AnchorPlaces, anchor: Anchor) -> None:
    import httpx

    from inventory.outgoing import destinations
    from inventory.outgoing_http import for_httpx

    headers = {"Authorization": f"Bearer {read_secret(places.bearer)}"} if places.bearer else {}
    url = places.webhook if isinstance(places.webhook, str) else read_secret(places.webhook)
    transport = for_httpx(destinations(url))
    try:
        async with httpx.AsyncClient(transport=transport, timeout=LIMIT_S, trust_env=False) as http:
            response = await http.post(url, json=anchor.to_json(), headers=headers)
    except httpx.HTTPError as error:
        raise UserError(f"webhook: {error or type(error).__name__}", NOT_COMPLETED) from error
    if not response.is_success:
        raise UserError(f"webhook: HTTP {response.status_code}", NOT_COMPLETED)


class Anchoring:
    """Sends each new head to the places that are configured; each place that fails is told once until it works."""

    def __init__(self, log: EventLog, places: AnchorPlaces) -> None:
        self._log = log
        self._places = places
        self._sent: dict[str, int] = {}
        self._failing: set[str] = set()

    async def run(self, on_trouble: Callable[[str], Awaitable[None]]) -> None:
        """Send on the schedule, for ever; ends at once where there is no place. `on_trouble` gets each line."""
        while self._places:
            await asyncio.sleep(self._places.every_s)
            for line in await asyncio.to_thread(self.send):
                await on_trouble(line)

    def send(self) -> list[str]:
        """Send the head to each place that has not got it yet; what failed there for the first time, in lines."""
        anchor = self._log.anchor() if self._places else None
        if anchor is None:
            return []
        lines = []
        for name, send in self._ways(anchor):
            if self._sent.get(name) == anchor.seq:
                continue
            try:
                send()
            except UserError as error:
                lines += [] if name in self._failing else [f"the head of the log was not sent: {error}"]
                self._failing.add(name)
            else:
                self._sent[name] = anchor.seq
                self._failing.discard(name)
        return lines

    def _ways(self, anchor: Anchor) -> Iterator[tuple[str, Callable[[], None]]]:
        places = self._places
        if file := places.file:
            yield "file", lambda: to_file(file, anchor)
        if places.syslog:
            yield "syslog", lambda: to_syslog(places.syslog, anchor)
        if places.webhook:
            yield "webhook", lambda: to_webhook(places, anchor)
