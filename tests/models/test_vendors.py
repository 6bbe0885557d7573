"""Each vendor's SDK over a real socket against the double: what is sent, what is made of what comes."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.models.configuration import load
from agents.models.provider import ModelError, Provider
from agents.models.turn import (
    Asked,
    Chunk,
    Done,
    ModelRequest,
    Results,
    Said,
    TextChunk,
    ToolOffer,
    ToolRequest,
    ToolResult,
    Usage,
)
from agents.models.vendors.opening import open_provider
from tests.models.doubles.endpoint import ModelEndpoint, wire_of
from tests.models.doubles.reply import Call, Counted, Reply

VENDORS = ("anthropic", "gemini", "openai")
QUESTION = ModelRequest("You look after databases.", (Asked("Why is it slow?"),))
LOCKS = ToolOffer(
    "locks",
    "Who waits for whom",
    {
        "type": "object",
        "properties": {"pid": {"type": ["integer", "null"]}, "kinds": {"$ref": "#/$defs/kinds"}},
        "$defs": {"kinds": {"type": "array", "items": {"enum": ["row", "table"]}}},
        "required": ["pid"],
        "additionalProperties": False,
    },
)

Opened = Callable[..., Provider]


@pytest.fixture(params=VENDORS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def opened(
    double: ModelEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Opened]:
    """Makes providers that lead to the double, and closes them."""
    made: list[Provider] = []

    def open_one(kind: str, key: str = "", name: str = "vendor", silence_s: float = 30) -> Provider:
        monkeypatch.setenv("THE_KEY", key or secrets.token_hex(16))
        url = double.openai_url if kind == "openai" else double.url
        path = tmp_path / "models.toml"
        path.write_text(
            f"[providers.{name}]\nkind = '{kind}'\nmodel = 'model-1'\nbase_url = '{url}'\n"
            'key = { env = "THE_KEY" }\n'
        )
        made.append(open_provider(load(path).providers[name], silence_s))
        return made[-1]

    yield open_one
    for provider in made:
        await provider.close()


async def answer(provider: Provider, request: ModelRequest) -> tuple[list[str], Done]:
    items = [item async for item in provider.stream(request)]
    assert isinstance(items[-1], Done)
    return [item.text for item in items[:-1] if isinstance(item, TextChunk)], items[-1]


async def test_text_streams_and_is_counted(kind: str, opened: Opened, double: ModelEndpoint) -> None:
    key = secrets.token_hex(16)
    written = 0 if kind == "gemini" else 7  # only the others tell what they wrote to their cache
    double.script(
        Reply(text=("It is ", "the lock."), counted=Counted(100, 20, 40, written)),
        Reply(text=("It is",), stop="length"),
    )
    provider = opened(kind, key)
    pieces, done = await answer(provider, QUESTION)
    assert pieces == ["It is ", "the lock."]
    assert (done.said.text, done.said.provider, done.stop) == ("It is the lock.", "vendor", "end")
    assert done.usage == Usage(100, 20, 40, written)
    assert key in json.dumps(dict(double.received[0].headers))
    assert "Why is it slow?" in json.dumps(double.received[0].body)
    assert (await answer(provider, QUESTION))[1].stop == "length"


async def test_thoughts_go_back_as_they_came(kind: str, opened: Opened, double: ModelEndpoint) -> None:
    """The double refuses a history whose thinking or signature differs from what it gave."""
    first, second = Call("locks", {"pid": 7}), Call("locks", {"pid": None})
    double.script(
        Reply(thinking="Locks, I think.", text=("Let me see.",), calls=(first, second)),
        Reply(thinking="Clear.", calls=(third := Call("locks", {"pid": 9}),)),
        Reply(text=("Session 7.",)),
    )
    provider = opened(kind)
    request = ModelRequest("Be brief.", QUESTION.turns, (LOCKS,))
    texts = []
    for _ in range(3):
        pieces, done = await answer(provider, request)
        texts.append("".join(pieces))
        said = replace(done.said, replay=json.loads(json.dumps(done.said.replay)))
        results = tuple(ToolResult(one.id, one.name, f"rows for {one.arguments}") for one in said.requests)
        request = ModelRequest(request.system, (*request.turns, said, Results(results)), request.tools)
    assert texts == ["Let me see.", "", "Session 7."]
    asked = [one for turn in request.turns if isinstance(turn, Said) for one in turn.requests]
    assert [(one.id, one.name, dict(one.arguments)) for one in asked] == [
        (call.id, call.name, call.arguments) for call in (first, second, third)
    ]
    assert double.left == 0


async def test_another_vendors_turns_are_told_anew(kind: str, opened: Opened, double: ModelEndpoint) -> None:
    double.script(Reply(text=("I see.",)))
    calls = (ToolRequest("functions.locks:0", "locks", {"pid": 1}), ToolRequest("b", "locks", {}, '{"pid": '))
    turns = (
        Asked("Why?"),
        Said("Looking.", calls, "other", {"model": "model-1", "content": [{"type": "secret"}], "parts": []}),
        Results(
            (ToolResult(calls[0].id, "locks", "1 row"), ToolResult("b", "locks", "no JSON", failed=True))
        ),
        Said("", (), "other"),
        Asked("And now?"),
    )
    _, done = await answer(opened(kind), ModelRequest("", turns, (LOCKS,)))
    assert done.said.text == "I see."
    sent = json.dumps(double.received[0].body)
    if kind == "gemini":  # its own word for calls of others, as it is and not encoded
        signatures = [
            part.get("thoughtSignature") for part in double.received[0].body["contents"][1]["parts"]
        ]
        assert signatures == [None, "skip_thought_signature_validator", None]
    assert "Looking." in sent and "1 row" in sent and "And now?" in sent and "secret" not in sent


async def test_every_schema_is_offered_as_one_object(
    kind: str, opened: Opened, double: ModelEndpoint
) -> None:
    """The double refuses the whole request where one tool has a schema that vendors do not take."""
    odd: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"table": {"type": "object", "properties": {"table": {"$schema": "x", "type": "string"}}}},
        "anyOf": [
            {"properties": {"pid": {"type": "integer"}}, "required": ["pid", "why"]},
            {"allOf": [{"$ref": "#/$defs/table"}, {"required": ["table", "why"]}, {"$ref": "#/anyOf/1"}]},
        ],
        "properties": {"why": {"oneOf": [{"const": "lock"}, {"type": "null"}]}},
    }
    tools = (
        LOCKS,
        ToolOffer("odd", "", odd),
        ToolOffer("bare", "", {}),
        ToolOffer("ref", "", {"$ref": "#/no"}),
    )
    double.script(Reply(text=("Yes.",)))
    await answer(opened(kind), ModelRequest("", QUESTION.turns, tools))
    whole, made, bare, _ = wire_of(double.received[0].vendor).schemas(double.received[0])
    assert whole == LOCKS.parameters
    assert made == {
        "$defs": {"table": {"type": "object", "properties": {"table": {"type": "string"}}}},
        "type": "object",
        "properties": {
            "why": odd["properties"]["why"],
            "pid": {"type": "integer"},
            "table": {"type": "string"},
        },
        "required": ["why"],
    }
    assert bare == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (401, "invalid key", "auth"),
        (404, "no such model", "bad_request"),
        (429, "slow down", "rate"),
        (500, "oops", "overloaded"),
        (503, "overloaded", "overloaded"),
        (400, "prompt is too long: 300000 tokens > 200000 maximum context length", "too_long"),
        (429, "You exceeded your current quota: insufficient_quota", "auth"),
    ],
    ids=["key", "model", "rate", "500", "503", "too-long", "no-money"],
)
async def test_what_a_refused_call_means(
    kind: str, opened: Opened, double: ModelEndpoint, status: int, message: str, expected: str
) -> None:
    key = secrets.token_hex(16)
    double.script(Reply(status=status, message=f"{message} ({key})", headers={"Retry-After": "7"}))
    with pytest.raises(ModelError) as failed:
        await answer(opened(kind, key), QUESTION)
    assert failed.value.kind == expected
    assert message in failed.value.text and str(status) in failed.value.text
    assert key not in failed.value.text and "\n" not in failed.value.text
    assert failed.value.retry_after == 7.0


@pytest.mark.parametrize("ending", ["cut", "short", "error"])
async def test_a_stream_that_breaks_off(
    kind: str, opened: Opened, double: ModelEndpoint, ending: str
) -> None:
    double.script(Reply(text=("It is",), ending=ending, message="overloaded"))  # type: ignore[arg-type]
    provider, pieces = opened(kind), []
    with pytest.raises(ModelError) as failed:
        async for chunk in provider.stream(QUESTION):
            pieces.append(chunk)
    assert pieces == [TextChunk("It is")]
    assert failed.value.kind == ("overloaded" if ending == "error" else "cut")


async def test_an_answer_without_end_has_one(opened: Opened, double: ModelEndpoint) -> None:
    """What a model says is bounded by its limit of tokens; what a host sends is bounded as well, for every SDK."""
    piece = "lock " * 200_000
    double.script(Reply(text=(piece,) * 40))
    pieces: list[Chunk] = []
    with pytest.raises(ModelError, match="16 MiB") as failed:
        async for chunk in opened("openai").stream(QUESTION):
            pieces.append(chunk)
    assert failed.value.kind == "cut" and 0 < len(pieces) < 20


async def test_what_no_vendor_would_send(kind: str, opened: Opened, double: ModelEndpoint) -> None:
    provider = opened(kind)
    event = "content_block_delta"
    for odd in ({"type": event, "index": 7, "delta": {}}, ["?"], {"candidates": 3, "choices": 3}, "no JSON"):
        text = odd if isinstance(odd, str) else json.dumps(odd)
        double.script(Reply(raw=f"event: {event}\ndata: {text}\n\n", ending="short"))
        with pytest.raises(ModelError) as failed:
            await answer(provider, QUESTION)
        assert failed.value.kind == "cut"


async def test_a_refusal_is_an_answer(kind: str, opened: Opened, double: ModelEndpoint) -> None:
    double.script(Reply(stop="refused", calls=(Call("locks", {"pid": 1}),), message="not that"))
    _, done = await answer(opened(kind), QUESTION)
    assert done.stop == "refused" and done.said.requests == ()


@pytest.mark.parametrize("kind", ["anthropic", "openai"])
async def test_arguments_that_are_no_json(kind: str, opened: Opened, double: ModelEndpoint) -> None:
    whole, broken, odd = Call("locks", {}), Call("locks", '{"pid": 12'), Call("locks", "[1, 2]")
    double.script(Reply(calls=(whole, broken, odd)), Reply(text=("Sorry.",)))
    provider = opened(kind)
    _, done = await answer(provider, ModelRequest("", QUESTION.turns, (LOCKS,)))
    assert [(dict(one.arguments), one.malformed) for one in done.said.requests] == [
        ({}, ""),
        ({}, '{"pid": 12'),
        ({}, "[1, 2]"),
    ]
    results = Results(tuple(ToolResult(one.id, one.name, "?", True) for one in done.said.requests))
    turns = (*QUESTION.turns, done.said, results)
    assert (await answer(provider, ModelRequest("", turns, (LOCKS,))))[1].said.text == "Sorry."


async def test_half_a_character_does_no_harm(kind: str, opened: Opened, double: ModelEndpoint) -> None:
    """JSON can escape half of a pair; no file and no later request could hold it."""
    double.script(
        Reply(text=("lone \ud800",), calls=(Call("locks", '{"pid": "\\udfff"}'),)), Reply(text=("So.",))
    )
    provider = opened(kind)
    _, done = await answer(provider, ModelRequest("", QUESTION.turns, (LOCKS,)))
    assert (done.said.text, done.said.requests[0].arguments) == ("lone \ufffd", {"pid": "\ufffd"})
    results = Results((ToolResult(done.said.requests[0].id, "locks", "?"),))
    turns = (*QUESTION.turns, done.said, results)
    assert (await answer(provider, ModelRequest("", turns, (LOCKS,))))[1].said.text == "So."


async def test_nobody_there_and_silence(kind: str, opened: Opened, double: ModelEndpoint) -> None:
    silent = threading.Event()
    double.script(Reply(text=("It",), hold=silent))
    with pytest.raises(ModelError) as failed:
        await answer(opened(kind, silence_s=0.2), QUESTION)
    silent.set()
    assert failed.value.kind in ("cut", "unavailable")  # on a slow machine even the beginning is late
    provider = opened(kind)
    double.__exit__(None, None, None)
    with pytest.raises(ModelError) as failed:
        await answer(provider, QUESTION)
    assert failed.value.kind == "unavailable"


async def test_whoever_stops_listening_lets_go_of_the_line(
    kind: str, opened: Opened, double: ModelEndpoint
) -> None:
    hold = threading.Event()
    double.script(Reply(text=("It",), hold=hold), Reply(text=("Again.",)))
    provider = opened(kind)

    async def listen() -> None:
        async with aclosing(provider.stream(QUESTION)) as chunks:
            async for _ in chunks:
                first.set()

    first = asyncio.Event()
    task = asyncio.create_task(listen())
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hold.set()
    assert (await answer(provider, QUESTION))[1].said.text == "Again."


async def test_a_provider_is_checked_without_asking_it(
    kind: str, opened: Opened, double: ModelEndpoint
) -> None:
    provider = opened(kind)
    with pytest.raises(ModelError) as failed:
        await provider.check()
    assert failed.value.kind == "bad_request" and "model-1" in failed.value.text
    double.models.append("model-1")
    assert "model-1" in await provider.check()
    assert not double.received
