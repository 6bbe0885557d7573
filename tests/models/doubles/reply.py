"""What the double is to answer, in words that no vendor owns, and what it was sent."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Vendor = Literal["anthropic", "gemini", "openai"]


@dataclass(frozen=True)
class Call:
    """A tool call; `arguments` may be any text, to be sent as it is."""

    name: str
    arguments: Mapping[str, Any] | str
    id: str = field(default_factory=lambda: f"call_{secrets.token_hex(6)}")

    def pieces(self) -> tuple[str, str]:
        """The arguments as text, in two halves."""
        text = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        return text[: len(text) // 2], text[len(text) // 2 :]


@dataclass(frozen=True)
class Counted:
    """Tokens; `read` is what did not come from a cache."""

    read: int = 10
    written: int = 5
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True)
class Reply:
    """One answer. With a status other than 200 it is an error, and nothing of the rest is sent."""

    text: tuple[str, ...] = ()
    """Pieces, each in an event of its own."""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    stop: Literal["", "length", "refused"] = ""
    """Empty: the end, or tools where it has calls."""
    counted: Counted | None = Counted()
    status: int = 200
    message: str = ""
    """Of an error."""
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Literal["whole", "cut", "short", "error"] = "whole"
    """`cut` drops the connection after text and calls; `short` ends the body there; `error` sends an error event."""
    raw: str = ""
    """Sent as it is, instead of text and calls."""
    hold: threading.Event | None = None
    """Nothing further is sent after text and calls until it is set (or the client goes)."""


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    vendor: Vendor
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any


Script = Reply | Callable[[Received], Reply]


def halves(text: str) -> Iterator[str]:
    """The text in two pieces, as a stream would bring it."""
    yield text[: len(text) // 2]
    yield text[len(text) // 2 :]


def schema_complaint(schema: Mapping[str, Any]) -> str:
    """What every vendor refuses in the schema of a tool; empty for nothing."""
    wrong = [word for word in ("oneOf", "anyOf", "allOf") if word in schema]
    if wrong:
        return f"the schema of a tool does not support {wrong[0]} at the top level"
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        return "the schema of a tool must be an object with properties"
    return "the schema of a tool holds $schema" if '"$schema"' in json.dumps(schema) else ""
