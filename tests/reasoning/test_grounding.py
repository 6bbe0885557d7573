"""What a model says is held against the evidence it cites and the actions on record."""

from __future__ import annotations

import secrets
from random import Random

import pytest

from agents.kernel.event import Event
from agents.kernel.records import Evidence, Finding
from agents.models.turn import Asked, ModelRequest, Results, Said, ToolRequest, ToolResult
from agents.reasoning.claims import not_executed
from agents.reasoning.concluding import beside_rules, marks_of
from agents.reasoning.conclusion import Conclusion, from_text
from agents.reasoning.grounding import Ground, unsupported
from agents.reasoning.loop import compacted

RANDOM = Random(secrets.randbits(32))
TABLE = f"orders_{secrets.token_hex(3)}"
APPLICATION = f"billing-{secrets.token_hex(3)}"
PID = RANDOM.randrange(100_000, 160_000)
BYTES = RANDOM.randrange(2 << 30, 9 << 30)
SECONDS = RANDOM.randrange(3700, 80_000) + 0.25


def evidence() -> Evidence:
    rows = (
        (PID, APPLICATION, f"public.{TABLE}", BYTES, SECONDS, 0.4321, "2026-11-20T02:11:09Z"),
        (PID + 1, APPLICATION, None, 77, 8.5, 0.5, None),
        (PID + 2, "psql", None, 78, 9.5, 0.5, None),
    )
    columns = ("pid", "application", "relation", "bytes", "xact_s", "share", "since")
    return Evidence.capture(
        tool="sessions", statement="SELECT …", target="shop", captured_at="2026-11-20T02:12:00Z", duration_ms=1.0,
        columns=columns, rows=rows,
    )  # fmt: skip


SHOWN = evidence()
FINDING = Finding(
    "F0123456789", "lock.blocking_tree", "critical", "14 wait behind it", "It waits.", {}, (SHOWN.id,)
)


def marked(text: str, cited: bool = True) -> list[str]:
    ground = Ground([SHOWN] if cited else [], [FINDING], {"idle_in_transaction_session_timeout", "orders"})
    return [one.text for one in unsupported(Conclusion(text, evidence=(SHOWN.id,)), ground)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"Session {PID} of {APPLICATION} on `public.{TABLE}` and {TABLE}.", id="names"),
        pytest.param(f"It holds {BYTES / (1 << 30):.1f} GiB, {BYTES:,} bytes.", id="sizes"),
        pytest.param(f"Open for {int(SECONDS // 60)} minutes, {SECONDS / 3600:.2f} h, {SECONDS} s.", id="times"),
        pytest.param(f"For {int(SECONDS // 3600)} h {int(SECONDS % 3600 // 60)} min.", id="durations"),
        pytest.param("43.2 % and 43% of it, since 2026-11-20T02:11:09Z.", id="shares"),
        pytest.param('3 sessions, 2 of them the same; 14 wait, say the rules. "psql" is one.', id="counts"),
        pytest.param("Set `idle_in_transaction_session_timeout`, see pg_stat_activity and `VACUUM`.", id="known"),
        pytest.param(f"1. First [{SHOWN.id}]\n2. then finding F0123456789.", id="marks"),
        pytest.param("A long-running, idle-in-transaction session, e.g. this one; 'really'.", id="words"),
    ],
)  # fmt: skip
def test_what_the_cited_evidence_holds_is_not_marked(text: str) -> None:
    assert [one for one in marked(text) if one != "really"] == []


def test_what_it_does_not_hold_is_marked() -> None:
    other, name, missing = PID + 7, f"t_{secrets.token_hex(4)}", f"E{secrets.token_hex(5)}"
    assert marked(f"Session {other} reads {name} and `{name[:5]}x`: {BYTES / (1 << 30) + 100:.1f} GiB.") == [
        str(other), name, f"{name[:5]}x", f"{BYTES / (1 << 30) + 100:.1f}",
    ]  # fmt: skip
    assert marked(f"See [{missing}].") == [missing]
    assert marked("10.0.0.17 at 02:11:10, 99 %, 15 wait.") == ["10.0.0.17", "02:11:10", "99", "15"]
    assert marked(f"Session {PID}, 14 wait.", cited=False) == [str(PID), "14"]


def _done(tool: str, pid: int, text: str) -> list[Event]:
    started = {"approval": "a", "tool": tool, "arguments": {"pid": pid}}
    return [
        Event("action.started", "s", started, "agent:database"),
        Event("action.finished", "s", {"approval": "a", "ok": True, "text": text}, "agent:database"),
    ]


def test_claims_of_actions_that_no_event_shows_are_marked() -> None:
    done = _done("terminate_session", PID, f"Session {PID} ended.")
    lies = (f"I terminated pid {PID + 1}.", f"Session {PID} has been cancelled.", "I've reloaded the configuration.",
            "The index was successfully dropped.", "We increased work_mem.")  # fmt: skip
    for lie in lies:
        assert [one.text for one in not_executed(Conclusion(f"Well. {lie} So."), done, "")] == [lie]
    truths = (f"I terminated pid {PID}.", f"Session {PID} has been terminated.", "I have not terminated anything.",
              "Once it has been cancelled, look again.", "You should end it. It was changed by ada.")  # fmt: skip
    for truth in truths:
        assert not_executed(Conclusion(truth), done, "") == []
    read = "FATAL: terminating connection: the session was terminated by an administrator"
    assert not_executed(Conclusion("Three sessions have been terminated."), [], read) == []
    assert not_executed(Conclusion("I terminated three sessions."), [], read) != []


def test_a_conclusion_in_text_is_read_leniently() -> None:
    text = f"""It waits.
**Root cause:** session {PID} holds it
Confidence: high
Evidence: [{SHOWN.id}]
## Ruled out:
- a slow disk: reads are fast
Next steps: ask {APPLICATION}"""
    read = from_text(text)
    assert (read.answer, read.root_cause, read.confidence) == ("It waits.", f"session {PID} holds it", "high")
    assert read.evidence == (SHOWN.id,) and read.next_step == f"ask {APPLICATION}"
    assert [(one.what, one.why) for one in read.ruled_out] == [("a slow disk", "reads are fast")]
    fenced = from_text(f'Here:\n```json\n{{"answer": "yes", "evidence": ["{SHOWN.id}"]}}\n```')
    assert (fenced.answer, fenced.evidence) == ("yes", (SHOWN.id,))
    assert from_text("Just words.").answer == "Just words."


def test_a_long_conversation_is_shortened_from_its_oldest_results_and_keeps_their_ids() -> None:
    ids = [f"E{secrets.token_hex(5)}" for _ in range(4)]
    turns: list[Asked | Said | Results] = [Asked("Why?")]
    for id in ids:
        turns.append(Said("", (ToolRequest(id, "read", {}),), "local", {"signature": id}))
        turns.append(Results((ToolResult(id, "read", f'<evidence id="{id}">\n{"| row" * 2000}'),)))
    short = compacted(ModelRequest("s", tuple(turns)), 8000)
    texts = [turn.results[0].text for turn in short.turns if isinstance(turn, Results)]
    assert [len(text) < 200 for text in texts] == [True, True, False, False]
    assert all(id in text for id, text in zip(ids, texts, strict=True))
    assert [turn for turn in short.turns if isinstance(turn, Said)] == [
        one for one in turns if isinstance(one, Said)
    ]


def test_a_finding_that_is_named_brings_its_evidence_and_its_own_words() -> None:
    told = Conclusion(f"14 wait behind {PID}.", finding=FINDING.id)
    evidence = {SHOWN.id: SHOWN}
    assert marks_of(told, evidence, [FINDING], [], ()) == []
    assert len(marks_of(Conclusion(told.answer), evidence, [FINDING], [], ())) == 2
    assert beside_rules(told, [FINDING])["agrees"] is None
    assert beside_rules(Conclusion("", "x", FINDING.id), [FINDING])["agrees"] is True
    assert beside_rules(Conclusion("", "x"), [FINDING])["agrees"] is False
