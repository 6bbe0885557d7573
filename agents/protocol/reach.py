"""How to reach an agent server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agents.protocol.credential import ClientTls, Credential


@dataclass(frozen=True, slots=True)
class Reach:
    """A Unix socket, or the base URL of a server on TCP."""

    base: str = "http://localhost"
    uds: Path | None = None
    token: str | None = field(default=None, repr=False)
    alone: bool = False
    """True where `base` is one agent's own; else each agent has a path of its name below it."""
    credential: Credential | None = None
    tls: ClientTls | None = None

    def __str__(self) -> str:
        return str(self.uds) if self.uds else self.base

    @property
    def guarded(self) -> bool:
        """Whether requests carry something that no other server may get."""
        return bool(self.token or self.credential or (self.tls and self.tls.certificate))
