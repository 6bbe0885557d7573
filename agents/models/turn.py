"""One conversation with a model, in words that no vendor owns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Stop = Literal["end", "tools", "length", "refused", "cut"]
"""Why a model stopped: done, it wants tools, no room left, it would not, or the stream broke off."""


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool that the model may ask for."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of its arguments, an object."""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A call that the model asks for; nothing of it is checked yet."""

    id: str
    """The vendor's id; made up where the vendor gives none."""
    name: str
    arguments: Mapping[str, Any]
    malformed: str = ""
    """The raw text of arguments that are no JSON object; `arguments` is empty then."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one request."""

    request: str
    name: str
    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What we say to the model."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said: text, and the calls it asks for."""

    text: str
    requests: tuple[ToolRequest, ...] = ()
    provider: str = ""
    replay: Any = None
    """The vendor's own content (thinking, signatures), JSON; given back unchanged to the same provider only."""


@dataclass(frozen=True, slots=True)
class Results:
    """What came of every request of the turn before, in its order."""

    results: tuple[ToolResult, ...]


Turn = Asked | Said | Results


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Everything that goes to a model for one answer."""

    system: str
    turns: tuple[Turn, ...]
    tools: tuple[ToolOffer, ...] = ()
    max_output_tokens: int = 4096


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the provider counts them."""

    input: int = 0
    """Read anew, not from a cache."""
    output: int = 0
    """Written, thinking included."""
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class TextChunk:
    """Text as it is streamed."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of one answer."""

    said: Said
    usage: Usage | None
    """None where the provider told nothing."""
    stop: Stop


Chunk = TextChunk | Done
