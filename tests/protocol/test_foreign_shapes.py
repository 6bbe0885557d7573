"""What other makers' agents send becomes the same trace and the same approval card; decisions go back in their shape."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from agents.governance.approval import Approval, Decision
from agents.kernel.event import Event
from agents.kernel.records import Evidence
from agents.log import EventLog
from agents.log.outputs import DIRECTORY, read_output
from agents.protocol.client import AgentClient, AgentRefused, Reach
from agents.protocol.foreign.shapes import DataPart, Told, asked_of, reply_to
from inventory.masking import remember_secret
from tests.protocol.conftest import all_of, said, states_of
from tests.protocol.peers.starting import Peer, card, stranger

KAGENT = "https://kagent.dev/extensions/hitl/v1"
STACK = "https://a2a-extensions.agentstack.beeai.dev/interactions/approval/v1"
EXTENSIONS = [{"uri": uri} for uri in (KAGENT, STACK, "https://unknown.example/v1")]


@pytest.fixture(scope="module", params=["1.0", "0.3"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    told = card(request.param, capabilities={"streaming": True, "extensions": EXTENSIONS})
    with stranger(card=told) as started:
        yield started


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[AgentClient]:
    async with AgentClient(None, {"far": Reach(peer.base, alone=True)}) as opened:
        yield opened


def bodies(events: list[Event], kind: str) -> list[Any]:
    return [event.body for event in events if event.kind == kind]


async def waiting(client: AgentClient, scene: str, session: str, log: EventLog) -> Approval:
    events = await all_of(client.ask("far", scene, {}, session))
    log.append(*events)
    assert states_of(events)[-1] == "input-required"
    [body] = bodies(events, "approval.requested")
    return Approval.from_json(body["approval"])


def yes(approval: Approval, **other: Any) -> Decision:
    return Decision(approval.id, "approve", confirmation=approval.preview.confirmation, **other)


def told_back(events: list[Event]) -> dict[str, Any]:
    """What the agent says that it was answered."""
    told: dict[str, Any] = json.loads(said(events))
    return told


async def test_calls_results_and_usage(client: AgentClient, session: str) -> None:
    events = await all_of(client.ask("far", "adk", {}, session))
    [called], [returned] = bodies(events, "tool.called"), bodies(events, "tool.returned")
    assert called["tool"] == "list_sessions"
    assert called["arguments"] == {"limit": 5, "wide": 9007199254740991}
    assert called["risk"] not in ("read", "write", "destructive")
    assert returned["call"] == called["call"]
    assert returned["ok"] is True
    evidence = Evidence.from_json(bodies(events, "evidence")[0]["evidence"])
    assert evidence.id == returned["evidence"]
    assert evidence.rows == (("oldest", "12 s"), ("rows", "3")) or evidence.rows == (
        ("rows", "3"),
        ("oldest", "12 s"),
    )
    assert bodies(events, "note")[0]["usage"]["totalTokenCount"] == 160
    assert said(events) == "three sessions"


async def test_a_result_too_long_for_an_event_is_kept_whole(peer: Peer, session: str, log: EventLog) -> None:
    secret = f"hunter{secrets.token_hex(8)}"
    remember_secret(secret)
    async with AgentClient(None, {"far": Reach(peer.base, alone=True)}, log) as client:
        events = await all_of(client.ask("far", f"adk_long {secret}", {}, session))
    log.append(*events)
    evidence = Evidence.from_json(bodies(events, "evidence")[0]["evidence"])
    assert evidence.truncated
    assert max(len(value) for row in evidence.rows for value in row) < 21_000
    [kept] = bodies(events, "output.kept")
    assert kept["evidence"] == evidence.id == bodies(events, "tool.returned")[0]["evidence"]
    whole = read_output(log.path, session, kept["sha256"])
    numbers = [line.split()[-3:] for line in whole.splitlines() if "password" in line]
    assert [int(number[0].removeprefix("log:")) for number in numbers] == list(range(1_500))
    assert secret not in whole + json.dumps([event.to_json() for event in events])
    assert log.verify().ok
    # Who picks the task up again, with other secrets to mask, adds nothing.
    remember_secret("password")
    async with AgentClient(None, {"far": Reach(peer.base, alone=True)}, log) as client:
        again = await all_of(client.resume("far", events[0].task, session))
    log.append(*again)
    assert len(log.events(session, kinds=("output.kept",))) == 1
    assert len(list((log.path.parent / DIRECTORY).rglob("*.z"))) == 1


async def test_an_agent_elsewhere_is_told_what_the_session_is_for(
    peer: Peer, session: str, log: EventLog
) -> None:
    async with AgentClient(None, {"far": Reach(peer.base, alone=True)}, log) as client:
        before = said(await all_of(client.ask("far", "message", {}, session)))
        assert ('"purpose": "diagnostic"' in before, "purpose_note" in before) == (True, False)
        body = {"purpose": "emergency", "note": "INC-7", "by": "operator:ann"}
        log.append(Event("session.purpose", session, body, "operator:ann"))
        told = said(await all_of(client.ask("far", "message", {}, session)))
    assert '"purpose": "emergency"' in told and '"purpose_note": "INC-7"' in told


async def test_a_summary_of_calls(client: AgentClient, session: str) -> None:
    events = await all_of(client.ask("far", "summary", {}, session))
    assert [body["tool"] for body in bodies(events, "tool.called")] == ["get_locks", "get_disk"]
    good, bad = bodies(events, "tool.returned")
    assert (good["ok"], good["duration_ms"]) == (True, 7.5)
    assert (bad["ok"], bad["error"]) == (False, "permission denied")
    assert bodies(events, "evidence")[0]["evidence"]["rows"] == (("2 locks",),)
    assert said(events) == "two locks are held"


async def test_a_list_of_names_adds_what_was_not_told(client: AgentClient, session: str) -> None:
    events = await all_of(client.ask("far", "names", {}, session))
    assert [body["tool"] for body in bodies(events, "tool.called")] == ["get_locks", "get_disk"]
    assert [body["rows"] for body in bodies(events, "tool.returned")] == [1, 0]
    assert len(bodies(events, "evidence")) == 1


async def test_a_trajectory(client: AgentClient, session: str) -> None:
    events = await all_of(client.ask("far", "trajectory", {}, session))
    assert [body["tool"] for body in bodies(events, "tool.called")] == ["web search"]
    assert bodies(events, "evidence")[0]["evidence"]["rows"] == (("**nothing** found",),)
    assert said(events) == "hello there"


async def test_an_adk_confirmation(client: AgentClient, session: str, log: EventLog) -> None:
    approval = await waiting(client, "adk_confirm", session, log)
    assert (approval.call.tool, approval.call.arguments) == ("drop_table", {"table": "orders", "n": 5})
    assert approval.risk == "destructive"
    assert approval.preview.action == "Drop orders?"
    assert log.approval(approval.id).state == "pending"  # type: ignore[union-attr]
    events = await all_of(client.answer(approval, yes(approval)))
    log.append(*events)
    [part] = told_back(events)["parts"]
    assert part["data"] == {
        "id": "adk-1",
        "name": "adk_request_confirmation",
        "response": {"confirmed": True},
    }
    assert part["metadata"] == {"adk_type": "function_response"}
    assert states_of(events)[-1] == "completed"
    row = log.approval(approval.id)
    assert row is not None
    assert row.state == "approved"
    assert row.decision is not None
    assert str(row.decision["by"]).startswith("operator:")
    assert not bodies(events, "action.started")


async def test_an_interaction_of_agentstack(client: AgentClient, session: str, log: EventLog) -> None:
    approval = await waiting(client, "stack", session, log)
    assert (approval.call.tool, approval.call.arguments) == ("drop_index", {"index": "i1"})
    assert approval.preview.action == "Delete the index"
    assert "on PostgreSQL" in approval.preview.effect
    events = await all_of(client.answer(approval, Decision(approval.id, "deny", reason="in use")))
    assert told_back(events)["metadata"] == {STACK: {"decision": "reject"}}


async def test_a_request_of_kagent_is_decided_whole(client: AgentClient, session: str, log: EventLog) -> None:
    approval = await waiting(client, "kagent", session, log)
    assert approval.call.tool == "delete_pod + delete_pvc"
    assert approval.call.arguments == {"k1": {"pod": "p1"}, "k2": {"pvc": "v1"}}
    events = await all_of(client.answer(approval, Decision(approval.id, "deny", reason="no")))
    told = told_back(events)
    assert told["extensions"] == [KAGENT]
    assert told["metadata"][KAGENT] == {
        "type": "tool_approval_response",
        "approvals": [{"id": key, "approved": False, "rejection_reason": "no"} for key in ("k1", "k2")],
    }


async def test_a_question_of_kagent(client: AgentClient, session: str) -> None:
    events = await all_of(client.ask("far", "kagent_ask", {}, session))
    asked = {"state": "input-required", "text": "I need you\nWhich region?", "choices": ["eu", "us"]}
    assert events[-1].body == asked
    assert not bodies(events, "approval.requested")
    told = told_back(await all_of(client.reply("far", events[0].task, session, "eu")))
    assert told["metadata"][KAGENT] == {
        "type": "ask_user_response",
        "id": "q1",
        "answers": [{"answer": ["eu"]}],
    }


async def test_a_plain_question_is_answered_on_its_task(client: AgentClient, session: str) -> None:
    events = await all_of(client.ask("far", "ask", {}, session))
    assert events[-1].body == {"state": "input-required", "text": "Which schema?", "choices": []}
    assert states_of(events) == ["working", "input-required"]
    answer = await all_of(client.reply("far", events[0].task, session, "public"))
    assert told_back(answer)["text"] == "public"
    with pytest.raises(AgentRefused, match="does not wait"):
        await all_of(client.reply("far", events[0].task, session, "public"))


async def test_an_agent_that_wants_credentials_asks_in_words(client: AgentClient, session: str) -> None:
    stream = client.ask("far", "login", {}, session)
    events = []
    async for item in stream:
        if isinstance(item, Event):
            events.append(item)
            if item.kind == "task" and item.body["state"] == "auth-required":
                break
    assert events[-1].body["text"] == "Sign in at the portal"
    assert not bodies(events, "approval.requested")


async def test_without_the_typed_name_nothing_is_sent(
    client: AgentClient, session: str, log: EventLog
) -> None:
    approval = await waiting(client, "adk_confirm", session, log)
    events = await all_of(client.answer(approval, Decision(approval.id, "approve", confirmation="yes")))
    assert [event.kind for event in events] == ["note"]
    assert log.approval(approval.id).state == "pending"  # type: ignore[union-attr]
    other = Decision(approval.id, "approve", confirmation=approval.preview.confirmation, call_sha256="0" * 64)
    assert [event.kind for event in await all_of(client.answer(approval, other))] == ["note"]


async def test_an_answer_is_sent_once(client: AgentClient, peer: Peer, session: str, log: EventLog) -> None:
    approval = await waiting(client, "adk_confirm", session, log)
    log.append(*await all_of(client.answer(approval, yes(approval))))
    async with AgentClient(None, {"far": Reach(peer.base, alone=True)}) as another:
        events = await all_of(another.answer(approval, yes(approval)))
    assert [event.kind for event in events] == ["action.refused"]


async def test_an_expired_request_is_not_approved(client: AgentClient, session: str, log: EventLog) -> None:
    from dataclasses import replace

    approval = await waiting(client, "adk_confirm", session, log)
    late = replace(approval, expires_at=approval.created_at)
    events = await all_of(client.answer(late, yes(late)))
    assert [event.kind for event in events] == ["action.refused"]
    assert "expired" in events[0].body["reason"]


async def test_a_stranger_is_asked_in_words_alone(client: AgentClient, session: str) -> None:
    with pytest.raises(AgentRefused, match="words alone"):
        await all_of(client.ask("far", "", {"kind": "triage"}, session))
    with pytest.raises(AgentRefused, match="ask the agent"):
        approval = Approval.from_json(
            bodies(await all_of(client.ask("far", "stack", {}, session)), "approval.requested")[0]["approval"]
        )
        await all_of(client.refresh(approval))


async def test_known_extensions_are_asked_for(peer: Peer, client: AgentClient, session: str) -> None:
    import httpx

    await all_of(client.ask("far", "hello", {}, session))
    headers = httpx.get(f"{peer.base}/requests").json()[-1]["headers"]
    asked = headers.get("a2a-extensions") or headers["x-a2a-extensions"]
    assert set(asked.replace(" ", "").split(",")) == {KAGENT, STACK}


def test_a_marker_of_another_maker_is_answered_with_its_own_prefix() -> None:
    data = {"id": "k", "name": "adk_request_confirmation", "args": {"originalFunctionCall": {"name": "rm"}}}
    asked = asked_of(Told("", [DataPart(data, {"kagent_type": "function_call"})], {}))
    assert asked is not None
    [part] = reply_to(asked.to_json(), True, "").parts
    assert part.marks == {"kagent_type": "function_response"}


@pytest.mark.parametrize(
    "metadata", [{KAGENT: "x"}, {KAGENT: {"type": "tool_approval_request", "tools": 5}}, {STACK: []}]
)
def test_what_makes_no_sense_is_a_plain_question(metadata: dict[str, Any]) -> None:
    assert asked_of(Told("?", [], metadata)) is None
