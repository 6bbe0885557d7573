"""Names of a server's tools that model vendors, policies and people can all take."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

BETWEEN = "__"
LONGEST = 64
"""Characters; OpenAI and Gemini take no longer name of a tool."""
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_DIGEST = 6


def tool_names(server: str, tools: Iterable[str]) -> dict[str, str]:
    """A server's own names → names here, `server__tool`; no two are the same."""
    names: dict[str, str] = {}
    for own in sorted(tools):
        name = f"{server}{BETWEEN}{_ODD.sub('_', own)}"
        if len(name) > LONGEST or name in names.values():
            digest = hashlib.sha256(own.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
            name = f"{name[: LONGEST - _DIGEST - 1]}_{digest}"
        names[own] = name
    return names


def server_of(name: str) -> str:
    """The server whose tool a name may be; empty where it is none's."""
    server, between, _ = name.partition(BETWEEN)
    return server if between else ""
