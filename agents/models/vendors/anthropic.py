"""Anthropic's Messages API through the `anthropic` SDK."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from agents.models.configuration import ProviderSettings
from agents.models.turn import (
    Asked,
    Chunk,
    Done,
    ModelRequest,
    Results,
    Said,
    Stop,
    TextChunk,
    ToolRequest,
    ToolResult,
    Turn,
    Usage,
)
from agents.models.vendors.arguments import tool_request
from agents.models.vendors.characters import whole
from agents.models.vendors.connection import Connection, own_headers
from agents.models.vendors.failure import cut, http_failure, line_failure, message_of
from agents.models.vendors.schema import offered

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic

CACHED = {"type": "ephemeral"}
"""Up to here the vendor may keep what it read: the next round of a tool loop begins with the same text."""
_STOPS: Mapping[str, Stop] = {
    "tool_use": "tools",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}
_STREAM_ERRORS = {"overloaded_error": 529, "rate_limit_error": 429, "invalid_request_error": 400}
_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


class AnthropicProvider:
    """One model of Anthropic's."""

    def __init__(self, settings: ProviderSettings, silence_s: float) -> None:
        self.name = settings.name
        self.model = settings.model
        self._settings = settings
        self._headers: dict[str, Any] = {}
        self._connection = Connection(settings, silence_s, self._make)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        client = await self._connection.client()
        answer = _Answer()
        try:
            async with await client.messages.create(**self._body(request), stream=True) as events:
                answer.begun = True
                async for event in events:
                    text = answer.take(whole(event.to_dict()))
                    if text:
                        yield TextChunk(text)
        except Exception as error:
            raise self._failure(error, answer) from None
        yield answer.done(self.name, self.model)

    async def check(self) -> str:
        client = await self._connection.client()
        try:
            found = await client.models.retrieve(self.model, extra_headers=self._headers)
        except Exception as error:
            raise self._failure(error, _Answer()) from None
        return f"answers and offers {found.id}"

    async def close(self) -> None:
        if self._connection.made is not None:
            await self._connection.made.close()

    def _make(self, key: str, http: httpx2.AsyncClient) -> AsyncAnthropic:
        import anthropic

        self._headers = own_headers(self._settings, key, anthropic.Omit())
        return anthropic.AsyncAnthropic(
            api_key=key,
            base_url=self._settings.url,
            max_retries=0,
            http_client=http,
            # Traces could carry the conversation past the redaction boundary.
            open_telemetry=False,
        )

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": request.max_output_tokens,
            "messages": self._messages(request.turns),
            "extra_headers": self._headers,
            "extra_body": dict(self._settings.options),
        }
        if request.system:
            body["system"] = [{"type": "text", "text": request.system, "cache_control": CACHED}]
        if request.tools:
            body["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": offered(tool.parameters)}
                for tool in request.tools
            ]
        return body

    def _messages(self, turns: Iterable[Turn]) -> list[dict[str, Any]]:
        messages = [message for turn in turns if (message := self._message(turn))["content"]]
        if messages and messages[-1]["role"] == "user":
            messages[-1]["content"][-1]["cache_control"] = CACHED
        return messages

    def _message(self, turn: Turn) -> dict[str, Any]:
        if isinstance(turn, Asked):
            return {"role": "user", "content": [{"type": "text", "text": turn.text}]}
        if isinstance(turn, Results):
            return {"role": "user", "content": [_result(result) for result in turn.results]}
        replay = turn.replay if turn.provider == self.name and isinstance(turn.replay, dict) else {}
        if replay.get("model") == self.model:
            return {"role": "assistant", "content": list(replay["content"])}
        return {"role": "assistant", "content": list(_rebuilt(turn))}

    def _failure(self, error: Exception, answer: _Answer) -> Exception:
        import anthropic

        if isinstance(error, anthropic.APIStatusError):
            status = (
                error.status_code if error.status_code >= 400 else _STREAM_ERRORS.get(str(error.type), 500)
            )
            failure = http_failure(status, message_of(error.body, error.message), error.response.headers)
            failure.usage = answer.usage
            return failure
        if isinstance(error, anthropic.APIConnectionError) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        return line_failure(error, self._settings.url, answer.begun, answer.usage) or error


class _Answer:
    """Puts the events of one answer together; its blocks go back to the vendor as they came."""

    def __init__(self) -> None:
        self.begun = False
        self.usage: Usage | None = None
        self._blocks: dict[int, dict[str, Any]] = {}
        self._arguments: dict[int, str] = {}
        self._stop: str | None = None
        self._explanation = ""
        self._ended = False

    def take(self, event: Mapping[str, Any]) -> str:
        """The text that the event brings; mostly none."""
        kind = event.get("type")
        if kind == "message_start":
            self._count(event["message"].get("usage") or {})
        elif kind == "content_block_start":
            self._blocks[event["index"]] = dict(event["content_block"])
        elif kind == "content_block_delta":
            return self._take_delta(event["index"], event["delta"])
        elif kind == "message_delta":
            self._count(event.get("usage") or {})
            self._stop = event["delta"].get("stop_reason") or self._stop
            self._explanation = (event["delta"].get("stop_details") or {}).get("explanation") or ""
        elif kind == "message_stop":
            self._ended = True
        return ""

    def done(self, provider: str, model: str) -> Done:
        """The whole answer. Raises ModelError (cut) where its end is missing."""
        if not self._ended:
            raise cut("it ended without message_stop", self.usage)
        requests = [
            _request(block, self._arguments.get(place, ""))
            for place, block in sorted(self._blocks.items())
            if block["type"] == "tool_use"
        ]
        content = [block for _, block in sorted(self._blocks.items()) if block.get("text") != ""]
        stop = _STOPS.get(self._stop or "", "end")
        text = "".join(block["text"] for block in content if block["type"] == "text")
        if stop == "refused":
            return Done(Said(text or self._explanation, (), provider), self.usage, stop)
        replay = {"model": model, "content": content}
        return Done(Said(text, tuple(requests), provider, replay), self.usage, stop)

    def _take_delta(self, place: int, delta: Mapping[str, Any]) -> str:
        block = self._blocks[place]
        kind = delta["type"]
        if kind == "text_delta":
            block["text"] += delta["text"]
            return str(delta["text"])
        if kind == "input_json_delta":
            self._arguments[place] = self._arguments.get(place, "") + delta["partial_json"]
        elif kind == "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta["thinking"]
        elif kind == "signature_delta":
            block["signature"] = delta["signature"]
        return ""

    def _count(self, told: Mapping[str, Any]) -> None:
        """The vendor counts up: what a later event tells replaces what an earlier one told."""
        before = self.usage or Usage()
        self.usage = Usage(
            _told(told, "input_tokens", before.input),
            _told(told, "output_tokens", before.output),
            _told(told, "cache_read_input_tokens", before.cache_read),
            _told(told, "cache_creation_input_tokens", before.cache_write),
        )


def _request(block: dict[str, Any], text: str) -> ToolRequest:
    """The call in a block, whose streamed arguments are `text`; in the block they become an object."""
    if not text:
        return ToolRequest(block["id"], block["name"], block.get("input") or {})
    asked = tool_request(block["id"], block["name"], text)
    block["input"] = asked.arguments
    return asked


def _told(told: Mapping[str, Any], key: str, before: int) -> int:
    value = told.get(key)
    return value if isinstance(value, int) else before


def _result(result: ToolResult) -> dict[str, Any]:
    return {
        "type": "tool_result",
        "tool_use_id": _id(result.request),
        "content": result.text,
        "is_error": result.failed,
    }


def _rebuilt(said: Said) -> Iterable[dict[str, Any]]:
    """What another provider said, without its thinking."""
    if said.text:
        yield {"type": "text", "text": said.text}
    for call in said.requests:
        yield {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": dict(call.arguments)}


def _id(given: str) -> str:
    """An id of another vendor's in the characters that this one takes; its own stay as they are."""
    return _NOT_IN_AN_ID.sub("_", given)
