"""Several servers on one real PostgreSQL: any of them answers for a task, an approval is used once, nothing is lost."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from agents.governance.approval import Approval, Terms
from agents.kernel.event import Event
from agents.log import EventLog
from agents.protocol.client import AgentClient, AgentLost, AgentRefused, Reach
from agents.protocol.credential import Credential
from inventory.secrets import SecretRef
from tests.conftest import Database
from tests.protocol.conftest import LEDGER, all_of, said, states_of, tool, until
from tests.protocol.test_approvals import yes


@dataclass
class Replica:
    process: subprocess.Popen[str]
    base: str
    state: Path
    reach: Reach = field(init=False)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(secrets.token_hex(16))
    path.chmod(0o600)
    return path


@pytest.fixture
def start(database18: Database, token: Path, tmp_path: Path) -> Iterator[Callable[[], Replica]]:
    started: list[Replica] = []
    numbers = itertools.count()

    def begin() -> Replica:
        state = tmp_path / f"state{next(numbers)}"
        command = [
            sys.executable, "-m", "helpdesk_tui", "agents", "serve", LEDGER, "--token-file", str(token),
            "--task-store", database18.conninfo(),
        ]  # fmt: skip
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, "HELPDESK_STATE_DIR": str(state)}
        )
        assert process.stderr
        line = process.stderr.readline()
        found = re.search(r"http://\S+?:\d+", line)
        assert found, line
        replica = Replica(process, found[0], state)
        shown = Credential("bearer", SecretRef("file", str(token)))
        replica.reach = Reach(f"{replica.base}/ledger", alone=True, credential=shown)
        started.append(replica)
        return replica

    yield begin
    for replica in started:
        replica.process.kill()
        replica.process.wait()


@pytest.fixture
async def clients() -> AsyncIterator[Callable[..., AgentClient]]:
    async with AsyncExitStack() as stack:

        def client(replica: Replica, log: EventLog | None = None) -> AgentClient:
            # One name for all: to the operator they are one agent.
            opened = AgentClient(None, {"ledger-far": replica.reach}, log)
            stack.push_async_callback(opened.close)
            return opened

        yield client


Clients = Callable[..., AgentClient]
Start = Callable[[], Replica]


async def parked(client: AgentClient, session: str, path: Path, text: str) -> Approval:
    events = await all_of(
        client.ask("ledger-far", "", tool("append_line", path=str(path), text=text), session, "here")
    )
    body = next(event.body for event in events if event.kind == "approval.requested")
    return Approval.from_json(body["approval"])


def pair(start: Start) -> tuple[Replica, Replica]:
    with ThreadPoolExecutor() as pool:
        first, second = pool.submit(start), pool.submit(start)
        return first.result(), second.result()


async def test_another_server_answers_where_the_first_was_killed(
    start: Start, clients: Clients, session: str, file: Path
) -> None:
    first, second = pair(start)
    with EventLog.open() as log:
        said = {"purpose": "emergency", "note": "INC-7", "by": "operator:ann"}
        log.append(Event("session.purpose", session, said, "operator:ann"))
        approval = await parked(clients(first, log), session, file, "second")
    assert approval.purpose == "emergency"
    first.kill()
    other = clients(second)
    events = await all_of(other.answer(approval, yes(approval)))
    assert [event.kind for event in events if event.kind.startswith("action.")] == [
        "action.started",
        "action.finished",
    ]
    assert states_of(events)[-1] == "completed"
    assert file.read_text() == "first\nsecond\n"
    # What the session is for was said to the first one, and is on every event of the second.
    with EventLog.open(second.state / "log.sqlite") as there:
        recorded = [item.event for item in there.events(session)]
    assert {"action.started", "action.finished"} <= {event.kind for event in recorded}
    assert {(event.purpose, event.purpose_note) for event in recorded} == {("emergency", "INC-7")}
    with pytest.raises(AgentRefused, match="ended"):
        await all_of(clients(start()).answer(approval, yes(approval)))
    assert file.read_text() == "first\nsecond\n"


async def test_two_answers_at_once_act_once(start: Start, clients: Clients, session: str, file: Path) -> None:
    first, second = pair(start)
    for number in range(4):
        path = file.with_name(f"{number}.txt")
        path.write_text("first\n")
        approval = await parked(clients(first), f"{session}-{number}", path, "second")

        async def answer(replica: Replica, approval: Approval = approval) -> list[Event]:
            try:
                return await all_of(clients(replica).answer(approval, yes(approval)))
            except (AgentRefused, AgentLost):
                return []

        both = await asyncio.gather(answer(first), answer(second))
        started = {event.id for events in both for event in events if event.kind == "action.started"}
        assert len(started) == 1
        assert path.read_text() == "first\nsecond\n"


async def test_a_server_killed_while_it_acts_leaves_a_doubt_and_no_second_try(
    start: Start, clients: Clients, session: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.protocol.conversation.REMOTE_RETRIES_S", (0.0, 0.1))
    first, second = pair(start)
    approval = await parked(clients(first), session, file, "hold")
    answering = asyncio.create_task(all_of(clients(first).answer(approval, yes(approval))))
    await until(lambda: file.read_text() == "first\nhold\n")
    first.kill()
    with pytest.raises(AgentLost):
        await answering
    other = clients(second)
    events = await all_of(other.resume("ledger-far", approval.task, session))
    assert states_of(events)[-1] == "failed"
    assert "in doubt" in events[-1].body["text"]
    assert [event.body["approval"] for event in events if event.kind == "action.in_doubt"] == [approval.id]
    with pytest.raises(AgentRefused, match="ended"):
        await all_of(other.answer(approval, yes(approval)))
    assert file.read_text() == "first\nhold\n"


async def test_a_task_of_a_killed_server_fails(
    start: Start, clients: Clients, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.protocol.conversation.REMOTE_RETRIES_S", (0.0, 0.1))
    first, second = pair(start)
    path = tmp_path / "never.txt"
    stream = clients(first).ask("ledger-far", "", tool("wait_for_file", path=str(path)), session)
    begun = await anext(stream)
    assert isinstance(begun, Event)
    await until(lambda: path.with_suffix(".waiting").exists())
    first.kill()
    with pytest.raises(AgentLost):
        await all_of(stream)
    events = await all_of(clients(second).resume("ledger-far", begun.task, session))
    assert states_of(events)[-1] == "failed"
    assert "is gone" in events[-1].body["text"]


async def test_a_task_that_another_server_works_on_is_watched_and_cancelled(
    start: Start, clients: Clients, session: str, tmp_path: Path
) -> None:
    first, second = pair(start)
    path = tmp_path / "never.txt"
    stream = clients(first).ask("ledger-far", "", tool("wait_for_file", path=str(path)), session)
    begun = await anext(stream)
    assert isinstance(begun, Event)
    await until(lambda: path.with_suffix(".waiting").exists())
    watching = asyncio.create_task(all_of(clients(second).resume("ledger-far", begun.task, session)))
    await clients(second).cancel(begun.task, "ledger-far")
    assert path.with_suffix(".cancelled").exists()
    assert states_of(await all_of(stream))[-1] == "canceled"
    assert states_of(await watching)[-1] == "canceled"


async def test_a_server_that_starts_again_takes_nothing_back(
    start: Start, clients: Clients, session: str, file: Path, database18: Database
) -> None:
    """Its own log says that it was working; another server has brought the task to its end since."""
    first, second = pair(start)
    approval = await parked(clients(first), session, file, "second")
    first.kill()
    done = await all_of(clients(second).answer(approval, yes(approval)))
    assert states_of(done)[-1] == "completed"
    third = start()
    assert said(await all_of(clients(third).ask("ledger-far", "hi", {}, session))) == "You said: hi"
    with psycopg.connect(database18.conninfo()) as connection:
        row = connection.execute(
            "SELECT status->>'state' FROM tasks WHERE id = %s", (approval.task,)
        ).fetchone()
    assert row == ("TASK_STATE_COMPLETED",)


async def test_an_unlocked_target_and_a_grant_hold_on_every_server(
    start: Start, clients: Clients, session: str, file: Path
) -> None:
    first, second = pair(start)
    one, other = clients(first), clients(second)
    approval = await parked(one, session, file, "second")
    assert approval.locked
    await all_of(one.answer(approval, yes(approval, grant=Terms(1, 600))))
    # The other server knows both: nobody is asked, and the one use of the grant is gone for all.
    events = await all_of(
        other.ask("ledger-far", "", tool("append_line", path=str(file), text="third"), session, "here")
    )
    assert states_of(events)[-1] == "completed"
    assert file.read_text() == "first\nsecond\nthird\n"
    again = await parked(one, session, file, "fourth")
    assert not again.locked
    elsewhere = await parked(other, f"{session}-x", file, "fourth")
    assert elsewhere.locked, "another session has its own locks"
    assert file.read_text() == "first\nsecond\nthird\n"


def test_a_store_that_cannot_be_reached_is_one_line(token: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "helpdesk_tui", "agents", "serve", LEDGER, "--token-file", str(token),
         "--task-store", "host=127.0.0.1 port=1 dbname=x user=x"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "task store 127.0.0.1:1/x" in done.stderr
