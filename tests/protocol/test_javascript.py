"""Agents on the JavaScript SDK, in processes of their own: both versions, both bindings."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager

import pytest

from agents.kernel.event import Event
from agents.kernel.recorder import Item
from agents.protocol import health
from agents.protocol.client import AgentClient, Reach
from tests.node import NODE, PACKAGES, needs
from tests.protocol.conftest import all_of, said, states_of, until
from tests.protocol.peers.starting import HERE, Peer, running

pytestmark = needs("a2a-js-1")


def stranger(version: str, binding: str) -> AbstractContextManager[Peer]:
    assert NODE is not None
    return running([NODE, str(HERE / "js_stranger.cjs"), str(PACKAGES), version, binding])


@pytest.fixture(
    scope="module",
    params=[("0", "JSONRPC"), ("0", "HTTP+JSON"), ("1", "JSONRPC"), ("1", "HTTP+JSON")],
    ids=["0.3-jsonrpc", "0.3-rest", "1.0-jsonrpc", "1.0-rest"],
)
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    with stranger(*request.param) as started:
        yield started


async def test_answers_questions_cancel_and_faults(peer: Peer, session: str) -> None:
    word = secrets.token_hex(4)
    reach = Reach(peer.base, alone=True)
    found = await health.look("far", reach)
    assert found.state == "up" and found.card is not None and found.card["name"] == "js"
    async with AgentClient(None, {"far": reach}) as client:
        events = await all_of(client.ask("far", word, {}, session))
        assert states_of(events)[-1] == "completed" and said(events) == f"you said {word}"

        asks = await all_of(client.ask("far", "ask", {}, session))
        assert states_of(asks)[-1] == "input-required"
        assert "Which one?" in next(event.body["text"] for event in reversed(asks) if event.kind == "task")
        events = await all_of(client.reply("far", asks[-1].task, session, word))
        assert states_of(events)[-1] == "completed" and f"you said {word}" in said(events)

        seen: list[Event] = []
        waiting = asyncio.create_task(_gather(client.ask("far", "wait", {}, session), seen))
        await until(lambda: seen)
        # Its end comes with the answer to the cancel or with the stream, whichever is first.
        seen += await client.cancel(seen[0].task, "far")
        await waiting
        assert states_of(seen)[-1] == "canceled"

        events = await all_of(client.ask("far", "boom", {}, session))
        assert states_of(events)[-1] == "failed"


async def _gather(items: AsyncIterator[Item], into: list[Event]) -> None:
    async for item in items:
        if isinstance(item, Event):
            into.append(item)
