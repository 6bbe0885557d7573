"""Cancel: the running coroutine is cancelled, the task is canceled at once, waiting approvals are void."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from agents.kernel.event import Event
from agents.log import EventLog
from agents.protocol.client import AgentClient, AgentRefused
from inventory.errors import UserError
from tests.protocol.conftest import all_of, serving, states_of, tool, until
from tests.protocol.test_approvals import parked, yes


async def test_a_running_task_is_cancelled_at_once(
    client: AgentClient, log: EventLog, session: str, tmp_path: Path
) -> None:
    path = tmp_path / "never"
    stream = client.ask("ledger", "", tool("wait_for_file", path=str(path)), session, "here")
    working = await anext(stream)
    assert isinstance(working, Event)
    asking = asyncio.create_task(all_of(stream))
    await until(path.with_suffix(".waiting").exists)
    began = time.monotonic()
    events = await client.cancel(working.task)
    assert time.monotonic() - began < 20.0
    assert path.with_suffix(".cancelled").exists()
    assert states_of(events) == ["canceled"]
    assert states_of(await asking) == ["canceled"]
    returned = log.events(session, kinds=["tool.returned"])[0].event.body
    assert (returned["ok"], returned["error"]) == (False, "cancelled")
    assert states_of([item.event for item in log.events(session)]) == ["working", "canceled"]
    with pytest.raises(AgentRefused):
        await client.cancel(working.task)


async def test_a_parked_task_is_cancelled_and_its_approval_is_void(
    client: AgentClient, log: EventLog, session: str, file: Path
) -> None:
    approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
    events = await client.cancel(approval.task)
    assert [event.kind for event in events] == ["action.refused", "task"]
    assert log.approvals()[0].state == "refused"
    with pytest.raises(AgentRefused, match="has ended"):
        await all_of(client.answer(approval, yes(approval)))
    assert file.read_text() == "first\n"


async def test_a_task_parked_before_a_restart_is_cancelled_as_well(
    log: EventLog, session: str, file: Path
) -> None:
    async with serving(log) as reach, AgentClient(reach) as client:
        approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
    async with serving(log) as reach, AgentClient(reach) as client:
        with pytest.raises(UserError, match="name its agent"):
            await client.cancel(approval.task)
        events = await client.cancel(approval.task, "ledger")
        assert [event.kind for event in events] == ["action.refused", "task"]
    assert events == [item.event for item in log.events(session)][-2:]
    assert log.approvals()[0].state == "refused"


async def test_an_action_under_way_goes_on_to_its_end(
    client: AgentClient, log: EventLog, session: str, file: Path
) -> None:
    approval = await parked(client, session, tool("append_line", path=str(file), text="hold"))
    answering = asyncio.create_task(all_of(client.answer(approval, yes(approval))))
    await until(lambda: "hold" in file.read_text())
    events = await client.cancel(approval.task)
    assert "goes on to its end" in events[-1].body["text"]
    assert states_of(await answering)[-1] == "canceled"
    file.with_suffix(".go").touch()
    await until(lambda: log.approvals()[0].state == "done")


async def test_whenever_a_cancel_comes_the_task_has_one_end(
    client: AgentClient, log: EventLog, session: str
) -> None:
    """Cancels at ever later moments of a short task: before, within and after its own end."""
    for steps in range(0, 60, 2):
        stream = client.ask("ledger", "", {"kind": "silence", "seconds": 0.001}, session)
        working = await anext(stream)
        assert isinstance(working, Event)
        rest = asyncio.create_task(all_of(stream))
        for _ in range(steps):
            await asyncio.sleep(0)
        with suppress(AgentRefused):
            await client.cancel(working.task)
        last = states_of(await rest)[-1]
        events = [
            item.event for item in log.events(session, kinds=["task"]) if item.event.task == working.task
        ]
        assert states_of(events) in (["working", "completed"], ["working", "canceled"])
        assert last == states_of(events)[-1]


async def test_who_may_not_deny_may_not_cancel_what_waits(log: EventLog, session: str, file: Path) -> None:
    from agents.governance import Policy
    from agents.governance.house import House
    from agents.governance.roles import Member, Roles
    from agents.protocol.access import socket_owner

    me = socket_owner()
    asks = Roles((Member((me,), "operator"),), open=False)
    looks = Roles((Member((me,), "viewer"),), open=False)
    async with serving(log, policy=House(Policy(), asks)) as reach, AgentClient(reach) as client:
        approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
    async with serving(log, policy=House(Policy(), looks)) as reach, AgentClient(reach) as client:
        with pytest.raises(AgentRefused, match="may not deny"):
            await client.cancel(approval.task, "ledger")
        assert [row.state for row in log.approvals()] == ["pending"]
    async with serving(log, policy=House(Policy(), asks)) as reach, AgentClient(reach) as client:
        await client.cancel(approval.task, "ledger")
    assert [row.state for row in log.approvals()] == ["refused"]
