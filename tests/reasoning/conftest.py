"""The database expert with a model, served as always: a real server, a real database, the vendor's double."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from agents.database import create
from agents.governance.approval import Approval
from agents.kernel import targets
from agents.kernel.event import Event
from agents.kernel.recorder import Delta, Item
from agents.log import EventLog
from agents.protocol.client import AgentClient
from agents.protocol.credential import Credential
from agents.protocol.reach import Reach
from agents.protocol.server import AgentServer, unix_door
from agents.protocol.store import open_store
from inventory.paths import config_dir, ensure_private, runtime_dir, state_dir
from inventory.target import Target
from tests.conftest import Database
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Received

ID = re.compile(r"\bE[0-9a-f]{10}\b")


@pytest.fixture
def double() -> Iterator[ModelEndpoint]:
    with ModelEndpoint() as endpoint:
        write_models(endpoint)
        yield endpoint


def write_models(double: ModelEndpoint, more: str = "", order: str = '["local"]') -> None:
    """A models.toml that leads to the double."""
    one = f"kind = 'openai'\nbase_url = '{double.openai_url}'\n"
    text = f"order = {order}\n[providers.local]\nmodel = 'small'\n{one}[providers.spare]\nmodel = 'large'\n{one}{more}"
    ensure_private(config_dir())
    (config_dir() / "models.toml").write_text(text)


@pytest.fixture
def log() -> Iterator[EventLog]:
    with EventLog.open() as opened:
        yield opened


@asynccontextmanager
async def serving(log: EventLog, credential: Credential | None = None) -> AsyncIterator[AgentClient]:
    """A server of its own on the log; the client is this user, or who the credential says."""
    store = open_store(ensure_private(state_dir()) / "tasks.sqlite")
    door = unix_door(runtime_dir() / f"{secrets.token_hex(3)}.sock")
    server = AgentServer([create()], log, store, door)
    await server.settle()
    running = asyncio.create_task(server.serve())
    try:
        token = None if credential else door.token
        async with AgentClient(Reach(door.base, door.path, token, credential=credential)) as client:
            yield client
    finally:
        server.stop()
        await running


@pytest.fixture
async def client(log: EventLog) -> AsyncIterator[AgentClient]:
    async with serving(log) as opened:
        yield opened


@dataclass
class Told:
    """What came over the line for one question."""

    events: list[Event] = field(default_factory=list)
    text: str = ""

    def of(self, kind: str) -> list[Any]:
        """Bodies of one kind."""
        return [event.body for event in self.events if event.kind == kind]

    @property
    def state(self) -> str:
        return str(self.of("task")[-1]["state"])

    @property
    def task(self) -> str:
        return next(event.task for event in self.events if event.task)

    @property
    def concluded(self) -> Any:
        (body,) = self.of("model.concluded")
        return body

    @property
    def approval(self) -> Approval:
        return Approval.from_json(self.of("approval.requested")[-1]["approval"])


async def told(items: AsyncIterator[Item], found: Told | None = None) -> Told:
    found = found if found is not None else Told()
    async for item in items:
        if isinstance(item, Delta):
            found.text += item.text
        else:
            found.events.append(item)
    return found


@dataclass
class Asker:
    """A session with one target."""

    client: AgentClient
    target: str
    session: str
    now: Told = field(default_factory=Told)
    """What has come so far for the last question."""

    async def ask(self, text: str, **request: Any) -> Told:
        quick = {"kind": "ask", "only": ["server"], "interval": 0.1, **request}
        self.now = Told()
        return await told(self.client.ask("database", text, quick, self.session, self.target), self.now)

    async def reply(self, task: str, text: str) -> Told:
        return await told(self.client.reply("database", task, self.session, text, self.target))


@pytest.fixture
def asker(client: AgentClient, database18: Database) -> Asker:
    target = Target.from_dsn(database18.conninfo(), name=f"shop-{secrets.token_hex(3)}")
    targets.tell(target)
    return Asker(client, target.name, f"s-{secrets.token_hex(4)}")


def query(database: Database, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.conninfo(), autocommit=True) as admin:
        cursor = admin.execute(sql, values)  # type: ignore[call-overload]
        return list(cursor.fetchall()) if cursor.description else []


def concluding(**parts: Any) -> Call:
    """The call that ends a turn."""
    empty = {"answer": "", "root_cause": "", "finding": "", "confidence": "low", "evidence": [], "ruled_out": [],
             "next_step": ""}  # fmt: skip
    return Call("conclude", {**empty, **parts})


def wire(double: ModelEndpoint) -> str:
    """Everything that the double received, as text."""
    return "\n".join(json.dumps(one.body, ensure_ascii=False) for one in double.received)


def results(received: Received) -> list[str]:
    """The tool results in a request."""
    return [one["content"] for one in received.body["messages"] if one["role"] == "tool"]


async def until(condition: Callable[[], Any], limit_s: float = 60.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)
