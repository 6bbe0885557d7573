"""The server as others see it: cards, paths, tokens, owners, signals, and what a task costs."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from agents.log import EventLog
from agents.protocol.access import read_token
from agents.protocol.client import AgentClient, AgentRefused
from agents.protocol.extension import APPROVAL_URI, EXTENSION_URI
from agents.protocol.kept_tasks import STORE_FILE
from agents.protocol.reach import Reach
from agents.protocol.server import tcp_door
from inventory.errors import UserError
from inventory.paths import runtime_dir, state_dir
from tests.protocol.conftest import all_of, said, serving, states_of, tool
from tests.protocol.test_approvals import parked, yes

CARDS = ("/.well-known/agent-card.json", "/.well-known/agent.json")


@pytest.fixture
async def http(reach: Reach) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(uds=str(reach.uds))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(secrets.token_hex(16) + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("prefix", ["", "/ledger"])
@pytest.mark.parametrize("path", CARDS)
async def test_the_card_is_at_both_places(http: httpx.AsyncClient, prefix: str, path: str) -> None:
    card = (await http.get(prefix + path)).json()
    assert card["name"] == "ledger"
    assert card["supportedInterfaces"][0]["protocolVersion"] == "1.0"
    assert card["capabilities"]["streaming"] is True
    extensions = card["capabilities"]["extensions"]
    assert {extension["uri"] for extension in extensions} == {EXTENSION_URI, APPROVAL_URI}
    assert not any(extension.get("required") for extension in extensions)


@pytest.mark.parametrize("path", ["/ledger", "/ledger/", "/"])
async def test_a_post_is_answered_with_and_without_the_slash(http: httpx.AsyncClient, path: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "nothing"}}
    response = await http.post(path, json=body, headers={"A2A-Version": "1.0"})
    assert response.status_code == 200
    assert response.json()["error"]["code"] == -32001


async def test_tcp_needs_a_token_even_on_loopback(log: EventLog, token: Path, session: str) -> None:
    with pytest.raises(UserError, match="token-file"):
        tcp_door("127.0.0.1", 0, None)
    async with serving(log, tcp_door("127.0.0.1", 0, read_token(token))) as reach:
        async with AgentClient(reach) as client:
            card = await client.card("ledger")
            assert card["supportedInterfaces"][0]["url"] == f"{reach.base}/ledger"
            assert not reach.base.endswith(":0")
            assert said(await all_of(client.ask("ledger", "hi", {}, session))) == "You said: hi"
        for wrong in (None, "x" * 32):
            async with AgentClient(Reach(base=reach.base, token=wrong)) as client:
                assert (await client.card("ledger"))["name"] == "ledger"
                with pytest.raises(AgentRefused, match="401"):
                    await all_of(client.ask("ledger", "hi", {}, session))


async def test_a_task_is_its_owners_alone_whatever_the_context(
    log: EventLog, reach: Reach, token: Path, session: str, file: Path
) -> None:
    """The holder of a token knows task and context, and still cannot answer or cancel what another one asked."""
    async with (
        AgentClient(reach) as owner,
        serving(log, tcp_door("127.0.0.1", 0, read_token(token))) as other_reach,
    ):
        approval = await parked(owner, session, tool("append_line", path=str(file), text="x"))
        async with AgentClient(other_reach) as other:
            with pytest.raises(AgentRefused, match="not found"):
                await all_of(other.answer(approval, yes(approval)))
            with pytest.raises(AgentRefused, match="not found"):
                await other.cancel(approval.task, "ledger")
        assert file.read_text() == "first\n"
        assert log.approvals()[0].state == "pending"
        assert states_of(await all_of(owner.answer(approval, yes(approval))))[-1] == "completed"


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("a" * 32, 0o644, "others can read"),
        ("short", 0o600, "at least 16"),
        ("two words and more than sixteen", 0o600, "one token"),
        ("", 0o600, "one token"),
    ],
)
def test_a_bad_token_file_is_refused(tmp_path: Path, text: str, mode: int, told: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(UserError, match=told) as caught:
        read_token(path)
    assert not text or text not in str(caught.value)
    with pytest.raises(UserError, match="cannot be read"):
        read_token(tmp_path / "nothing")


async def test_signals_stay_with_the_process(reach: Reach) -> None:
    seen = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, seen.set)
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(reach.uds))) as http:
        assert (await http.get(f"http://localhost{CARDS[0]}")).is_success
        os.kill(os.getpid(), signal.SIGTERM)
        await seen.wait()
        assert (await http.get(f"http://localhost{CARDS[0]}")).is_success
    loop.remove_signal_handler(signal.SIGTERM)


async def test_a_long_task_is_not_written_again_for_each_update(reach: Reach, session: str) -> None:
    """The store rewrites a whole task: only changes of its state may do that."""
    async with AgentClient(reach) as client:
        await all_of(client.ask("ledger", "", {"kind": "silence", "seconds": 0}, session))
        few = transactions(state_dir() / STORE_FILE)
        events = await all_of(client.ask("ledger", "", {"kind": "count", "to": 5000}, session))
    assert len(events) == 5002
    assert 0 < transactions(state_dir() / STORE_FILE) - few <= few <= 5


def transactions(database: Path) -> int:
    """How many have changed a SQLite file, as its header counts them."""
    return int.from_bytes(database.read_bytes()[24:28], "big")


SERVE = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from agents.protocol.serving import Serving, serve_agents
    asyncio.run(serve_agents(
        ["tests.protocol.ledger:create"], Serving(uds=Path(sys.argv[1])), lambda at: print(at, flush=True)
    ))
    """
)


async def test_serving_to_others_ends_at_a_signal(session: str) -> None:
    path = runtime_dir() / "served.sock"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert (await asyncio.to_thread(process.stdout.readline)).strip() == str(path)
    async with AgentClient(Reach(uds=path)) as client:
        assert said(await all_of(client.ask("ledger", "hi", {}, session))) == "You said: hi"
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.to_thread(process.communicate)
    assert (process.returncode, out, err) == (0, "", "")
    assert not path.exists()
