"""The reference server of the protocol's makers, on Node, over all three transports."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from tests.mcp.conftest import asked, at_work, bodies, configure, contents, state
from tests.node import NODE, PACKAGES, listening, needs

EVERYTHING = "@modelcontextprotocol/server-everything"
PROGRAM = str(PACKAGES / EVERYTHING / "dist" / "index.js")
READS = ("get-sum", "trigger-long-running-operation", "trigger-elicitation-request", "get-tiny-image")

pytestmark = needs(EVERYTHING)


@pytest.fixture(params=["stdio", "streamableHttp", "sse"])
def everything(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Any]]:
    if request.param == "stdio":
        yield {"command": [NODE, PROGRAM, "stdio"]}
        return
    path, more = {"streamableHttp": ("mcp", {}), "sse": ("sse", {"transport": "sse"})}[request.param]
    with listening(PROGRAM, request.param) as port:
        yield {"url": f"http://127.0.0.1:{port}/{path}", **more}


async def test_reads_progress_writes_and_questions(everything: Mapping[str, Any]) -> None:
    configure(every={**everything, "tools": dict.fromkeys(READS, "read")})
    name = secrets.token_hex(6)
    async with at_work() as operator:
        events = await operator.call("every__get-sum", a=3, b=39)
        assert contents(events) == ["The sum of 3 and 39 is 42."]
        refused = await operator.call("every__get-sum", a=3, b="39")
        assert "b must be number" in bodies(refused, "tool.refused")[0]["reason"]
        (image,) = [
            text for text in contents(await operator.call("every__get-tiny-image")) if "sha256" in text
        ]
        assert image.startswith("image/png, ")

        events = await operator.call("every__trigger-long-running-operation", duration=0.02, steps=2)
        assert state(events) == "completed" and bodies(events, "tool.progress")[0]["text"] == "1 of 2"

        events = await operator.call("every__echo", message=name)
        assert state(events) == "input-required"
        done = await operator.approve(asked(events))
        assert bodies(done, "action.finished")[0]["text"] == f"every__echo says: `Echo: {name}`."

        events = await operator.call("every__trigger-elicitation-request")
        assert "Please provide inputs" in bodies(events, "task")[-1]["text"]
        events = await operator.reply(events, f"name = {name}, check = maybe")
        assert "check must be boolean" in bodies(events, "task")[-1]["text"]
        events = await operator.reply(events, f"name = {name}, check = yes")
        assert state(events) == "completed" and any(name in text for text in contents(events))


async def test_a_server_that_was_away_is_found_again() -> None:
    with ExitStack() as first:
        port = first.enter_context(listening(PROGRAM, "streamableHttp"))
        configure(every={"url": f"http://127.0.0.1:{port}/mcp", "tools": {"get-sum": "read"}})
        async with at_work() as operator:
            assert state(await operator.call("every__get-sum", a=1, b=1)) == "completed"
            first.close()
            events = await operator.call("every__get-sum", a=1, b=2)
            assert state(events) == "failed" and "MCP server every" in bodies(events, "task")[-1]["text"]
            with listening(PROGRAM, "streamableHttp", port=port):
                events = await operator.call("every__get-sum", a=1, b=2)
                while state(events) == "failed":
                    events = await operator.call("every__get-sum", a=1, b=2)
                assert contents(events) == ["The sum of 1 and 2 is 3."]
