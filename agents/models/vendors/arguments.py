"""The arguments of a tool call as a model writes them: text that should be a JSON object."""

from __future__ import annotations

import json
from typing import Any

from agents.models.turn import ToolRequest
from agents.models.vendors.characters import whole

MAX_ARGUMENT_CHARS = 200_000
"""Longer ones are no arguments of any of our tools."""


def tool_request(id_: str, name: str, text: str) -> ToolRequest:
    """The request; where `text` is no JSON object it says so, and its arguments are empty."""
    found = parsed(text)
    if found is None:
        return ToolRequest(id_, name, {}, whole(text[:MAX_ARGUMENT_CHARS]))
    return ToolRequest(id_, name, found)


def parsed(text: str) -> dict[str, Any] | None:
    """The JSON object in `text`, an empty one for no text at all; None for anything else."""
    if not text.strip():
        return {}
    if len(text) > MAX_ARGUMENT_CHARS:
        return None
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return whole(found) if isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
