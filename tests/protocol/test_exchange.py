"""Asking over a real socket: every event once, in order, the same as in the log; nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from pathlib import Path

import pytest

from agents.kernel.event import Event
from agents.kernel.recorder import BATCH_S, Delta
from agents.kernel.report import assemble
from agents.log import EventLog
from agents.protocol.client import AgentClient, AgentLost, AgentRefused
from agents.protocol.reach import Reach
from inventory.errors import UserError
from inventory.paths import runtime_dir
from tests.protocol.conftest import all_of, said, states_of, text_of, tool, until


async def test_what_is_shown_is_what_is_in_the_log(
    client: AgentClient, log: EventLog, session: str, file: Path
) -> None:
    events = await all_of(client.ask("ledger", "read it", tool("read_file", path=str(file)), session, "here"))
    assert events == [item.event for item in log.events(session)]
    assert [event.kind for event in events] == [
        "task", "tool.called", "evidence", "tool.returned", "message", "task",
    ]  # fmt: skip
    assert states_of(events) == ["working", "completed"]
    assert {(event.agent, event.target, event.session) for event in events} == {("ledger", "here", session)}
    assert log.append(*events)[-1].n == len(events)


async def test_a_report_crosses_the_line(client: AgentClient, session: str, file: Path) -> None:
    events = await all_of(client.ask("ledger", "", {"kind": "triage", "path": str(file)}, session, "here"))
    report = assemble(events)
    assert report.worst() == "warning"
    assert report.evidence[0].rows == ((1, "first"),)


async def test_text_streams_and_the_message_follows(client: AgentClient, session: str) -> None:
    words = [f"{number} " for number in range(200)]
    began = time.monotonic()
    items = [item async for item in client.ask("ledger", "", {"kind": "say", "words": words}, session)]
    batches = (time.monotonic() - began) / BATCH_S
    deltas = [item.text for item in items if isinstance(item, Delta)]
    assert "".join(deltas) == "".join(words)
    assert 1 < len(deltas) <= batches + 2
    assert said([item for item in items if isinstance(item, Event)]) == "".join(words)


async def test_hostile_text_crosses_the_line(client: AgentClient, session: str) -> None:
    text = "\x00 \x1b]0;x\x07 [/x] \u202e \u2028 \x85 \x0b data: x\n\n: y\r\n " + secrets.token_hex(4)
    assert said(await all_of(client.ask("ledger", text, {}, session))) == f"You said: {text}"


async def test_a_failure_is_one_masked_line(client: AgentClient, session: str, log: EventLog) -> None:
    events = await all_of(client.ask("ledger", "", {"kind": "fail"}, session))
    assert states_of(events) == ["working", "failed"]
    assert events[-1].body["text"].startswith("boom")
    assert "hunter2" not in str([item.event for item in log.events(session)])


async def test_what_the_executor_refuses_is_told(client: AgentClient, session: str) -> None:
    events = await all_of(client.ask("ledger", "", tool("read_file", path=""), session))
    assert "Not done: read_file: arguments.path" in said(events)
    assert states_of(events) == ["working", "completed"]


async def test_a_question_without_a_session_is_refused(client: AgentClient) -> None:
    with pytest.raises(UserError, match="session"):
        client.ask("ledger", "hi")


async def test_an_agent_that_is_not_there(client: AgentClient, session: str) -> None:
    with pytest.raises(AgentRefused, match="no agent card"):
        await all_of(client.ask("stranger", "hi", {}, session))


async def test_a_server_that_is_not_there(session: str, tmp_path: Path) -> None:
    async with AgentClient(Reach(uds=tmp_path / "nothing.sock")) as client:
        with pytest.raises(AgentLost):
            await all_of(client.ask("ledger", "hi", {}, session))


async def test_a_slow_reader_loses_nothing(client: AgentClient, session: str, log: EventLog) -> None:
    stream = client.ask("ledger", "", {"kind": "count", "to": 3000}, session)
    events = [await anext(stream)]
    await until(lambda: len(log.events(session, kinds=["task"])) == 2)
    events += [item async for item in stream]
    assert events == [item.event for item in log.events(session)]
    assert len(events) == 3002


async def test_a_silent_agent_is_waited_for(client: AgentClient, session: str) -> None:
    """Longer than an HTTP client's usual patience of five seconds."""
    events = await all_of(client.ask("ledger", "", {"kind": "silence", "seconds": 5.5}, session))
    assert said(events) == "here I am"


async def test_the_agent_goes_on_when_nobody_reads(client: AgentClient, session: str, log: EventLog) -> None:
    stream = client.ask("ledger", "", {"kind": "count", "to": 2000}, session)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    await until(lambda: len(log.events(session, kinds=["task"])) == 2)
    assert len(log.events(session, kinds=["note"])) == 2000


@pytest.mark.parametrize("cut_after", [1, 400, 20_000])
async def test_a_stream_that_breaks_off_is_followed_up(
    reach: Reach, log: EventLog, session: str, cut_after: int
) -> None:
    """A relay cuts the first streaming answer; the rest comes by looking the task up and listening again."""
    async with _relay(reach, cut_after) as through, AgentClient(through) as client:
        events = await all_of(client.ask("ledger", "", {"kind": "count", "to": 3000}, session))
    if events:
        assert events == [item.event for item in log.events(session)]
    assert len({event.id for event in events}) == len(events) == 3002


async def test_two_questions_at_once_do_not_mix(client: AgentClient, session: str) -> None:
    words = [[secrets.token_hex(2) for _ in range(50)] for _ in range(4)]
    texts = await asyncio.gather(
        *(text_of(client.ask("ledger", "", {"kind": "say", "words": each}, session)) for each in words)
    )
    assert texts == ["".join(each) for each in words]


class _relay:
    """Passes bytes on, and cuts the connection once, after `cut_after` bytes of an event stream."""

    def __init__(self, reach: Reach, cut_after: int) -> None:
        assert reach.uds is not None
        self._to = reach.uds
        self._at = runtime_dir() / f"{secrets.token_hex(3)}.sock"
        self._left: int | None = cut_after

    async def __aenter__(self) -> Reach:
        self._server = await asyncio.start_unix_server(self._pass, str(self._at))
        return Reach(uds=self._at)

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_unix_connection(str(self._to))
        there = asyncio.create_task(self._copy(reader, back_writer, cut=False))
        await self._copy(back_reader, writer, cut=True)
        there.cancel()
        back_writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, cut: bool) -> None:
        streaming = False
        with suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(4096):
                streaming = streaming or b"text/event-stream" in data
                # The first kilobyte is left whole, so that the client learns the task's id.
                if cut and streaming and self._left is not None:
                    self._left -= len(data)
                    if self._left < -1024:
                        self._left = None
                        break
                writer.write(data)
                await writer.drain()
        writer.close()
