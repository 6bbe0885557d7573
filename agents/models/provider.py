"""What every vendor's side of a model offers, and how a call can fail."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Literal, Protocol

from agents.models.turn import Chunk, ModelRequest, Usage
from inventory.masking import inert_line, mask

ErrorKind = Literal["auth", "rate", "overloaded", "bad_request", "too_long", "cut", "unavailable"]
"""Why a call failed: key or account, too many calls, the vendor's trouble, our request, a request with more than
the model can read, a stream that broke off, nobody who answers."""

RETRIED: frozenset[ErrorKind] = frozenset({"rate", "overloaded", "cut", "unavailable"})
"""What may go better when it is tried again a little later."""
MAX_REASON_CHARS = 300


class ModelError(Exception):
    """A call to a model failed. The text is one line, masked and inert, and may be shown anywhere."""

    def __init__(
        self, kind: ErrorKind, text: str, retry_after: float | None = None, usage: Usage | None = None
    ) -> None:
        line = inert_line(mask(text))
        super().__init__(line if len(line) <= MAX_REASON_CHARS else f"{line[:MAX_REASON_CHARS]}…")
        self.kind = kind
        self.retry_after = retry_after
        """Seconds that the vendor asks to wait; None where it says nothing."""
        self.usage = usage
        """What the vendor had counted before the call failed."""

    @property
    def text(self) -> str:
        return str(self)


class Provider(Protocol):
    """One vendor or endpoint with one model."""

    @property
    def name(self) -> str:
        """As it is called in models.toml."""

    @property
    def model(self) -> str: ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Text as it comes, then exactly one Done. Raises ModelError; never tries again by itself."""

    async def check(self) -> str:
        """What the vendor says of the model, without asking it anything. Raises ModelError."""

    async def close(self) -> None:
        """Let go of its connections."""
