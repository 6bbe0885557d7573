"""An approval that needs several people stays open after each of them, and says how far it is."""

from __future__ import annotations

from helpdesk_tui.panes.approvals.state import ApprovalsState
from tests.tui import story
from tests.tui.story import NOW, approval


def test_each_yes_is_counted_and_leaves_it_waiting() -> None:
    told = story.waiting()
    state = ApprovalsState()
    for event in told.events:
        state.feed(event)
    ask = state.asks[approval()["id"]]
    ask.approval = {**ask.approval, "approvers": 3}
    before = ask.state_at(NOW)
    for by in ("operator:ben", "operator:ben", "operator:eve"):
        told.add("approval.given", {"approval": ask.id, "by": by}, task="task-2")
        state.feed(told.events[-1])
    assert ask.given == ["operator:ben", "operator:eve"]
    assert ask.note == "2 of 3 needed approvals: operator:ben, operator:eve"
    assert ask.state_at(NOW) == before == "pending"
