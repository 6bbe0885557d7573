"""What waits for the operator, what the number keys mean then, and names that are completed."""

from __future__ import annotations

from typing import Any

import pytest

from agents.kernel.event import Event, new_id
from helpdesk_tui.messages import AgentChosen, AskedAgain, ReplyGiven
from helpdesk_tui.panes.agents.state import AgentsState
from helpdesk_tui.panes.chat.completion import matches, mistyped, taught
from helpdesk_tui.panes.chat.offer import offer_of
from helpdesk_tui.pending import PendingState
from helpdesk_tui.views import Views


class Told:
    """Events of one session, fed to views as they are told."""

    def __init__(self) -> None:
        self.views = Views()
        self.task = new_id()

    @property
    def pending(self) -> PendingState:
        return self.views.pending

    def tell(self, kind: str, at: str = "", **body: Any) -> str:
        """`at`: the agent whose task it is about."""
        task = self.task if at == "far" else ""
        event = Event(kind, "s", body, "operator:ana", task=task, agent=at, target="shop")
        self.views.feed([event])
        return event.id

    def asked(self, agent: str = "far", **request: Any) -> str:
        id = self.tell("message", role="operator", text="@far why?", request=request)
        self.tell("route", agent=agent, why="said", question=id, asked="why?", candidates=["near", "far"])
        return id

    def state(self, state: str, **more: Any) -> None:
        self.tell("task", "far", state=state, text="Which?", **more)

    def wishes(self, answering: str = "") -> list[Any]:
        offer = offer_of(self.pending, self.views.chat.remedies, answering, working=False)
        return [make() for make in offer.wishes]


def test_a_question_that_the_router_sends_nowhere_is_chosen_by_number_until_another_one_comes() -> None:
    told = Told()
    told.asked(agent="")
    assert told.views.chat.blocks[-1].choices == ("near", "far")
    assert [(type(wish), wish.agent) for wish in told.wishes()] == [
        (AgentChosen, "near"),
        (AgentChosen, "far"),
    ]
    told.asked()
    assert told.pending.undecided is None and told.wishes() == []
    assert told.pending.last is not None and told.pending.last.text == "why?"


def test_a_remedy_is_no_question_that_could_go_elsewhere() -> None:
    told = Told()
    told.asked()
    last = told.pending.last
    told.asked(kind="remedy")
    assert told.pending.last == last


def test_a_plain_question_waits_for_words_and_an_approval_does_not() -> None:
    told = Told()
    told.asked()
    told.state("working")
    told.state("input-required")
    assert not told.pending.waiting()
    told.state("input-required", choices=["a", "b"])
    assert [wish.text for wish in told.wishes(told.task)] == ["a", "b"]
    assert all(isinstance(wish, ReplyGiven) and wish.task == told.task for wish in told.wishes(told.task))
    told.tell("message", "far", role="operator", text="a", answers=told.task)
    assert not told.pending.waiting()
    told.tell("note", text="the answer did not get through", question=told.task)
    assert told.pending.waiting()
    told.state("completed")
    assert not told.pending.waiting() and not told.pending.open_tasks


def test_credentials_are_waited_for_without_words() -> None:
    told = Told()
    told.asked()
    told.state("auth-required")
    assert not told.pending.waiting()
    assert [wish.id for wish in told.wishes()] == [told.task]
    assert told.views.trace.by_key[told.task].mark.word == "waits for credentials"


def test_a_kept_question_runs_no_more_until_it_is_asked_again() -> None:
    told = Told()
    id = told.asked()
    assert told.pending.sent == {"far": id}
    told.state("working")
    assert told.views.chat.working and not told.pending.sent
    told.tell("question", "far", state="kept", question=id, why="gone", offered=False)
    assert not told.views.chat.working and not told.pending.open_tasks and told.wishes() == []
    told.tell("question", "far", state="resumed", question=id, why="")
    assert told.views.chat.working and not told.pending.kept
    told.tell("question", "far", state="kept", question=id, why="new", offered=True)
    assert [(type(wish), wish.id) for wish in told.wishes()] == [(AskedAgain, id)]
    told.tell("question", state="dropped", question=id, why="")
    assert told.wishes() == [] and not told.pending.kept


def test_what_was_concluded_since_has_the_number_keys() -> None:
    told = Told()
    id = told.asked()
    told.tell("question", "far", state="kept", question=id, why="gone", offered=True)
    assert told.pending.offer is not None
    told.tell("conclusion", "database", text="calm", report={})
    assert told.pending.offer is None and told.pending.kept


@pytest.mark.parametrize(
    ("before", "typed", "found"),
    [
        ("@", "", ["database", "far", "fast"]),
        ("why @fa", "fa", ["far", "fast"]),
        ("@far", "far", []),
        ("/route d", "d", ["database"]),
        ("/route @F", "F", ["far", "fast"]),
        ("mail ana@f", "", []),
        ("@far why", "", []),
    ],
    ids=["at", "inside", "whole", "route", "case", "mail", "after"],
)
def test_names_are_completed_where_one_is_due(before: str, typed: str, found: list[str]) -> None:
    assert matches(before, ("database", "far", "fast")) == (typed, found)


def test_route_is_a_command_only_at_the_very_beginning() -> None:
    assert taught("/route far") == taught("/route @far ") == "far"
    assert taught("/route") == ""
    assert taught("what does /route far do") is None and taught("/routes far") is None


def test_an_agent_that_went_down_is_still_shown_with_what_it_said_of_itself() -> None:
    from agents.protocol.health import Health
    from agents.protocol.known import KnownAgent

    def look(state: Any, ms: float | None = None, **more: Any) -> KnownAgent:
        return KnownAgent(Health("far", state, "", ms, **more), "http://far", "bearer (env T)")

    agents = AgentsState()
    card = {"name": "Far", "skills": [{"name": "Pods"}]}
    assert agents.read(look("up", 20.0, version="1.2", skills=("Pods",), card=card))
    assert not agents.read(look("up", 22.0, version="1.2", skills=("Pods",), card=card))
    assert agents.read(look("up", 80.0, version="1.2", skills=("Pods",), card=card))
    assert agents.read(look("down"))
    (row,) = agents.rows()
    shown = " ".join(cell.text for cell in row.cells)
    assert "✗ down" in shown and "1.2" in shown and "Pods" in shown and "80 ms" not in shown
    assert agents.summary() == "1 agent, 1 down" and agents.elsewhere


def test_a_word_that_only_looks_like_a_command_is_told_and_not_asked() -> None:
    assert [mistyped(text) for text in ("/help", "/slq select 1", "/routes far")] == [
        "/help",
        "/slq",
        "/routes",
    ]
    asked = ("/var/lib/pgsql is full", "/data is full", "why does /sql fail", "checkout hangs", "")
    assert not any(mistyped(text) for text in asked)
