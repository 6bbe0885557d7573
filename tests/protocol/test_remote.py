"""Agents of other makers, in processes of their own: both versions, both bindings, and what breaks on the way."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.kernel.event import Event
from agents.kernel.recorder import Delta
from agents.log import EventLog
from agents.protocol.client import AgentClient, AgentLost, AgentRefused, Reach
from agents.protocol.credential import Credential
from inventory.secrets import in_memory
from tests.protocol.conftest import all_of, said, serving, states_of
from tests.protocol.peers.starting import Peer, card, old_stranger, stranger

VERSIONS = [
    ("1.0", "JSONRPC"),
    ("1.0", "HTTP+JSON"),
    ("0.3.0", "JSONRPC"),
    ("0.3", "HTTP+JSON"),
    ("", "JSONRPC"),
]


@pytest.fixture(scope="module")
def modern() -> Iterator[Peer]:
    with stranger() as peer:
        yield peer


@pytest.fixture(scope="module")
def old() -> Iterator[Peer]:
    with old_stranger() as peer:
        yield peer


@asynccontextmanager
async def client_of(base: str, **reach: Any) -> AsyncIterator[AgentClient]:
    async with AgentClient(None, {"far": Reach(base, alone=True, **reach)}) as client:
        yield client


async def asked(base: str, text: str, session: str, **reach: Any) -> list[Event]:
    async with client_of(base, **reach) as client:
        return await all_of(client.ask("far", text, {}, session))


@pytest.mark.parametrize(("version", "binding"), VERSIONS)
async def test_every_version_and_binding(version: str, binding: str, session: str) -> None:
    """An empty version without interfaces is 0.3, whatever the SDK makes of it."""
    with stranger(card=card(version, binding)) as peer:
        events = await asked(peer.base, "hello there", session)
        seen = httpx.get(f"{peer.base}/requests").json()
    assert said(events) == "hello there"
    assert states_of(events) == ["working", "completed"]
    assert {(event.agent, event.session) for event in events} == {("far", session)}
    last = seen[-1]
    assert ("message:stream" in last["path"]) == (binding == "HTTP+JSON")
    assert last["headers"]["a2a-version"] == ("1.0" if version == "1.0" else "0.3")


async def test_an_agent_on_the_old_sdk(old: Peer, session: str) -> None:
    assert said(await asked(old.base, "hello", session)) == "old says hello"
    events = await asked(old.base, "adk", session)
    assert [event.kind for event in events] == [
        "task", "tool.called", "evidence", "tool.returned", "message", "task",
    ]  # fmt: skip
    assert events[1].body["arguments"] == {"limit": 5}


async def test_a_question_of_the_old_sdk_is_answered_on_its_task(old: Peer, session: str) -> None:
    async with client_of(old.base) as client:
        events = await all_of(client.ask("far", "ask me", {}, session))
        assert events[-1].body == {"state": "input-required", "text": "Which schema?", "choices": []}
        assert states_of(events) == ["working", "input-required"]
        answer = await all_of(client.reply("far", events[0].task, session, "public"))
    assert said(answer) == "old says public"
    assert {event.task for event in answer} == {events[0].task}
    assert states_of(answer) == ["working", "completed"]


async def test_a_task_of_the_old_sdk_is_cancelled(old: Peer, session: str) -> None:
    async with client_of(old.base) as client:
        stream = client.ask("far", "forever", {}, session)
        first = await anext(stream)
        assert isinstance(first, Event)
        events = await client.cancel(first.task)
        rest = await all_of(stream)
    assert states_of([*events, *rest]) == ["canceled"]


async def test_a_card_at_the_place_of_version_0_2(session: str) -> None:
    with stranger(card=card("0.2.6"), card_path="/.well-known/agent.json") as peer:
        assert said(await asked(peer.base, "hello", session)) == "hello"


async def test_nothing_where_a_card_expects_something(session: str) -> None:
    lax = card("", defaultInputModes=None, skills=None, security=None, preferredTransport="")
    with stranger(card=lax) as peer:
        assert said(await asked(peer.base, "hello", session)) == "hello"


@pytest.mark.parametrize(
    "url", ["http://[::]:1/rpc", "http://0.0.0.0:1/rpc", "http://no-such-host.invalid:1/rpc", "/rpc"]
)
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_host_that_cannot_be_reached_is_replaced(url: str, version: str, session: str) -> None:
    with stranger(card=card(version, url=url)) as peer:
        assert said(await asked(peer.base, "hello", session)) == "hello"


async def test_a_host_that_can_be_reached_is_used(modern: Peer, session: str) -> None:
    with stranger(card=card(url=f"{modern.base}/rpc")) as front:
        assert said(await asked(front.base, "hello", session)) == "hello"
        assert all("rpc" not in seen["path"] for seen in httpx.get(f"{front.base}/requests").json())


async def test_a_secret_never_goes_to_another_host_than_the_one_asked(modern: Peer, session: str) -> None:
    secret = secrets.token_hex(12)
    with stranger(card=card(url=f"{modern.base}/rpc")) as front:
        shown = Credential("bearer", in_memory(secret))
        assert said(await asked(front.base, "hello", session, credential=shown)) == "hello"
        assert secret in str(httpx.get(f"{front.base}/requests").json())
    assert secret not in str(httpx.get(f"{modern.base}/requests").json())


@pytest.mark.parametrize("promised", [False, True])
async def test_an_agent_that_cannot_stream(promised: bool, session: str) -> None:
    """Its card says so, or it turns out."""
    told = card(capabilities={"streaming": promised})
    with stranger(card=told, streams=False) as peer:
        assert said(await asked(peer.base, "hello", session)) == "hello"
        events = await asked(peer.base, "adk", session)
    assert [event.kind for event in events].count("tool.called") == 1
    assert states_of(events) == ["working", "completed"]


async def test_an_agent_that_is_silent_for_long(modern: Peer, session: str) -> None:
    assert said(await asked(modern.base, "silent 5.5", session)) == "hello after silence"


async def test_text_streams_and_comes_as_one_message(modern: Peer, session: str) -> None:
    async with client_of(modern.base) as client:
        items = [item async for item in client.ask("far", "pieces 300", {}, session)]
    whole = "".join(f"{number} " for number in range(300))
    assert "".join(item.text for item in items if isinstance(item, Delta)) == whole
    assert said([item for item in items if isinstance(item, Event)]) == whole


async def test_words_on_the_way_are_the_answer_where_there_is_no_other(modern: Peer, session: str) -> None:
    events = await asked(modern.base, "thinking", session)
    assert said(events) == "looking\n\ncomparing\n\nit is well"


async def test_an_answer_without_a_task(modern: Peer, session: str) -> None:
    events = await asked(modern.base, "message", session)
    assert said(events).startswith("at once: ")
    assert session in said(events)


async def test_a_failure_is_one_masked_line(modern: Peer, session: str) -> None:
    events = await asked(modern.base, "broken", session)
    assert states_of(events) == ["working", "failed"]
    assert events[-1].body["text"].startswith("no luck")
    assert "hunter2" not in str(events)


async def test_a_secret_in_a_question_never_reaches_a_stranger(modern: Peer, session: str) -> None:
    """It repeats what it got, word for word."""
    secret = f"Zq{secrets.token_hex(8)}"
    dsn = f"postgresql://me:{secret}@db1/shop"
    assert said(await asked(modern.base, f"hello {dsn}", session)) == "hello postgresql://me:***@db1/shop"
    async with client_of(modern.base) as client:
        waits = await all_of(client.ask("far", "ask", {}, session))
        answered = await all_of(client.reply("far", waits[0].task, session, f"use password={secret}"))
    assert "use password=***" in said(answered) and secret not in str(answered)


async def test_an_agent_that_breaks_in_the_middle_has_failed(modern: Peer, session: str) -> None:
    """It knows no scene of that name: the error comes while the task works."""
    events = await asked(modern.base, "nothing-of-that-kind", session)
    assert states_of(events) == ["working", "failed"]


async def test_reading_again_adds_nothing_to_the_log(modern: Peer, session: str, log: EventLog) -> None:
    """A task that is picked up by another process is told in the same events."""
    async with client_of(modern.base) as client:
        first = await all_of(client.ask("far", "ask", {}, session))
    log.append(*first)
    async with client_of(modern.base) as client:
        again = await all_of(client.resume("far", first[0].task, session))
        assert again
        log.append(*again)
        assert len(log.events(session)) == len(first)
        answer = await all_of(client.reply("far", first[0].task, session, "public"))
    assert '"text": "public"' in said(answer)


async def test_a_task_that_runs_is_picked_up(modern: Peer, session: str) -> None:
    async with client_of(modern.base) as client:
        stream = client.ask("far", "silent 1.5", {}, session)
        first = await anext(stream)
        assert isinstance(first, Event)
        await stream.aclose()  # type: ignore[attr-defined]
    async with client_of(modern.base) as client:
        events = await all_of(client.resume("far", first.task, session))
    assert said(events) == "hello after silence"
    assert states_of(events) == ["working", "completed"]


async def test_a_task_that_is_not_there_cannot_be_picked_up(modern: Peer, session: str) -> None:
    async with client_of(modern.base) as client:
        with pytest.raises(AgentRefused, match="not found"):
            await all_of(client.resume("far", secrets.token_hex(8), session))


async def test_a_killed_agent_is_told_of_and_the_others_go_on(
    modern: Peer, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.protocol.conversation.REMOTE_RETRIES_S", (0.0, 0.2, 0.4))
    with stranger() as victim:
        remote = {"far": Reach(victim.base, alone=True), "near": Reach(modern.base, alone=True)}
        async with AgentClient(None, remote) as client:
            stream = client.ask("far", "forever", {}, session)
            await anext(stream)
            victim.kill()
            with pytest.raises(AgentLost, match="far"):
                await asyncio.wait_for(all_of(stream), 40)
            assert said(await all_of(client.ask("near", "hello", {}, session))) == "hello"
            # It comes back as another one: an older version, at another path.
            with stranger(port=victim.port, card=card("0.3", url="/old"), path="/old"):
                assert said(await all_of(client.ask("far", "hello", {}, session))) == "hello"


async def test_a_decision_that_never_left_is_told_of_at_once(
    log: EventLog, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agents.governance.approval import Approval, Decision
    from agents.protocol.server import tcp_door
    from tests.protocol.conftest import tool

    monkeypatch.setattr("agents.protocol.conversation.REMOTE_RETRIES_S", (3600.0,))
    token, file = secrets.token_hex(16), tmp_path / "file.txt"
    file.write_text("first\n")
    async with AsyncExitStack() as stack:
        async with serving(log, tcp_door("127.0.0.1", 0, token)) as reach:
            shown = Credential("bearer", in_memory(token))
            client = await stack.enter_async_context(client_of(f"{reach.base}/ledger", credential=shown))
            request = tool("append_line", path=str(file), text="second")
            events = await all_of(client.ask("far", "", request, session, "here"))
            body = next(event.body for event in events if event.kind == "approval.requested")
            approval = Approval.from_json(body["approval"])
        with pytest.raises(AgentLost, match="All connection"):
            yes = Decision(approval.id, "approve", unlock=True)
            await asyncio.wait_for(all_of(client.answer(approval, yes)), 60)


@pytest.mark.parametrize("cut_after", [1, 600])
async def test_a_stream_that_breaks_off_is_followed_up(modern: Peer, session: str, cut_after: int) -> None:
    async with _relay(modern.port, cut_after) as base:
        events = await asked(base, "silent 1", session)
    assert said(events) == "hello after silence"
    assert len({event.id for event in events}) == len(events)


async def test_an_agent_of_this_house_elsewhere(log: EventLog, session: str, tmp_path: Path) -> None:
    """Its events come as they are, under the name that it has here; its approvals are its own."""
    from agents.governance.approval import Approval, Decision
    from agents.protocol.access import read_token
    from agents.protocol.server import tcp_door
    from tests.protocol.conftest import tool

    path = tmp_path / "token"
    path.write_text(secrets.token_hex(16))
    path.chmod(0o600)
    file = tmp_path / "file.txt"
    file.write_text("first\n")
    async with serving(log, tcp_door("127.0.0.1", 0, read_token(path))) as reach:
        shown = Credential("bearer", in_memory(path.read_text()))
        async with client_of(f"{reach.base}/ledger", credential=shown) as client:
            request = tool("append_line", path=str(file), text="second")
            events = await all_of(client.ask("far", "", request, session, "here"))
            assert {event.agent for event in events} == {"far"}
            body = next(event.body for event in events if event.kind == "approval.requested")
            approval = Approval.from_json(body["approval"])
            assert approval.agent == "far"
            assert approval.id.endswith("@far")
            yes = Decision(approval.id, "approve", unlock=True)
            done = await all_of(client.answer(approval, yes))
    assert file.read_text() == "first\nsecond\n"
    assert [event.body["approval"] for event in done if event.kind == "action.finished"] == [approval.id]
    assert not [event for event in done if event.kind == "target.unlocked"]
    assert states_of(done)[-1] == "completed"


@asynccontextmanager
async def _relay(port: int, cut_after: int) -> AsyncIterator[str]:
    """Passes everything on, and cuts the first event stream after so many bytes."""
    cut = False

    async def pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Callable[[bytes], bool]
    ) -> None:
        try:
            while chunk := await reader.read(65536):
                if count(chunk):
                    break
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        streaming, passed = False, 0

        def count(chunk: bytes) -> bool:
            nonlocal streaming, passed, cut
            streaming = streaming or b"text/event-stream" in chunk
            passed += len(chunk) if streaming else 0
            if streaming and not cut and passed > cut_after:
                cut = True
                return True
            return False

        def headers(chunk: bytes) -> bool:
            return False

        await asyncio.gather(pump(reader, back, headers), pump(there, writer, count))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    own = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{own}"
        server.close()
