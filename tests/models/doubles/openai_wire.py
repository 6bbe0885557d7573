"""OpenAI chat completions, streamed: https://platform.openai.com/docs/api-reference/chat-streaming."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from tests.models.doubles.reply import Received, Reply

STOPS = {"": "stop", "length": "length", "refused": "content_filter"}


def events(reply: Reply, received: Received) -> Iterator[bytes]:
    """Text and calls, one event each."""
    yield _chunk(received, {"role": "assistant", "content": ""})
    for piece in reply.text:
        yield _chunk(received, {"content": piece})
    for place, call in enumerate(reply.calls):
        head = {"index": place, "id": call.id, "type": "function"}
        yield _chunk(received, {"tool_calls": [{**head, "function": {"name": call.name, "arguments": ""}}]})
    for half in (0, 1):
        for place, call in enumerate(reply.calls):
            part = {"index": place, "function": {"arguments": call.pieces()[half]}}
            yield _chunk(received, {"tool_calls": [part]})


def end(reply: Reply, received: Received) -> Iterator[bytes]:
    """What ends a whole answer."""
    finish = "tool_calls" if reply.calls and not reply.stop else STOPS[reply.stop]
    yield _chunk(received, {}, finish)
    if reply.counted is not None and received.body.get("stream_options", {}).get("include_usage"):
        count = reply.counted
        prompt = count.read + count.cache_read + count.cache_write
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": count.written,
            "total_tokens": prompt + count.written,
            "prompt_tokens_details": {
                "cached_tokens": count.cache_read,
                "cache_write_tokens": count.cache_write,
            },
        }
        yield _data({**_head(received), "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def stream_error(reply: Reply) -> bytes:
    return _data({"error": {"message": reply.message, "type": "server_error", "code": None}})


def error(reply: Reply) -> dict[str, Any]:
    return {"error": {"message": reply.message, "type": "error", "param": None, "code": None}}


def schemas(received: Received) -> list[dict[str, Any]]:
    """Of the tools that are offered."""
    return [tool["function"]["parameters"] for tool in received.body.get("tools", ())]


def complaint(received: Received) -> str:
    """What the vendor would refuse in the request; empty for nothing."""
    waiting: set[str] = set()
    for message in received.body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return f"tool_call_id {message['tool_call_id']!r} answers nothing"
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            return f"tool_call_ids without an answer: {sorted(waiting)}"
        for call in message.get("tool_calls", ()):
            json.loads(call["function"]["arguments"])
            waiting.add(call["id"])
    return f"tool_call_ids without an answer: {sorted(waiting)}" if waiting else ""


def model_list(models: list[str]) -> dict[str, Any]:
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "double"} for name in models]
    return {"object": "list", "data": listed}


def _chunk(received: Received, delta: dict[str, Any], finish: str | None = None) -> bytes:
    return _data({**_head(received), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _head(received: Received) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(4)}",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": received.body["model"],
    }


def _data(value: Any) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()
