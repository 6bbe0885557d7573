"""`[outgoing] allow` in `settings.toml`: hosts and networks that may be reached though they are internal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from inventory.errors import UserError
from inventory.paths import config_dir
from inventory.toml_file import line_of, parse_toml, read_text

TABLE, KEY = "outgoing", "allow"
_NAME = re.compile(r"\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII)
_EXPECTED = 'expected a list such as ["agents.internal", ".svc.cluster.local", "10.20.0.0/16"]'


@dataclass(frozen=True, slots=True)
class Allowed:
    """Internal places that the operator allows for every client; without any, there are none."""

    hosts: frozenset[str] = frozenset()
    """Names; one with a dot in front stands for all names below it."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def names(self, host: str) -> bool:
        """Whether `host` is allowed by name."""
        return any(host == name or (name[0] == "." and host.endswith(name)) for name in self.hosts)

    def holds(self, address: str) -> bool:
        """Whether `address` is in one of the networks; one of IPv4 in IPv6 notation counts as IPv4."""
        found = ip_address(address.partition("%")[0])
        plain = getattr(found, "ipv4_mapped", None) or found
        return any(plain in network for network in self.networks if plain.version == network.version)


def load(path: Path | None = None) -> Allowed:
    """What the settings at `path` allow; a file that is not there allows nothing.

    Raises UserError (exit 2) with file, line and what was expected.
    """
    path = path or config_dir() / "settings.toml"
    if not path.exists():
        return Allowed()
    text = read_text(path)
    table = parse_toml(text, path).get(TABLE, {})
    entries = table.get(KEY, []) if isinstance(table, dict) else None
    if not isinstance(entries, list) or not set(table) <= {KEY}:
        raise UserError(f"{path}:{line_of(text, TABLE)}: [{TABLE}] holds something else, {_EXPECTED}")
    networks, names = [], set()
    for entry in entries:
        made = _read(entry)
        if made is None:
            where = f"{path}:{line_of(text, TABLE, KEY)}"
            raise UserError(f"{where}: {entry!r} is no host, address or network, {_EXPECTED}")
        if isinstance(made, str):
            names.add(made)
        else:
            networks.append(made)
    return Allowed(frozenset(names), tuple(networks))


def _read(entry: Any) -> str | IPv4Network | IPv6Network | None:
    if not isinstance(entry, str):
        return None
    try:
        return ip_network(entry.strip("[]"))
    except ValueError:
        name = entry.lower().rstrip(".")
        return name if _NAME.fullmatch(name) else None
