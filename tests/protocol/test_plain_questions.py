"""An expert may ask back in plain words: the task waits, and the reply goes on with it, also after a restart."""

from __future__ import annotations

import secrets

from agents.kernel.event import Event
from agents.log import EventLog
from agents.protocol.client import AgentClient
from tests.protocol.conftest import all_of, said, serving, states_of


def _waits(events: list[Event]) -> Event:
    assert states_of(events)[-1] == "input-required", events
    return next(event for event in reversed(events) if event.kind == "task")


async def test_a_question_waits_for_words_and_goes_on_after_a_restart(log: EventLog, session: str) -> None:
    about = secrets.token_hex(4)
    async with serving(log) as reach, AgentClient(reach) as client:
        asked = _waits(await all_of(client.ask("ledger", about, {"kind": "wonder"}, session, "here")))
        assert (asked.body["text"], asked.body["choices"]) == ("Go on after nothing?", ["more", "enough"])
        again = _waits(await all_of(client.reply("ledger", asked.task, session, "more", "here")))
        assert (again.task, again.body["text"]) == (asked.task, "Go on after more?")
    assert log.approvals() == []
    async with serving(log) as reach, AgentClient(reach) as client:
        events = await all_of(client.reply("ledger", asked.task, session, "enough", "here"))
    assert states_of(events) == ["working", "completed"]
    assert said(events) == f"{about} on here, then enough"
    assert {event.target for event in events} == {"here"}


async def test_a_question_can_be_cancelled(client: AgentClient, log: EventLog, session: str) -> None:
    asked = _waits(await all_of(client.ask("ledger", "", {"kind": "wonder"}, session, "here")))
    assert states_of(await client.cancel(asked.task, "ledger")) == ["canceled"]
