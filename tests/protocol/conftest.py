"""A real server in the test's own process, and a real child process; both serve the ledger on a Unix socket."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.governance import Policy
from agents.governance.house import House
from agents.kernel.event import Event
from agents.kernel.recorder import Delta, Item
from agents.log import EventLog
from agents.protocol.client import AgentClient
from agents.protocol.host import LocalHost
from agents.protocol.reach import Reach
from agents.protocol.server import AgentServer, Door, unix_door
from agents.protocol.store import open_store
from inventory.paths import ensure_private, runtime_dir, state_dir
from tests.protocol.ledger import create

LEDGER = "tests.protocol.ledger:create"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child process finds the ledger."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def log() -> Iterator[EventLog]:
    with EventLog.open() as opened:
        yield opened


@asynccontextmanager
async def serving(
    log: EventLog, door: Door | None = None, policy: Policy | House | None = None
) -> AsyncIterator[Reach]:
    """The ledger, served in this process; tasks in the state directory."""
    door = door or unix_door(runtime_dir() / f"{secrets.token_hex(3)}.sock")
    store = open_store(ensure_private(state_dir()) / "tasks.sqlite")
    server = AgentServer([create()], log, store, door, policy)
    await server.settle()
    running = asyncio.create_task(server.serve())
    try:
        yield Reach(base=door.base, uds=door.path, token=door.token)
    finally:
        server.stop()
        await running


@pytest.fixture
async def reach(log: EventLog) -> AsyncIterator[Reach]:
    async with serving(log) as at:
        yield at


@pytest.fixture
async def client(reach: Reach) -> AsyncIterator[AgentClient]:
    async with AgentClient(reach) as opened:
        yield opened


@pytest.fixture
def states() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def host(states: list[tuple[str, str]]) -> AsyncIterator[LocalHost]:
    async with LocalHost([LEDGER], on_state=lambda state, text: states.append((state, text))) as started:
        yield started


@pytest.fixture
async def child(host: LocalHost) -> AsyncIterator[AgentClient]:
    async with AgentClient(host) as opened:
        yield opened


@pytest.fixture
def session() -> str:
    return f"s-{secrets.token_hex(4)}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / f"{secrets.token_hex(4)}.txt"
    path.write_text("first\n")
    return path


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "300"])
    yield process
    process.kill()
    process.wait()


async def all_of(items: AsyncIterator[Item]) -> list[Event]:
    return [item async for item in items if isinstance(item, Event)]


async def text_of(items: AsyncIterator[Item]) -> str:
    return "".join([item.text async for item in items if isinstance(item, Delta)])


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    return {"kind": "tool", "tool": name, "arguments": arguments}


def states_of(events: list[Event]) -> list[str]:
    return [str(event.body["state"]) for event in events if event.kind == "task"]


def said(events: list[Event]) -> str:
    return "\n".join(event.body["text"] for event in events if event.kind == "message")


async def until(condition: Callable[[], Any], limit_s: float = 60.0) -> None:
    """Wait until what can be seen from outside is so."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)
