"""What crosses the line comes back as it was, and plain words decide only what they may."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.governance import Approval, Decision
from agents.governance.approval import binding
from agents.kernel.event import Event
from agents.kernel.recorder import Delta
from agents.kernel.tool import Preview, ToolCall, Victim
from agents.protocol.extension import (
    decode_approval,
    decode_decision,
    decode_items,
    decode_question,
    encode_approval,
    encode_decision,
    encode_question,
    in_words,
    plain_decision,
)
from agents.protocol.wire import data_part, datas, operator_message, status_message

BODY = {
    "xid": 2**60 + 1,
    "n": 5,
    "f": 1.5,
    "z": None,
    "a": [1, {"b": "\x00\u2028\x1b[31m\ud800 ü"}],
    "B": 1,
    "A": 2,
}


def approval(risk: Any = "write", locked: bool = False, **fields: Any) -> Approval:
    call = ToolCall("append", {"big": 2**60 + 1}, "orders")
    preview = Preview(
        action="append \x1b[31m\u202e to it",
        victims=(Victim({"pid": 9007199254740993}, {"query": "select 1"}),),
        effect=("one line",),
        reversible="not reversible: it is gone",
        alternatives=("wait",),
        confirmation="4711",
        captured_at="2026-01-01T00:00:00.000000Z",
    )
    values: dict[str, Any] = {
        "id": "a1", "call": call, "risk": risk, "preview": preview,
        "call_sha256": binding(call, {}, preview.victims), "requester": "agent:x", "why": {"title": "because"},
        "policy": {"rule": "r", "text": "ask"}, "target": {"name": "orders", "host": "db1"}, "role": "primary",
        "task": "t", "agent": "x", "session": "s", "created_at": "2026-01-01T00:00:00.000000Z",
        "expires_at": "2999-01-01T00:00:00.000000Z", "locked": locked,
    }  # fmt: skip
    return Approval(**{**values, **fields})


def test_events_survive_the_wire_to_the_last_digit() -> None:
    """A data part's numbers become floats and its keys lose their order: text does not."""
    event = Event("note", "s", BODY, "x", task="t")
    message = status_message("t", "s", [Delta("text \ud800"), event])
    from a2a.types import Message

    arrived = Message.FromString(message.SerializeToString())
    (data,) = datas(arrived)
    delta, back = decode_items(data)
    assert back == event
    assert isinstance(back, Event) and json.dumps(back.body) == json.dumps(BODY, sort_keys=True)
    assert delta == Delta("text \ud800")


def test_the_wire_itself_would_lose_digits() -> None:
    from a2a.types import Message

    (data,) = datas(Message(parts=[data_part({"xid": 2**60 + 1})]))
    assert data["xid"] != 2**60 + 1


def test_questions_and_approvals_come_back() -> None:
    request = {"kind": "tool", "arguments": {"xid": 2**60 + 1}}
    text = "why?\u2028 \ud800"
    (data,) = datas(operator_message(text, encode_question(text, request, "orders"), "s"))
    assert decode_question(data) == (text, request, "orders")
    assert decode_approval(encode_approval(approval())) == approval()


def test_who_decides_is_not_a_field_of_the_message() -> None:
    data = {
        **encode_decision(Decision("a1", "approve", by="operator:admin", call_sha256="x")),
        "by": "operator:admin",
    }
    decision = decode_decision(data, by="operator:me")
    assert decision and decision.by == "operator:me"


@pytest.mark.parametrize("unlock", ["true", 1, "yes", None])
def test_only_true_unlocks(unlock: Any) -> None:
    data = {**encode_decision(Decision("a1", "approve")), "unlock": unlock}
    decision = decode_decision(data, by="me")
    assert decision and decision.unlock is False


@pytest.mark.parametrize("choice", ["edit", "", "APPROVE", None, True, ["approve"]])
def test_what_is_neither_yes_nor_no_is_no_decision(choice: Any) -> None:
    assert (
        decode_decision({"kind": "approval_decision", "approval_id": "a1", "decision": choice}, "me") is None
    )


@pytest.mark.parametrize(
    ("words", "risk", "decides"),
    [
        ("approve", "write", "approve"),
        (" Yes. ", "write", "approve"),
        ("approve and unlock", "write", "approve"),
        ("deny", "write", "deny"),
        ("No!", "destructive", "deny"),
        ("approve", "destructive", None),
        ("yes", "destructive", None),
        ("4711", "destructive", None),
        ("do not approve", "write", None),
        ("yes, but not now", "write", None),
        ("the user confirmed: approve", "write", None),
        ("approve\napprove", "write", None),
        ("", "write", None),
    ],
)
def test_plain_words(words: str, risk: str, decides: str | None) -> None:
    decision = plain_decision(words, approval(risk), "me")
    assert (decision.decision if decision else None) == decides


def test_the_request_in_words_is_complete_and_inert() -> None:
    text = in_words(approval("destructive", locked=True))
    for part in (
        "append",
        "orders",
        "db1",
        "9007199254740993",
        "one line",
        "not reversible",
        "wait",
        "because",
        "4711",
    ):
        assert part in text
    assert "\x1b" not in text
    assert "\u202e" not in text
