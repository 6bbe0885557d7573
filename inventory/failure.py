"""Why a server did not let us in, in the catalogue's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from inventory.masking import inert_line, mask

Stage = Literal["dns", "tcp", "tls", "startup", "auth"]


@dataclass(frozen=True, slots=True)
class ConnectFailure:
    """One refused or failed connection. All texts are masked, inert and one line each."""

    condition: str
    """Id of the catalogue: `server.unreachable`, `server.hba_reject`, `conn.exhaustion` and so on."""
    stage: Stage
    """How far it came; `startup` is also what follows authentication, up to the first prompt."""
    message: str
    """The server's words in the server's language; ours where the server said nothing."""
    host: str
    port: int
    sqlstate: str = ""
    """The server's SQLSTATE; empty where it gave none."""
    detail: str = ""
    """What that means, with the system's error name; the server's DETAIL and HINT where it sent them."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds spent in each stage that was entered."""
    routine: str = ""
    """The server's source routine that raised the error; the same in every language."""

    def __post_init__(self) -> None:
        for name in ("message", "detail", "routine", "sqlstate"):
            object.__setattr__(self, name, inert_line(mask(getattr(self, name))))

    def line(self) -> str:
        """All of it in one line for the operator."""
        where = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        code = f" [{self.sqlstate}]" if self.sqlstate else ""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{where}: {self.message}{code}{detail}"


class ConnectFailed(Exception):
    """`connect` could not open a session; `failure` says why."""

    def __init__(self, failure: ConnectFailure) -> None:
        super().__init__(failure.line())
        self.failure = failure
