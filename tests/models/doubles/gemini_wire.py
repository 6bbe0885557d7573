"""Gemini's streamGenerateContent over SSE: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from typing import Any

from tests.models.doubles.reply import Received, Reply

STOPS = {"": "STOP", "length": "MAX_TOKENS", "refused": "SAFETY"}
STATES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
_given: dict[str, str] = {}
"""Id of a tool call → the signature that its part bore."""


def events(reply: Reply, received: Received) -> Iterator[bytes]:
    """Thoughts, text and calls; the first call bears the signature for all that run in parallel."""
    if reply.thinking:
        yield _chunk([{"text": reply.thinking, "thought": True}])
    for piece in reply.text:
        yield _chunk([{"text": piece}])
    parts: list[dict[str, Any]] = []
    for place, call in enumerate(reply.calls):
        arguments = json.loads("".join(call.pieces()))
        part: dict[str, Any] = {"functionCall": {"id": call.id, "name": call.name, "args": arguments}}
        if reply.thinking and place == 0:
            _given[call.id] = part["thoughtSignature"] = base64.b64encode(secrets.token_bytes(33)).decode()
        parts.append(part)
    if parts:
        yield _chunk(parts)


def end(reply: Reply, received: Received) -> Iterator[bytes]:
    """What ends a whole answer."""
    yield _chunk([{"text": ""}], STOPS[reply.stop], reply)


def stream_error(reply: Reply) -> bytes:
    return f"data: {json.dumps(_error(503, reply.message))}\n\n".encode()


def error(reply: Reply) -> dict[str, Any]:
    return _error(reply.status, reply.message, reply.headers.get("Retry-After"))


def schemas(received: Received) -> list[dict[str, Any]]:
    """Of the tools that are offered."""
    return [
        # Google reads names of fields in both ways, and its SDK writes this one in the other.
        one.get("parametersJsonSchema") or one["parameters_json_schema"]
        for tool in received.body.get("tools", ())
        for one in tool["functionDeclarations"]
    ]


def complaint(received: Received) -> str:
    """What the vendor would refuse in the request; empty for nothing."""
    waiting: list[tuple[str | None, str]] = []
    for content in received.body["contents"]:
        parts = content["parts"]
        answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if len(answers) != len(waiting):
            return "the number of function response parts must equal the number of function call parts"
        if [(answer.get("id"), answer["name"]) for answer in answers] != waiting:
            return "function responses answer other calls"
        waiting = []
        for part in parts:
            if call := part.get("functionCall"):
                waiting.append((call.get("id"), call["name"]))
                wanted = _given.get(call.get("id"))
                if wanted is not None and _bytes(part.get("thoughtSignature", "")) != _bytes(wanted):
                    return "Function call is missing a thought_signature in functionCall parts"
    return "a function call without its response" if waiting else ""


def model(name: str) -> dict[str, Any]:
    return {"name": f"models/{name}", "displayName": name, "version": "1"}


def _chunk(parts: list[dict[str, Any]], finish: str = "", reply: Reply | None = None) -> bytes:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    value: dict[str, Any] = {"candidates": [candidate], "responseId": secrets.token_hex(4)}
    if finish:
        candidate["finishReason"] = finish
    if reply is not None and reply.counted is not None:
        count = reply.counted
        value["usageMetadata"] = {
            "promptTokenCount": count.read + count.cache_read,
            "cachedContentTokenCount": count.cache_read,
            "candidatesTokenCount": count.written - 1,
            "thoughtsTokenCount": 1,
            "totalTokenCount": count.read + count.cache_read + count.written,
        }
    return f"data: {json.dumps(value)}\r\n\r\n".encode()


def _error(status: int, message: str, wait: str | None = None) -> dict[str, Any]:
    details = (
        [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"}] if wait else []
    )
    inner = {"code": status, "message": message, "status": STATES.get(status, "INTERNAL"), "details": details}
    return {"error": inner}


def _bytes(signature: str) -> bytes:
    return base64.b64decode(signature.replace("-", "+").replace("_", "/") + "==")
