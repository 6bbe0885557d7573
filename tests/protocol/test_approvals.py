"""A change waits on its task for a decision; the decision comes on the same task, acts once, and the task goes on."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from a2a.client import Client, ClientConfig, ClientFactory
from a2a.client.card_resolver import A2ACardResolver
from a2a.types import Message, Part, Role, SendMessageRequest, Task, TaskState
from a2a.utils.errors import A2AError
from google.protobuf.json_format import MessageToDict

from agents.governance import Approval, Decision, Policy
from agents.kernel.event import Event, new_id
from agents.log import EventLog
from agents.protocol.client import AgentClient, AgentRefused
from agents.protocol.extension import APPROVAL_URI
from agents.protocol.reach import Reach
from tests.protocol.conftest import all_of, said, serving, states_of, tool, until


async def parked(client: AgentClient, session: str, request: dict[str, Any]) -> Approval:
    events = await all_of(client.ask("ledger", "change it", request, session, "here"))
    assert states_of(events)[-1] == "input-required", events
    return approval_in(events)


def approval_in(events: list[Event]) -> Approval:
    requests = [event for event in events if event.kind in ("approval.requested", "approval.refreshed")]
    return Approval.from_json(requests[-1].body["approval"])


def yes(approval: Approval, **changes: Any) -> Decision:
    values: dict[str, Any] = {"confirmation": approval.preview.confirmation, "unlock": True, **changes}
    return Decision(approval.id, "approve", **values)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


async def test_approve_acts_verifies_and_the_task_ends_by_itself(
    client: AgentClient, log: EventLog, session: str, sleeper: subprocess.Popen[bytes]
) -> None:
    approval = await parked(client, session, tool("stop_process", pid=sleeper.pid))
    assert sleeper.poll() is None
    assert [row.id for row in log.approvals(pending_only=True)] == [approval.id]
    reaping = asyncio.create_task(asyncio.to_thread(sleeper.wait))
    events = await all_of(client.answer(approval, yes(approval)))
    await reaping
    assert [event.kind for event in events if event.kind.startswith(("approval", "action", "target"))] == [
        "approval.decided", "target.unlocked", "action.started", "action.finished",
    ]  # fmt: skip
    assert f"Process {sleeper.pid} ended. Freed 1 session: {sleeper.pid + 1}" in said(events)
    assert states_of(events) == ["working", "completed"]
    assert {event.task for event in events} == {approval.task}
    decided = next(event for event in events if event.kind == "approval.decided")
    assert decided.principal == decided.body["by"] != "operator:admin"


async def test_nothing_is_told_twice_over_both_streams(
    client: AgentClient, log: EventLog, session: str, file: Path
) -> None:
    asked = await all_of(
        client.ask("ledger", "", tool("append_line", path=str(file), text="x"), session, "here")
    )
    approval = approval_in(asked)
    answered = await all_of(client.answer(approval, yes(approval)))
    assert asked + answered == [item.event for item in log.events(session)]


async def test_a_yes_to_what_is_not_all_that_is_bound_is_not_sent(
    client: AgentClient, log: EventLog, session: str, file: Path
) -> None:
    """A newer version may bind more than this one knows to show; a no is always sent."""
    approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
    known = replace(approval, call=replace(approval.call, arguments={"path": str(file), "text": "y"}))
    with pytest.raises(AgentRefused, match="binds something else than is shown"):
        await all_of(client.answer(known, yes(known)))
    assert log.approvals()[0].state == "pending"
    await all_of(client.answer(known, Decision(known.id, "deny")))
    assert (log.approvals()[0].state, lines(file)) == ("denied", ["first"])


async def test_deny_ends_the_task_with_nothing_done(
    client: AgentClient, log: EventLog, session: str, file: Path
) -> None:
    approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
    events = await all_of(client.answer(approval, Decision(approval.id, "deny", reason="not tonight")))
    assert "not tonight" in said(events)
    assert states_of(events)[-1] == "completed"
    assert lines(file) == ["first"]
    assert log.approvals()[0].state == "denied"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"call_sha256": "0" * 64}, "another call"),
        ({"unlock": False}, "read-only"),
        ({"confirmation": "wrong"}, "was given 'wrong'"),
    ],
)
async def test_a_faulty_decision_leaves_it_parked_and_a_right_one_works(
    client: AgentClient, session: str, sleeper: subprocess.Popen[bytes], changes: dict[str, Any], told: str
) -> None:
    approval = await parked(client, session, tool("stop_process", pid=sleeper.pid))
    events = await all_of(client.answer(approval, yes(approval, **changes)))
    assert told in said(events)
    assert states_of(events)[-1] == "input-required"
    assert sleeper.poll() is None
    reaping = asyncio.create_task(asyncio.to_thread(sleeper.wait))
    assert states_of(await all_of(client.answer(approval, yes(approval))))[-1] == "completed"
    await reaping


async def test_an_unknown_approval_leaves_it_parked(client: AgentClient, session: str, file: Path) -> None:
    approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
    events = await all_of(client.answer(approval, Decision("nonsense", "approve", unlock=True)))
    assert "not one of this task" in said(events)
    assert states_of(events)[-1] == "input-required"
    assert lines(file) == ["first"]


async def test_an_expired_approval_is_refused(log: EventLog, session: str, file: Path) -> None:
    async with serving(log, policy=Policy(approval_ttl_s=0.0)) as reach, AgentClient(reach) as client:
        approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
        events = await all_of(client.answer(approval, yes(approval)))
    assert "expired" in said(events)
    assert states_of(events)[-1] == "completed"
    assert lines(file) == ["first"]


async def test_a_changed_victim_is_refused_and_can_be_asked_for_again(
    client: AgentClient, session: str, file: Path
) -> None:
    approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
    file.write_text("other\n")
    events = await all_of(client.answer(approval, yes(approval)))
    assert "changed" in said(events)
    assert states_of(events)[-1] == "completed"
    again = await parked(client, session, tool("append_line", path=str(file), text="x"))
    await all_of(client.answer(again, yes(again)))
    assert lines(file) == ["other", "x"]


async def test_refresh_reads_again_and_stays_parked(client: AgentClient, session: str, file: Path) -> None:
    approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
    events = await all_of(client.refresh(approval))
    fresh = approval_in(events)
    assert (fresh.id, states_of(events)[-1]) == (approval.id, "input-required")
    assert fresh.preview.captured_at > approval.preview.captured_at
    await all_of(client.answer(fresh, yes(fresh)))
    assert lines(file) == ["first", "x"]


async def test_two_clients_approve_at_once_and_it_is_done_once(
    reach: Reach, log: EventLog, session: str, file: Path
) -> None:
    async with AgentClient(reach) as one, AgentClient(reach) as two:
        approval = await parked(one, session, tool("append_line", path=str(file), text="x"))
        results = await asyncio.gather(
            *(all_of(each.answer(approval, yes(approval))) for each in (one, two, one, two)),
            return_exceptions=True,
        )
    assert lines(file) == ["first", "x"]
    assert any(isinstance(result, list) and "One line is in" in said(result) for result in results)
    assert all(isinstance(result, list | AgentRefused) for result in results), results
    kinds = [item.event.kind for item in log.events(session)]
    assert (kinds.count("action.started"), kinds.count("action.finished")) == (1, 1)
    assert log.approvals()[0].state == "done"


async def test_a_message_to_a_working_or_ended_task_runs_nothing(
    client: AgentClient, log: EventLog, session: str, file: Path
) -> None:
    approval = await parked(client, session, tool("append_line", path=str(file), text="hold"))
    answering = asyncio.create_task(all_of(client.answer(approval, yes(approval))))
    await until(lambda: len(lines(file)) == 2)
    with pytest.raises(AgentRefused, match="working already"):
        await all_of(client.answer(approval, yes(approval)))
    file.with_suffix(".go").touch()
    assert states_of(await answering)[-1] == "completed"
    before = [item.event.id for item in log.events(session)]
    with pytest.raises(AgentRefused, match="has ended"):
        await all_of(client.answer(approval, yes(approval)))
    assert lines(file) == ["first", "hold"]
    assert [item.event.id for item in log.events(session)] == before


async def test_an_action_that_breaks_is_in_doubt(
    client: AgentClient, log: EventLog, session: str, file: Path
) -> None:
    approval = await parked(client, session, tool("append_line", path=str(file), text="break"))
    events = await all_of(client.answer(approval, yes(approval)))
    assert "In doubt" in said(events)
    assert log.approvals()[0].state == "in doubt"


# what a client sees that knows nothing of the extension


@pytest.fixture
async def foreign(reach: Reach) -> AsyncIterator[Client]:
    """The SDK's own client, as anyone would use it."""
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(reach.uds)), timeout=30) as http:
        card = await A2ACardResolver(http, "http://localhost/ledger").get_agent_card()
        yield ClientFactory(ClientConfig(httpx_client=http, streaming=False)).create(card)


async def send(client: Client, text: str, task: str = "", data: dict[str, Any] | None = None) -> Task:
    from agents.protocol.wire import data_part

    parts = [Part(text=text), *([data_part(data)] if data else [])]
    message = Message(role=Role.ROLE_USER, message_id=new_id(), parts=parts, task_id=task)
    (response,) = [item async for item in client.send_message(SendMessageRequest(message=message))]
    return response.task


def change(name: str, **arguments: Any) -> dict[str, Any]:
    return {
        "kind": "question",
        "question_json": json.dumps({"text": "", "request": tool(name, **arguments), "target": "here"}),
    }


async def test_the_request_is_complete_in_words_data_and_metadata(foreign: Client, file: Path) -> None:
    task = await send(foreign, "", data=change("append_line", path=str(file), text="x"))
    assert task.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
    message = task.status.message
    text, data = message.parts[0].text, MessageToDict(message.parts[1].data)
    for part in (str(file), "append a line", "here", "read-only", "approve and unlock", "deny", "expires"):
        assert part in text
    assert data["kind"] == "approval_request"
    assert list(message.extensions) == [APPROVAL_URI]
    assert MessageToDict(message.metadata)[APPROVAL_URI]["approval_id"] == data["approval_id"]
    assert json.loads(data["args_json"]) == {"path": str(file), "text": "x"}


async def test_plain_words_approve_a_write_without_a_context(foreign: Client, file: Path) -> None:
    """A follow-up that names only the task belongs to the task's context, the second one as well as the first."""
    task = await send(foreign, "", data=change("append_line", path=str(file), text="x"))
    for words in ("maybe", "approve", "hmm"):
        again = await send(foreign, words, task.id)
        assert again.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
        assert again.context_id == task.context_id
    assert lines(file) == ["first"]
    ended = await send(foreign, "Approve and unlock.", task.id)
    assert ended.status.state == TaskState.TASK_STATE_COMPLETED
    assert "One line is in" in ended.artifacts[0].parts[0].text
    assert lines(file) == ["first", "x"]


async def test_plain_words_never_approve_what_is_destructive(
    foreign: Client, sleeper: subprocess.Popen[bytes]
) -> None:
    task = await send(foreign, "", data=change("stop_process", pid=sleeper.pid))
    for words in ("approve", "yes", "approve and unlock", str(sleeper.pid)):
        assert (await send(foreign, words, task.id)).status.state == TaskState.TASK_STATE_INPUT_REQUIRED
    assert sleeper.poll() is None
    assert (await send(foreign, "deny", task.id)).status.state == TaskState.TASK_STATE_COMPLETED
    with pytest.raises(A2AError, match="has ended"):
        await send(foreign, "approve", task.id)
    assert sleeper.poll() is None


async def test_an_answer_is_an_artifact_for_those_who_see_only_text(foreign: Client) -> None:
    task = await send(foreign, "hello")
    assert [part.text for part in task.artifacts[0].parts] == ["You said: hello"]


async def test_nothing_is_left_behind_by_a_message_to_an_ended_task(
    foreign: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    import gc

    task = await send(foreign, "hello")
    for _ in range(3):
        with pytest.raises(A2AError, match="has ended"):
            await send(foreign, "again", task.id)
    gc.collect()
    assert "destroyed" not in caplog.text
    assert capfd.readouterr() == ("", "")
