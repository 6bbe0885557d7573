"""Where our own HTTP may go: every URL, and every address that a connection is really made to, is judged here.

A URL that the operator configured himself is his consent to that host and to the kind of address it has. Anything
else (a redirect, an address from an agent's card or a document) is no consent: it may lead to a public address over
https, where the caller follows such addresses at all, or to what `[outgoing] allow` in `settings.toml` names.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Literal
from urllib.parse import urlsplit

from inventory.errors import NOT_COMPLETED, UserError
from inventory.outgoing_allowed import Allowed, load

AddressClass = Literal["public", "private", "loopback", "link-local", "metadata", "special"]
Resolve = Callable[[str, int], Awaitable[list[str]]]
Origin = tuple[str, str, int]

CONSENTED: tuple[AddressClass, ...] = ("public", "private", "loopback")
"""Kinds that a configured name may have; the others only where the address itself was configured or allowed."""
METADATA = frozenset(
    ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16")
)
"""Where clouds hand out a machine's credentials: AWS, GCP, Azure and others, AWS over IPv6, Alibaba, Azure's host."""
_NAT64 = IPv6Network("64:ff9b::/96")
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d*)){0,4}", re.ASCII)
_PORTS = {"http": 80, "https": 443}


class OutgoingRefused(UserError):
    """A connection that was not made, and why."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"not connected to {where}: {why}", NOT_COMPLETED)


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where one client may connect to."""

    configured: frozenset[Origin]
    elsewhere: bool = False
    """Whether other hosts may be asked too. Never where requests carry a secret: a redirect would get it."""
    allowed: Allowed = field(default_factory=Allowed)
    resolve: Resolve = field(default_factory=lambda: resolved)
    _seen: dict[str, set[AddressClass]] = field(default_factory=dict)
    """Configured host → the kinds of address it had when it was first looked up."""

    def check(self, scheme: str, host: str, port: int | None, *, userinfo: bool = False) -> None:
        """Raise OutgoingRefused where a request to this URL is not to be made, whatever its address."""
        name = host_name(host)
        where = f"{scheme}://{_bracketed(name)}" + (f":{port}" if port else "")
        if scheme not in _PORTS:
            raise OutgoingRefused(where, "expected https or http")
        if userinfo:
            raise OutgoingRefused(where, "the URL holds a user or password; give the secret by reference")
        if self._is_configured(scheme, name, port or _PORTS[scheme]):
            return
        if not self.elsewhere:
            raise OutgoingRefused(where, "it is not the place that was configured")
        if scheme == "http" and not self.allowed.names(name):
            raise OutgoingRefused(
                where, "expected https; [outgoing] allow in settings.toml can name the host"
            )

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host` that may be connected to, in the resolver's order.

        Raises OutgoingRefused where there is none, OSError where the name cannot be resolved.
        """
        name = host_name(host)
        found = await self.resolve(name, port)
        kept = [address for address in found if self._may_reach(name, address)]
        if not kept:
            told = ", ".join(f"{address} ({address_class(address)})" for address in found) or "no address"
            raise OutgoingRefused(f"{_bracketed(name)}:{port}", f"{told} {self._unwanted(name)}")
        if name in self._hosts:
            self._seen.setdefault(name, {address_class(address) for address in kept})
        return kept

    async def knock(self, url: str, limit_s: float) -> bool:
        """Whether a server at `url` lets us connect within `limit_s` seconds; False too where we may not try."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
            self.check(parts.scheme, parts.hostname or "", port, userinfo="@" in parts.netloc)
            async with asyncio.timeout(limit_s):
                address = (await self.addresses(parts.hostname or "", port))[0]
                _, writer = await asyncio.open_connection(address, port)
        except (OSError, TimeoutError, ValueError, OutgoingRefused):
            return False
        writer.close()
        return True

    @property
    def _hosts(self) -> frozenset[str]:
        return frozenset(host for _, host, _ in self.configured)

    def _is_configured(self, scheme: str, name: str, port: int) -> bool:
        if (scheme, name, port) in self.configured or (
            name in self._hosts and (scheme, port) == ("https", 443)
        ):
            return True
        return self.elsewhere and any((scheme, name) == (known[0], known[1]) for known in self.configured)

    def _may_reach(self, name: str, address: str) -> bool:
        kind = address_class(address)
        if self.allowed.names(name) or self.allowed.holds(address):
            return True
        if name in self._hosts:
            return name == address or kind in self._seen.get(name, CONSENTED)
        return kind == "public"

    def _unwanted(self, name: str) -> str:
        if name in self._seen:
            return f"is another kind of address than before ({', '.join(sorted(self._seen[name]))})"
        return "is no public address; [outgoing] allow in settings.toml can name it"


def destinations(*configured: str, elsewhere: bool = False) -> Destinations:
    """Where a client of these URLs may connect to. Raises UserError where one of them, or the settings, will not do.

    Without `elsewhere` no other origin is asked, also not after a redirect.
    """
    return Destinations(frozenset(_origin(url) for url in configured), elsewhere, load())


def address_class(text: str) -> AddressClass:
    """What kind of address `text` is; one of IPv4 inside IPv6 counts as what is inside. Raises ValueError."""
    address = _inside(ip_address(text.partition("%")[0]))
    if address in METADATA:
        return "metadata"
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return "special"
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return "private" if site_local or not address.is_global else "public"


def host_name(host: str) -> str:
    """A URL's host in the one form that is compared: lower case, ASCII, no brackets, no dot at the end.

    Raises OutgoingRefused where it is empty, no name, or an address in disguise (decimal, octal, hexadecimal, short).
    """
    try:
        name = host.strip("[]").rstrip(".").lower()
        name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        raise OutgoingRefused(repr(host), "that is no host name") from None
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    if not name or _NUMBERS.fullmatch(name) or not re.fullmatch(r"[a-z0-9._-]+", name):
        raise OutgoingRefused(repr(host), "that is no host name, and no address as it is usually written")
    return name


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of `host`, each once, in the order in which the system would try them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _origin(url: str) -> Origin:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutgoingRefused(repr(url), "that is no URL") from None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise OutgoingRefused(repr(url), "expected http(s)://host[:port][/path], without a user or password")
    return parts.scheme, host_name(parts.hostname), port or _PORTS[parts.scheme]


def _inside(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name
