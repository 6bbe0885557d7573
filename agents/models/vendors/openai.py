"""Any OpenAI-compatible endpoint (OpenAI, Ollama, vLLM, llama.cpp …): chat completions through the `openai` SDK."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agents.models.configuration import ProviderSettings
from agents.models.provider import ModelError
from agents.models.turn import Asked, Chunk, Done, ModelRequest, Results, Said, Stop, TextChunk, Turn, Usage
from agents.models.vendors.arguments import tool_request
from agents.models.vendors.characters import whole
from agents.models.vendors.connection import Connection, own_headers
from agents.models.vendors.failure import cut, http_failure, line_failure, message_of
from agents.models.vendors.schema import offered

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI, AsyncStream
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

OWN_HOST = "api.openai.com"
_NEWER = "max_completion_tokens"
_STOPS: dict[str, Stop] = {"length": "length", "content_filter": "refused"}


class OpenAIProvider:
    """One model behind one endpoint that speaks chat completions."""

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
            stream = await client.chat.completions.create(**self._body(request), stream=True)
            answer.begun = True
            async with aclosing(self._chunks(stream)) as chunks:
                async for chunk in chunks:
                    for text in answer.take(chunk):
                        yield TextChunk(text)
        except Exception as error:
            raise self._failure(error, answer) from None
        yield answer.done(self.name)

    async def check(self) -> str:
        client = await self._connection.client()
        try:
            known = [model.id async for model in client.models.list(extra_headers=self._headers)]
        except Exception as error:
            raise self._failure(error, _Answer()) from None
        if not any(name == self.model or name.startswith(f"{self.model}:") for name in known):
            raise ModelError("bad_request", f"answers, but does not offer {self.model}")
        return f"answers and offers {self.model}"

    async def close(self) -> None:
        if self._connection.made is not None:
            await self._connection.made.close()

    def _make(self, key: str, http: httpx2.AsyncClient) -> AsyncOpenAI:
        import openai

        self._headers = own_headers(
            self._settings, key, openai.Omit(), "OpenAI-Organization", "OpenAI-Project"
        )
        if not key:
            self._headers["Authorization"] = openai.Omit()
        return openai.AsyncOpenAI(
            api_key=key or "none",
            admin_api_key="",
            base_url=self._settings.url,
            max_retries=0,
            http_client=http,
        )

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        # Newer models of OpenAI's own refuse max_tokens, other servers know nothing else.
        limit = _NEWER if urlsplit(self._settings.url).hostname == OWN_HOST else "max_tokens"
        body: dict[str, Any] = {
            "model": self.model,
            "messages": list(_messages(request)),
            "stream_options": {"include_usage": True},
            "extra_headers": self._headers,
            "extra_body": dict(self._settings.options),
            # Not beside the other one, where the operator set that as an option.
            **({} if _NEWER in self._settings.options else {limit: request.max_output_tokens}),
        }
        if request.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": offered(tool.parameters),
                    },
                }
                for tool in request.tools
            ]
        return body

    async def _chunks(
        self, stream: AsyncStream[ChatCompletionChunk]
    ) -> AsyncGenerator[ChatCompletionChunk, None]:
        async with stream:
            async for chunk in stream:
                yield chunk

    def _failure(self, error: Exception, answer: _Answer) -> Exception:
        import openai

        if isinstance(error, openai.APIStatusError):
            return http_failure(
                error.status_code, message_of(error.body, error.message), error.response.headers
            )
        if isinstance(error, openai.APIConnectionError) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        elif isinstance(error, openai.APIError):
            return http_failure(_status(error.code), message_of(error.body, error.message))
        return line_failure(error, self._settings.url, answer.begun, answer.usage) or error


@dataclass(slots=True)
class _Call:
    """A tool call as its pieces come."""

    id: str = ""
    name: str = ""
    arguments: str = ""


class _Answer:
    """Puts the pieces of one answer together."""

    def __init__(self) -> None:
        self.begun = False
        self.usage: Usage | None = None
        self._text: list[str] = []
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        self._finish: str | None = None
        self._refused = False

    def take(self, chunk: ChatCompletionChunk) -> Iterable[str]:
        """The text in one piece."""
        if chunk.usage is not None:
            self.usage = _usage(chunk.usage)
        for choice in chunk.choices or ():
            self._finish = choice.finish_reason or self._finish
            for call in (choice.delta.tool_calls if choice.delta else None) or ():
                self._take_call(call)
            refusal = choice.delta.refusal if choice.delta else None
            self._refused = self._refused or bool(refusal)
            text = whole((choice.delta.content if choice.delta else None) or refusal)
            if text:
                self._text.append(text)
                yield text

    def done(self, provider: str) -> Done:
        """The whole answer. Raises ModelError (cut) where its end is missing."""
        if self._finish is None:
            raise cut("it ended without a reason", self.usage)
        requests = tuple(
            tool_request(call.id or f"call_{place}", call.name, call.arguments)
            for place, call in enumerate(self._calls)
        )
        stop = "refused" if self._refused else _STOPS.get(self._finish, "tools" if requests else "end")
        said = Said("".join(self._text), () if stop == "refused" else requests, provider)
        return Done(said, self.usage, stop)

    def _take_call(self, piece: ChoiceDeltaToolCall) -> None:
        # Not every server counts: one with a new id is a new call even under the same index.
        index = piece.index or 0
        call = self._at.get(index)
        if call is None or (piece.id and call.id and piece.id != call.id):
            call = self._at[index] = _Call()
            self._calls.append(call)
        call.id = piece.id or call.id
        if piece.function is not None:
            call.name = call.name or piece.function.name or ""
            call.arguments += piece.function.arguments or ""


def _messages(request: ModelRequest) -> Iterable[dict[str, Any]]:
    if request.system:
        yield {"role": "system", "content": request.system}
    for turn in request.turns:
        yield from _of_turn(turn)


def _of_turn(turn: Turn) -> Iterable[dict[str, Any]]:
    if isinstance(turn, Asked):
        yield {"role": "user", "content": turn.text}
    elif isinstance(turn, Results):
        for result in turn.results:
            yield {"role": "tool", "tool_call_id": result.request, "content": result.text}
    else:
        yield _of_said(turn)


def _of_said(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if said.requests:
        # Arguments that were no JSON go back as an empty object: servers that parse them would fail.
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for call in said.requests
        ]
    return message


def _usage(told: CompletionUsage) -> Usage:
    details = told.prompt_tokens_details
    read = (details.cached_tokens or 0) if details else 0
    written = (details.cache_write_tokens or 0) if details else 0
    return Usage(max(0, told.prompt_tokens - read - written), told.completion_tokens, read, written)


def _status(code: str | None) -> int:
    """The state that an error within a stream names; 500 where it names none."""
    return int(code) if code and code.isdigit() and 400 <= int(code) < 600 else 500
