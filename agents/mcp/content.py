"""What a server answered, as rows of evidence: text as it came, capped; anything else by size and hash."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.kernel.canonical import storable_json, utc_now
from agents.kernel.records import Evidence
from agents.kernel.running import current
from inventory.masking import inert_line, mask

if TYPE_CHECKING:
    from mcp_types import CallToolResult

COLUMNS = ("kind", "message")
"""The second as servers of databases call their words: what leaves for a model is treated like those."""
MOST_CHARACTERS = 64_000
"""Of one answer; about what a screen of evidence and a model's context can take."""
MOST_BLOCKS = 200
SAID = 300
"""Characters of an answer that are told in one line."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A server's answer to one call."""

    rows: tuple[tuple[str, str], ...]
    truncated: bool
    failed: bool
    """True where the tool itself says that it failed."""

    def line(self) -> str:
        """The beginning of what it says, in one line."""
        text = inert_line(" ".join(content for _, content in self.rows))
        return text if len(text) <= SAID else f"{text[: SAID - 1]}…"


def answered(result: CallToolResult) -> Answered:
    """The content of a result, within limits and without secrets that we know."""
    rows = [_block(block.model_dump(by_alias=True, mode="json")) for block in result.content[:MOST_BLOCKS]]
    if result.structured_content is not None:
        structured = storable_json(result.structured_content)
        if not any(_same(text, result.structured_content) for _, text in rows):
            rows.append(("structured", structured))
    kept: list[tuple[str, str]] = []
    left = MOST_CHARACTERS
    for kind, text in rows:
        if left <= 0:
            break
        kept.append((kind, mask(text[:left])))
        left -= len(text)
    truncated = left < 0 or len(kept) < len(rows) or len(result.content) > MOST_BLOCKS
    if truncated:
        with suppress(LookupError):
            current().keep(lambda: "\n".join(text for _, text in rows))
    return Answered(tuple(kept), truncated, bool(result.is_error))


def evidence_of(
    answer: Answered, *, tool: str, own: str, target: str, arguments: Mapping[str, Any], began: float
) -> Evidence:
    """The answer as evidence; its id is of server, tool, arguments, content and time. `began`: `time.monotonic`."""
    return Evidence.capture(
        tool=tool,
        statement=f"tools/call {inert_line(own)} {storable_json(dict(arguments))}",
        target=target,
        captured_at=utc_now(),
        duration_ms=round((time.monotonic() - began) * 1000, 3),
        columns=COLUMNS,
        rows=answer.rows,
        truncated=answer.truncated,
    )


def _same(text: str, structured: Mapping[str, Any]) -> bool:
    """Whether a text says just what the structured content says, as most servers send both."""
    if list(structured.values()) == [text]:
        return True
    try:
        return bool(json.loads(text) == structured)
    except (ValueError, RecursionError):
        return False


def _block(block: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and text of one block, whatever a server puts into it."""
    kind = str(block.get("type", ""))
    if kind == "text":
        return kind, str(block.get("text", ""))
    if kind in ("image", "audio"):
        return kind, _binary(str(block.get("mimeType", "")), str(block.get("data", "")))
    if kind == "resource_link":
        return kind, inert_line(f"{block.get('name', '')} {block.get('uri', '')}")
    resource = block.get("resource")
    if kind == "resource" and isinstance(resource, Mapping):
        uri = inert_line(str(resource.get("uri", "")))
        if "text" in resource:
            return kind, f"{uri}\n{resource['text']}"
        return kind, f"{uri} {_binary(str(resource.get('mimeType', '')), str(resource.get('blob', '')))}"
    return "other", inert_line(kind)


def _binary(media: str, data: str) -> str:
    try:
        content = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        return f"{inert_line(media)}, not readable"
    return f"{inert_line(media)}, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"
