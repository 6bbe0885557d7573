"""How to reach an agent server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reach:
    """A Unix socket, or the base URL of a server on TCP."""

    base: str = "http://localhost"
    uds: Path | None = None
    token: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return str(self.uds) if self.uds else self.base
