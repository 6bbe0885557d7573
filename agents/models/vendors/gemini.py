"""Google's Gemini API through the `google-genai` SDK."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from agents.models.configuration import ProviderSettings
from agents.models.provider import ModelError
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
from agents.models.vendors.characters import whole
from agents.models.vendors.connection import Connection
from agents.models.vendors.failure import cut, http_failure, line_failure
from agents.models.vendors.schema import offered

if TYPE_CHECKING:
    import httpx2
    from google.genai import Client
    from google.genai.types import Content, GenerateContentConfig, GenerateContentResponse

MADE_UP = "gemini-"
"""How ids begin that we gave because the vendor gave none; they are not sent back."""
UNSIGNED = "skip_thought_signature_validator"
"""The vendor's own word for a call of another model's in the history, which bears no signature of its."""
_UNSIGNED_MODELS = ("gemini-1", "gemini-2")
"""Models that sign nothing and want no signature."""
_STOPS: Mapping[str, Stop] = {
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"),
            *("MODEL_ARMOR", "ESCALATION"),
        ),
        "refused",
    ),
}
_BROKEN = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "TOO_MANY_TOOL_CALLS")
"""The model wrote something that the vendor could not read as a call; another try may do better."""


class GeminiProvider:
    """One model of Google's."""

    def __init__(self, settings: ProviderSettings, silence_s: float) -> None:
        self.name = settings.name
        self.model = settings.model
        self._settings = settings
        self._connection = Connection(settings, silence_s, self._make)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        client = await self._connection.client()
        answer = _Answer()
        try:
            chunks = await client.aio.models.generate_content_stream(
                model=self.model,
                contents=[self._content(turn) for turn in request.turns],
                config=_config(request),
            )
            answer.begun = True
            async with aclosing(cast("Any", chunks)):
                async for chunk in chunks:
                    for text in answer.take(chunk):
                        yield TextChunk(text)
        except Exception as error:
            raise self._failure(error, answer) from None
        yield answer.done(self.name, self.model)

    async def check(self) -> str:
        client = await self._connection.client()
        try:
            found = await client.aio.models.get(model=self.model)
        except Exception as error:
            raise self._failure(error, _Answer()) from None
        return f"answers and offers {(found.name or self.model).removeprefix('models/')}"

    async def close(self) -> None:
        if self._connection.made is not None:
            await self._connection.made.aio.aclose()

    def _make(self, key: str, http: httpx2.AsyncClient) -> Client:
        from google import genai

        options = genai.types.HttpOptions(
            base_url=self._settings.url,
            httpx_async_client=http,
            extra_body=dict(self._settings.options) or None,
        )
        return genai.Client(vertexai=False, api_key=key, http_options=options)

    def _content(self, turn: Turn) -> Content:
        from google.genai import types

        if isinstance(turn, Asked):
            return types.Content(role="user", parts=[types.Part(text=turn.text)])
        if isinstance(turn, Results):
            return types.Content(role="user", parts=[_part(_result(one)) for one in turn.results])
        replay = turn.replay if turn.provider == self.name and isinstance(turn.replay, dict) else {}
        known = replay.get("model") == self.model
        parts = (
            replay["parts"] if known else _rebuilt(turn, signed=not self.model.startswith(_UNSIGNED_MODELS))
        )
        return types.Content(role="model", parts=[_part(part) for part in parts])

    def _failure(self, error: Exception, answer: _Answer) -> Exception:
        from google.genai import errors

        if isinstance(error, errors.APIError):
            told = http_failure(error.code or 500, f"{error.status or ''} {error.message or ''}".strip())
            told.retry_after = _retry_delay(error.details)
            told.usage = answer.usage
            return told
        return line_failure(error, self._settings.url, answer.begun, answer.usage) or error


class _Answer:
    """Puts the pieces of one answer together; its parts go back to the vendor as they came."""

    def __init__(self) -> None:
        self.begun = False
        self.usage: Usage | None = None
        self._parts: list[dict[str, Any]] = []
        self._finish: str | None = None
        self._finish_text = ""
        self._blocked = ""

    def take(self, chunk: GenerateContentResponse) -> Iterable[str]:
        """The text in one piece, without the model's thoughts."""
        if chunk.usage_metadata is not None:
            self.usage = _usage(chunk.usage_metadata)
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self._blocked = str(chunk.prompt_feedback.block_reason.value)
        for candidate in (chunk.candidates or ())[:1]:
            if candidate.finish_reason:
                self._finish = str(candidate.finish_reason.value)
                self._finish_text = candidate.finish_message or ""
            for part in (candidate.content.parts if candidate.content else None) or ():
                told = whole(part.model_dump(mode="json", exclude_none=True))
                self._parts.append(told)
                if told.get("text") and not part.thought:
                    yield told["text"]

    def done(self, provider: str, model: str) -> Done:
        """The whole answer. Raises ModelError (cut) where its end is missing or a call cannot be read."""
        if self._blocked:
            return Done(Said(f"blocked: {self._blocked}", (), provider), self.usage, "refused")
        if self._finish is None:
            raise cut("it ended without a reason", self.usage)
        if self._finish in _BROKEN:
            raise ModelError("cut", f"the model's call cannot be read ({self._finish} {self._finish_text})",
                             usage=self.usage)  # fmt: skip
        text = "".join(part["text"] for part in self._parts if part.get("text") and not part.get("thought"))
        stop = _STOPS.get(self._finish, "end")
        if stop == "refused":
            return Done(Said(text or self._finish, (), provider), self.usage, stop)
        requests = tuple(
            ToolRequest(
                call.get("id") or f"{MADE_UP}{secrets.token_hex(6)}", call["name"], call.get("args") or {}
            )
            for part in self._parts
            if (call := part.get("function_call"))
        )
        said = Said(text, requests, provider, {"model": model, "parts": self._parts})
        return Done(said, self.usage, "tools" if requests and stop == "end" else stop)


def _config(request: ModelRequest) -> GenerateContentConfig:
    from google.genai import types

    offers = [
        types.FunctionDeclaration(
            name=tool.name, description=tool.description, parameters_json_schema=offered(tool.parameters)
        )
        for tool in request.tools
    ]
    return types.GenerateContentConfig(
        system_instruction=request.system or None,
        max_output_tokens=request.max_output_tokens,
        tools=[types.Tool(function_declarations=offers)] if offers else None,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _part(values: Mapping[str, Any]) -> Any:
    from google.genai import types

    # By way of JSON: there a signature is base64, as it came.
    return types.Part.model_validate_json(json.dumps(values))


def _result(result: ToolResult) -> dict[str, Any]:
    id_ = None if result.request.startswith(MADE_UP) else result.request
    answer = {"error" if result.failed else "output": result.text}
    return {"function_response": {"id": id_, "name": result.name, "response": answer}}


def _rebuilt(said: Said, *, signed: bool) -> Iterable[dict[str, Any]]:
    """What another provider said, without its thinking. The first of its calls stands for all that ran with it."""
    if said.text:
        yield {"text": said.text}
    for place, call in enumerate(said.requests):
        part: dict[str, Any] = {
            "function_call": {"id": call.id, "name": call.name, "args": dict(call.arguments)}
        }
        yield {**part, "thought_signature": UNSIGNED} if signed and place == 0 else part


def _usage(told: Any) -> Usage:
    cached = told.cached_content_token_count or 0
    read = (told.prompt_token_count or 0) + (told.tool_use_prompt_token_count or 0)
    written = (told.candidates_token_count or 0) + (told.thoughts_token_count or 0)
    return Usage(max(0, read - cached), written, cached)


def _retry_delay(details: Any) -> float | None:
    """Seconds in the RetryInfo of an error, which says them as `7s`."""
    inner = details.get("error", details) if isinstance(details, dict) else {}
    for detail in inner.get("details", ()) if isinstance(inner, dict) else ():
        delay = detail.get("retryDelay", "") if isinstance(detail, dict) else ""
        if str(delay).endswith("s"):
            try:
                return float(str(delay)[:-1])
            except ValueError:
                return None
    return None
