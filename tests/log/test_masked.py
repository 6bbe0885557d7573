"""What enters the log is without secrets, whoever says it; what an approval binds stays as it is."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.kernel.event import Event
from agents.kernel.recorder import Item, Recorder
from agents.log import EventLog
from agents.log.masked import holds_secret, masked

WORDS = st.from_regex(r"Zq7[A-Za-z0-9]{9,20}", fullmatch=True)
BODIES = (
    lambda s: {"role": "operator", "text": f"why does postgres://me:{s}@db/x not answer?"},
    lambda s: {"tool": "wiki__note", "arguments": {"password": s, "rows": [{"api_key": s}, 7, None]}},
    lambda s: {"evidence": {"columns": ["a"], "rows": [[f"PASSWORD '{s}'"], [1]], "statement": f"token={s}"}},
    lambda s: {"finding": {"title": "x", "remedies": [{"why": f"Authorization: Bearer {s}"}]}},
    lambda s: {"approval": "a1", "reason": f"my token={s}"},
    lambda s: {
        "approval": {"why": {"title": f"password={s}"}, "preview": {"effect": f"token={s}", "victims": []}}
    },
    lambda s: {"values": {"client_secret": s}},
)


@settings(max_examples=10)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@given(word=WORDS)
def test_no_text_of_an_event_keeps_a_secret(body: Any, word: str) -> None:
    event = Event("approval.requested" if "approval" in body(word) else "note", "s", body(word), "agent:x")
    assert word not in str(masked(event))
    assert "***" in str(masked(event))
    assert masked(masked(event)) == masked(event)


def test_what_holds_none_and_what_is_bound_stay_as_they_are() -> None:
    plain = Event(
        "note", "s", {"text": "role.md5_password: 3 roles", "tokens": 5, "rows": [["a", None, 1.5]]}, "x"
    )
    assert masked(plain) is plain
    call = {"tool": "t", "arguments": {"text": "password=Zq7abc123456"}}
    bound = {
        "approval": {"call": call, "call_sha256": "ab", "preview": {"victims": [{"query": "token=Zq7"}]}}
    }
    assert masked(Event("approval.requested", "s", bound, "x")).body == bound
    assert holds_secret(call) and not holds_secret({"tool": "t", "arguments": {"pid": 7, "token": ""}})


async def test_the_file_and_whoever_watches_get_it_masked() -> None:
    word = f"Zq{secrets.token_hex(8)}"
    seen: list[Item] = []

    async def sink(items: Any) -> None:
        seen.extend(items)

    with EventLog.open() as log:
        async with Recorder(log, session="s", task="t", agent="a", target="", sink=sink) as recorder:
            recorder.say("streamed")
            recorder.emit("message", {"role": "agent", "text": f"password={word} marker"})
        log.claim("a1", Event("action.started", "s", {"arguments": {"token": word}}, "x"))
        assert not log.search(word) and log.search("marker")
        files = b"".join(path.read_bytes() for path in log.path.parent.glob("log.sqlite*"))
    assert [getattr(item, "kind", "delta") for item in seen] == ["delta", "message"]
    assert word not in str(seen) and word.encode() not in files and b"marker" in files
