"""SDK-built servers as processes, and an agent of ours in this process that has their tools, behind A2A."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agents.governance import Policy
from agents.governance.approval import Approval, Decision
from agents.kernel.event import Event
from agents.loading import load
from agents.log import EventLog
from agents.mcp import config
from agents.protocol.client import AgentClient
from agents.protocol.reach import Reach
from agents.protocol.server import AgentServer, unix_door
from agents.protocol.store import open_store
from inventory.paths import runtime_dir
from inventory.toml_file import write_toml

ROOT = Path(__file__).parents[2]


@dataclass
class Peer:
    """A server, how it is configured, and what its tools were called with."""

    seen_in: Path
    entry: Mapping[str, Any]
    port: int = 0
    key: str = ""

    def seen(self, tool: str = "") -> list[dict[str, Any]]:
        text = self.seen_in.read_text(encoding="utf-8") if self.seen_in.exists() else ""
        calls = [json.loads(line) for line in text.splitlines()]
        return [call for call in calls if tool in ("", call["tool"])]


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One process for streamable HTTP, SSE and the hostile server."""
    key = secrets.token_hex(16)
    seen = tmp_path_factory.mktemp("mcp") / "seen"
    env = {**os.environ, "PEER_SEEN": str(seen), "PEER_KEY": key, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.mcp.peer", "web"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield Peer(seen, {}, int(process.stdout.readline()), key)
        process.kill()


@pytest.fixture
def stdio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Peer:
    monkeypatch.setenv("TEST_COLOUR", secrets.token_hex(4))
    seen = tmp_path / "seen"
    env = {"PEER_SEEN": str(seen), "PYTHONPATH": str(ROOT), "PEER_COLOUR": {"env": "TEST_COLOUR"}}
    return Peer(seen, {"command": [sys.executable, "-m", "tests.mcp.peer", "stdio"], "env": env})


@pytest.fixture
def http(web: Peer, monkeypatch: pytest.MonkeyPatch) -> Peer:
    monkeypatch.setenv("TEST_KEY", web.key)
    return replace(web, entry={"url": f"http://127.0.0.1:{web.port}/mcp", "bearer": {"env": "TEST_KEY"}})


@pytest.fixture
def sse(web: Peer, monkeypatch: pytest.MonkeyPatch) -> Peer:
    monkeypatch.setenv("TEST_KEY", web.key)
    url = f"http://127.0.0.1:{web.port}/sse"
    return replace(web, entry={"url": url, "transport": "sse", "headers": {"X-Key": {"env": "TEST_KEY"}}})


@pytest.fixture(params=["http", "sse"])
def distant(request: pytest.FixtureRequest) -> Peer:
    """The same server over both transports that reach far."""
    over: Peer = request.getfixturevalue(request.param)
    return over


def configure(**servers: Mapping[str, Any]) -> None:
    """Write `mcp.toml`; a name's underscores are hyphens."""
    write_toml(
        config.default_path(), {"servers": {name.replace("_", "-"): it for name, it in servers.items()}}
    )


@dataclass
class Operator:
    """Someone who calls tools by hand, and answers what is asked."""

    client: AgentClient
    log: EventLog
    session: str = field(default_factory=lambda: f"s-{secrets.token_hex(4)}")

    async def call(self, tool: str, **arguments: Any) -> list[Event]:
        """Call a tool; again where its server needs longer to start than the product waits, as on a loaded machine."""
        request = {"kind": "tool", "tool": tool, "arguments": arguments}
        while True:
            events = await self._all(self.client.ask("database", f"call {tool}", request, self.session, ""))
            if "is connecting" not in bodies(events, "task")[-1]["text"]:
                return events

    async def reply(self, events: list[Event], text: str) -> list[Event]:
        return await self._all(self.client.reply("database", events[-1].task, self.session, text, ""))

    async def approve(self, approval: Approval, confirmation: str = "") -> list[Event]:
        decision = Decision(
            approval.id, "approve", confirmation=confirmation, unlock=True, call_sha256=approval.call_sha256
        )
        return await self._all(self.client.answer(approval, decision))

    async def _all(self, items: AsyncIterator[Any]) -> list[Event]:
        return [item async for item in items if isinstance(item, Event)]


@asynccontextmanager
async def at_work(policy: Policy | None = None) -> AsyncIterator[Operator]:
    """The database expert with the tools that `mcp.toml` gives it, served in this process."""
    with EventLog.open() as log:
        door = unix_door(runtime_dir() / f"{secrets.token_hex(3)}.sock")
        server = AgentServer(load(["database"]), log, open_store(None), door, policy)
        await server.settle()
        running = asyncio.create_task(server.serve())
        try:
            async with AgentClient(Reach(base=door.base, uds=door.path)) as client:
                yield Operator(client, log)
        finally:
            server.stop()
            await running


def bodies(events: list[Event], kind: str) -> list[dict[str, Any]]:
    return [dict(event.body) for event in events if event.kind == kind]


def state(events: list[Event]) -> str:
    return str(bodies(events, "task")[-1]["state"])


def said(events: list[Event]) -> str:
    return "\n".join(str(body["text"]) for body in bodies(events, "message"))


def contents(events: list[Event]) -> list[str]:
    """What the evidence says, a text for each block."""
    return [str(row[1]) for body in bodies(events, "evidence") for row in body["evidence"]["rows"]]


def asked(events: list[Event]) -> Approval:
    return Approval.from_json(bodies(events, "approval.requested")[-1]["approval"])


async def until(condition: Callable[[], Any], limit_s: float = 60.0) -> None:
    """Wait until what can be seen from outside is so."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.01)
