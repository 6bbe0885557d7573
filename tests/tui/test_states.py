"""What the panes compute from events, without a screen."""

from __future__ import annotations

import random
import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from agents.kernel.event import Event
from helpdesk_tui.panes.approvals import card
from helpdesk_tui.panes.approvals.state import ApprovalsState
from helpdesk_tui.panes.chat.card import paper
from helpdesk_tui.panes.chat.state import ChatState
from helpdesk_tui.panes.inventory.state import InventoryState
from helpdesk_tui.panes.trace.state import COLUMNS, MAX_NODES, TraceState
from helpdesk_tui.paper import lay_out, plain
from helpdesk_tui.rows import line_of, widths
from helpdesk_tui.target_state import TargetState
from helpdesk_tui.views import Views
from inventory.pulse import Pulse
from tests.tui import story
from tests.tui.story import NOW, Story, approval, text


def fed(told: Story) -> Views:
    views = Views()
    views.feed(told.events)
    return views


def trace_text(state: TraceState, width: int = 120, needle: str = "") -> list[str]:
    sizes = widths(COLUMNS, width)
    return [
        "".join(span.text for span in line_of(row, COLUMNS, sizes)).rstrip() for row in state.rows(needle)
    ]


def chat_text(state: ChatState) -> str:
    return "\n".join(plain(lay_out(paper(item), 100)) for item in state.blocks)


# the same events give the same views


def test_views_of_a_replay_equal_the_views_that_grew_event_by_event() -> None:
    told = story.mended()
    grown = Views()
    for event in told.events:
        grown.feed([Event.from_json(event.to_json())])
    assert grown == fed(told)


# chat


def test_a_conclusion_puts_the_root_first_and_what_follows_under_it() -> None:
    views = fed(story.triaged())
    made = views.chat.conclusion
    assert made is not None
    assert [finding.condition for finding in made.roots] == [
        "session.idle_in_transaction",
        "wal.slot_retention",
    ]
    assert [finding.condition for finding in made.follows[made.roots[0].id]] == ["lock.blocking_tree"]
    assert [choice.tool for choice in made.remedies] == ["session.terminate", "slot.drop"]
    shown = chat_text(views.chat)
    assert shown.index("■ CRITICAL") < shown.index("└ ■ critical  6 sessions wait") < shown.index("▲ WARNING")
    assert (
        "pid=3931 backend_start=" in shown
        and "1 not checked, permission denied: wal.archive_failing" in shown
    )


def test_history_is_what_the_operator_asked_without_repeats() -> None:
    told = Story().open()
    questions = [f"question {secrets.token_hex(4)}" for _ in range(3)]
    for question in [questions[0], questions[0], questions[1], questions[2]]:
        told.add("message", {"role": "operator", "text": question})
    assert fed(told).chat.history == questions


def test_the_chat_works_between_question_and_end_and_waits_for_an_approval() -> None:
    told = story.Story().open().ask()
    assert fed(told).chat.working
    told.add("task", {"state": "input-required", "text": ""}, task=story.TASK)
    assert not fed(told).chat.working and fed(told).chat.waiting
    told.add("task", {"state": "completed", "text": ""}, task=story.TASK)
    assert not fed(told).chat.working and not fed(told).chat.waiting


def test_an_action_is_told_with_its_verification() -> None:
    shown = chat_text(fed(story.mended()).chat)
    assert "approved by operator:ana" in shown
    assert "Session 3931 ended; all six waiters went on (verified; 6 waiters freed)" in shown


def test_an_action_that_the_evidence_does_not_confirm_is_not_called_good() -> None:
    told = story.waiting()
    body = {
        "approval": approval()["id"],
        "ok": True,
        "text": "ended",
        "verified": False,
        "evidence": [],
        "freed": [],
        "undo": None,
    }
    told.add("action.finished", body, task="task-2")
    assert chat_text(fed(told).chat).splitlines()[-1].startswith("✗ ended (NOT verified)")


def test_a_dead_agent_is_said_and_so_is_its_return() -> None:
    told = Story().open()
    told.add("agent", {"state": "down", "text": "signal 9"}, agent="database")
    told.add("agent", {"state": "restarted", "text": ""}, agent="database")
    assert chat_text(fed(told).chat).splitlines()[-2:] == ["experts down: signal 9", "experts restarted"]


# trace


def test_the_trace_is_a_tree_of_task_expert_and_tools() -> None:
    lines = trace_text(fed(story.triaged()).trace)
    assert lines[1].startswith("✓ done · Checkout hangs")
    assert lines[2].startswith("└ ✓ database on orders-prod: the question is about")
    assert lines[3].startswith("  ├ ✓ server.identity") and "○ read" in lines[3] and lines[3].endswith("2")
    assert lines[6].startswith("  ├ ? not read · archiver.status: permission denied")
    assert lines[-1].startswith("  └ ▲ warning · The inactive slot")


def test_a_running_tool_of_an_earlier_task_stays_under_that_task() -> None:
    told = Story().open().ask("first", task="a").tool("slow.tool", task="a", done=False)
    told.ask("second", task="b").tool("quick.tool", story.slot_evidence(), task="b")
    told.tool("late.tool", story.slot_evidence(), task="a")
    lines = trace_text(fed(told).trace)
    order = [
        next(i for i, line in enumerate(lines) if name in line)
        for name in ("slow", "late", "second", "quick")
    ]
    assert order == sorted(order)
    assert "› slow.tool" in lines[order[0]]


def test_a_filter_keeps_the_lines_above_what_matches() -> None:
    lines = trace_text(fed(story.mended()).trace, needle="slots")
    assert len(lines) == 3
    assert "Checkout" in lines[0] and "database" in lines[1] and "replication.slots" in lines[2]


def test_a_folded_task_is_one_line() -> None:
    state = fed(story.triaged()).trace
    state.fold(story.TASK)
    assert len(trace_text(state)) == 2
    assert "▸" in trace_text(state)[1]
    state.fold(story.TASK)
    assert len(trace_text(state)) == 10


def test_the_ring_drops_the_oldest_and_keeps_count() -> None:
    told = Story().open().ask()
    state = fed(told).trace
    body = {"tool": "t", "risk": "read", "target": "x", "arguments": {}, "parent": ""}
    for number in range(MAX_NODES + 500):
        state.feed(
            Event(
                kind="tool.called",
                session="s",
                body={**body, "call": f"c{number}"},
                principal="p",
                task=story.TASK,
            )
        )
    assert len(state.nodes) <= MAX_NODES
    assert state.dropped + len(state.nodes) >= MAX_NODES + 500
    assert state.nodes[-1].key == f"c{MAX_NODES + 499}"


# approvals


def test_an_approval_goes_from_waiting_to_done() -> None:
    told = story.waiting()
    state = fed(told).approvals
    assert [ask.action for ask in state.pending(NOW)] == [
        "end session 3931 of app billing-worker on orders-prod"
    ]
    done = fed(story.mended()).approvals
    assert not done.pending(NOW)
    assert done.asks[approval()["id"]].state == "done"


def test_an_approval_expires_by_itself() -> None:
    state = fed(story.waiting()).approvals
    assert state.pending(NOW) and not state.pending(NOW + timedelta(minutes=16))
    assert state.rows(NOW + timedelta(minutes=16))[0].cells[0].text == "– expired"


def test_a_refusal_and_a_doubt_are_kept_with_their_reason() -> None:
    for kind, state in (("action.refused", "refused"), ("action.in_doubt", "in doubt")):
        told = story.waiting()
        reason = f"the session changed {secrets.token_hex(3)}"
        told.add(kind, {"approval": approval()["id"], "reason": reason})
        ask = fed(told).approvals.asks[approval()["id"]]
        assert ask.state == state
        assert reason in plain(lay_out(card.head(ask, NOW), 100))


def test_the_card_says_everything_that_a_yes_binds_and_does() -> None:
    ask = fed(story.waiting()).approvals.asks[approval()["id"]]
    shown = plain(lay_out([*card.head(ask, NOW), *card.body(ask, NOW)], 100))
    for wanted in (
        "● DESTRUCTIVE  end session 3931", "PRODUCTION", "10.20.0.5:5432/shop · primary", "pii",
        "session.terminate  pid 3931 · backend_start 2026-11-20T01:53:40.120000Z", "user billing", "db shop",
        "client 10.20.4.17", "idle in transaction", "transaction 17 min", "wrote yes", "UPDATE orders SET",
        "RowExclusiveLock on orders", "6 sessions wait on it", "frees 6 of 6 waiters", "work lost: yes",
        "not reversible", "cancel does nothing here", "doing nothing:", "evidence E3fa21c09d4",
        "builtin.destructive.locked", "agent:database", "5e1f0c2b9a7744d1",
    ):  # fmt: skip
        assert wanted in shown, wanted
    assert "read-only: a yes unlocks it" in "".join(span.text for span in card.status(ask, NOW))


def test_a_decision_that_was_not_accepted_is_said_on_the_card() -> None:
    told = story.waiting()
    told.add("note", {"text": "decision not accepted: type '3931'", "approval": approval()["id"]})
    ask = fed(told).approvals.asks[approval()["id"]]
    assert ask.state == "pending"
    assert "not accepted" in plain(lay_out(card.body(ask, NOW), 100))


def test_a_cancelled_task_takes_its_approval_along() -> None:
    told = story.waiting()
    told.add("task", {"state": "canceled", "text": ""}, task="task-2")
    assert not fed(told).approvals.pending(NOW)


# inventory and target bar


def test_the_inventory_marks_what_is_wrong_in_words_and_glyphs() -> None:
    state = InventoryState()
    state.know(story.TARGET)
    assert "◌ asked" in [cell.text for cell in state.rows(NOW)[0].cells]
    name = str(story.TARGET["name"])
    waiters = random.randint(1, 50)
    state.read(
        name,
        Pulse(
            up=True,
            taken_at=text(NOW),
            connections=95,
            max_connections=100,
            oldest_xact_s=900,
            blocked=waiters,
        ),
    )
    cells = {cell.text: cell.tone for cell in state.rows(NOW)[0].cells}
    assert cells["● up"] == "good" and cells["95/100"] == "warn" and cells[f"▲ {waiters}"] == "bad"
    assert "● old" in [cell.text for cell in state.rows(NOW + timedelta(minutes=2))[0].cells]
    state.read(name, Pulse(up=False, taken_at=text(NOW), error="no route"))
    assert "✗ down" in [cell.text for cell in state.rows(NOW)[0].cells]
    assert state.error_of(name) == "no route"


def test_the_target_bar_always_holds_name_and_lock() -> None:
    state = TargetState()
    for event in story.triaged().events:
        state.feed(event)
    for width in (60, 80, 100, 160):
        shown = "".join(span.text for span in state.line(width))
        assert "PRODUCTION" in shown and "orders-prod" in shown and "READ-ONLY" in shown
        assert len(shown) <= width
    assert "10.20.0.5:5432/shop" in shown and "PostgreSQL 18.0" in shown and "primary" in shown
    state.feed(
        replace(story.triaged().events[0], kind="target.unlocked", body={"target": "orders-prod", "by": "x"})
    )
    assert "UNLOCKED" in "".join(span.text for span in state.line(80))


@pytest.mark.parametrize(
    ("undo", "said", "by_key"),
    [
        ({"tool": "set_setting", "arguments": {"name": "x"}}, "F7 asks for its undo: SET x", True),
        (None, "SET x", False),
    ],
    ids=["by a tool", "not at all"],
)
def test_an_undo_is_offered_where_a_tool_can_do_it(undo: object, said: str, by_key: bool) -> None:
    told = story.waiting()
    told.events[-2].body["approval"]["preview"]["reversible"] = "SET x"
    body = {"approval": approval()["id"], "ok": True, "text": "done", "verified": True, "evidence": []}
    told.add("action.finished", {**body, "freed": [], "undo": undo}, task="task-2")
    views = fed(told)
    assert said in " ".join(chat_text(views.chat).splitlines()[-1].split())
    ask = views.approvals.asks[approval()["id"]]
    assert ask.can_undo is by_key
    assert ("u asks for its undo" in "".join(span.text for span in card.status(ask, NOW))) is by_key


def test_asks_are_listed_waiting_first_then_newest() -> None:
    told = story.mended()
    second = f"b{secrets.token_hex(12)}"
    told.add("approval.requested", {"approval": {**approval(), "id": second}}, task="task-3")
    state = ApprovalsState()
    for event in told.events:
        state.feed(event)
    assert [row.key for row in state.rows(NOW)] == [second, approval()["id"]]


def test_what_the_policy_does_is_told_in_chat_and_trace() -> None:
    told = story.waiting()
    reason = f"not in this window {secrets.token_hex(3)}"
    told.add(
        "tool.refused",
        {"tool": "slot.drop", "target": "orders-prod", "arguments": {}, "reason": reason, "policy": None},
        task="task-2",
    )
    told.add(
        "approval.edited",
        {"approval": approval()["id"], "new": "n", "by": "operator:bo", "before": {}, "after": {}},
    )
    told.add(
        "grant.given",
        {
            "grant": "g",
            "tool": "session.cancel",
            "target": "shop",
            "count": 3,
            "until": "",
            "by": "operator:bo",
        },
    )
    told.add(
        "policy.changed",
        {
            "path": "/etc/policy.toml",
            "sha256": "",
            "before_sha256": "",
            "diff": "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new",
            "fault": "",
        },
    )
    views = fed(told)
    assert any("✗ refused · slot.drop: " + reason in line for line in trace_text(views.trace))
    assert views.approvals.asks[approval()["id"]].state == "replaced" and not views.approvals.pending(NOW)
    said = chat_text(views.chat)
    assert "changed by operator:bo" in said and "grant given for 3 calls of session.cancel on shop" in said
    assert "/etc/policy.toml changed; it is in force from here on" in said and "  -old\n  +new" in said


def test_no_target_is_said_once_the_session_is_read() -> None:
    state = TargetState()
    assert "loading" in "".join(span.text for span in state.line(80))
    state.feed(Event("session.opened", "s", {"target": None}, "operator:ana"))
    assert "no target: choose one" in "".join(span.text for span in state.line(80))
