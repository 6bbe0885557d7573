"""Anthropic's Messages API, streamed: https://docs.anthropic.com/en/api/messages-streaming."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from tests.models.doubles.reply import Received, Reply, halves

STOPS = {"": "end_turn", "length": "max_tokens", "refused": "refusal"}
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_given: dict[str, list[dict[str, Any]]] = {}
"""Id of a tool call → the thinking blocks that were given right with it."""


def events(reply: Reply, received: Received) -> Iterator[bytes]:
    """Thinking, text and calls, block by block."""
    usage = {"input_tokens": 0, "output_tokens": 1}
    if reply.counted is not None:
        usage["input_tokens"] = reply.counted.read
        usage["cache_read_input_tokens"] = reply.counted.cache_read
        usage["cache_creation_input_tokens"] = reply.counted.cache_write
    message = {
        "id": f"msg_{secrets.token_hex(6)}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": received.body["model"],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    yield _event("message_start", {"message": message})
    yield _event("ping", {})
    blocks = list(_blocks(reply))
    for place, (block, deltas) in enumerate(blocks):
        yield _event("content_block_start", {"index": place, "content_block": block})
        for delta in deltas:
            yield _event("content_block_delta", {"index": place, "delta": delta})
        yield _event("content_block_stop", {"index": place})


def end(reply: Reply, received: Received) -> Iterator[bytes]:
    """What ends a whole answer."""
    stop = "tool_use" if reply.calls and not reply.stop else STOPS[reply.stop]
    delta: dict[str, Any] = {"stop_reason": stop, "stop_sequence": None}
    if reply.stop == "refused":
        delta["stop_details"] = {"type": "refusal", "category": None, "explanation": reply.message or None}
    usage = {"output_tokens": reply.counted.written if reply.counted else 1}
    yield _event("message_delta", {"delta": delta, "usage": usage})
    yield _event("message_stop", {})


def stream_error(reply: Reply) -> bytes:
    return _event("error", {"error": {"type": "overloaded_error", "message": reply.message}})


def error(reply: Reply) -> dict[str, Any]:
    kind = TYPES.get(reply.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": reply.message}, "request_id": None}


def schemas(received: Received) -> list[dict[str, Any]]:
    """Of the tools that are offered."""
    return [tool["input_schema"] for tool in received.body.get("tools", ())]


def complaint(received: Received) -> str:
    """What the vendor would refuse in the request; empty for nothing."""
    body = received.body
    if "anthropic-version" not in received.headers:
        return "anthropic-version: header is required"
    if not isinstance(body.get("max_tokens"), int):
        return "max_tokens: Field required"
    waiting: list[str] = []
    for message in body["messages"]:
        if not message["content"]:
            return "messages: content must not be empty"
        answered = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        if sorted(answered) != sorted(waiting):
            return f"tool_use ids {waiting} were answered by {answered}"
        waiting = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        thoughts = [block for block in message["content"] if "thinking" in block["type"]]
        wanted = next((_given[id_] for id_ in waiting if id_ in _given), thoughts)
        if thoughts != wanted:
            return "thinking blocks cannot be modified"
    return f"tool_use ids without an answer: {waiting}" if waiting else ""


def model(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}


def _blocks(reply: Reply) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each block as it starts, and what is added to it."""
    thoughts: list[dict[str, Any]] = []
    if reply.thinking:
        signature = secrets.token_urlsafe(24)
        thoughts.append({"type": "thinking", "thinking": reply.thinking, "signature": signature})
        thoughts.append({"type": "redacted_thinking", "data": secrets.token_urlsafe(24)})
        added = [{"type": "thinking_delta", "thinking": half} for half in halves(reply.thinking)]
        added.append({"type": "signature_delta", "signature": signature})
        yield {"type": "thinking", "thinking": "", "signature": ""}, added
        yield thoughts[1], []
    if reply.text:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in reply.text]
    for call in reply.calls:
        _given[call.id] = thoughts
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        yield block, [{"type": "input_json_delta", "partial_json": half} for half in call.pieces()]


def _event(kind: str, value: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **value})}\n\n".encode()
