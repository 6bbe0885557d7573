"""Where a turn ends without a conclusion: its rounds, repeated calls, a cancel, models that fail, no model at all."""

from __future__ import annotations

import asyncio
import secrets
import threading

import pytest

from agents.kernel.sent import sent_requests
from agents.log import EventLog
from inventory.paths import config_dir
from tests.conftest import Database
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Reply
from tests.reasoning.conftest import ID, Asker, concluding, query, results, serving, told, until, write_models

CHOICES = ["continue", "take over", "hand over"]


def looks(number: int) -> Reply:
    return Reply(text=(f"Look {number}.",), calls=(Call("session", {"pid": 1_000_000 + number}),))


async def test_after_its_rounds_it_asks_and_goes_on_in_another_process(
    asker: Asker, double: ModelEndpoint, log: EventLog
) -> None:
    write_models(double, "[limits]\nrounds = 2\n")
    double.script(looks(1), looks(2), looks(3))
    stopped = await asker.ask("look around")
    assert stopped.state == "input-required" and len(double.received) == 3
    asked = stopped.of("task")[-1]
    assert "2 rounds" in asked["text"] and "Look 3." in asked["text"] and asked["choices"] == CHOICES
    reads = [one for one in stopped.of("tool.called") if one["tool"] == "session"]
    assert len(reads) == 2, "the call beyond the limit is not run"

    word = secrets.token_hex(4)
    double.script(looks(4), looks(5), Reply(calls=(concluding(answer=word),)))
    async with serving(log) as elsewhere:
        again = await told(elsewhere.reply("database", stopped.task, asker.session, "continue", asker.target))
        assert again.state == "input-required"
        assert [one["arguments"]["pid"] for one in again.of("tool.called")] == [1_000_003, 1_000_004]
        assert len(results(double.received[3])) == 3, "nothing that was said is lost"
        ended = await told(
            elsewhere.reply("database", stopped.task, asker.session, f"only {word} matters", asker.target)
        )
    assert ended.state == "completed" and ended.concluded["answer"] == word
    last = double.received[-1].body["messages"]
    assert "operator answered instead" in last[-2]["content"]
    assert last[-1]["content"] == f"The operator says: only {word} matters"


@pytest.mark.parametrize(("reply", "said"), [("take over", "It is yours."), ("hand over", "**Hand-over**")])
async def test_the_operator_takes_over_or_hands_over(
    asker: Asker, double: ModelEndpoint, reply: str, said: str
) -> None:
    write_models(double, "[limits]\nrounds = 1\n")
    double.script(looks(1), looks(2))
    stopped = await asker.ask("look around")
    left = await asker.reply(stopped.task, reply)
    assert left.state == "completed" and said in left.of("message")[-1]["text"]
    assert "session [E" in left.of("message")[-1]["text"] and len(double.received) == 2


async def test_the_same_call_again_is_not_run_and_ends_the_turn(asker: Asker, double: ModelEndpoint) -> None:
    double.script(looks(1), Reply(calls=(*looks(1).calls, *looks(2).calls)), looks(1))
    stopped = await asker.ask("look around")
    assert stopped.state == "input-required"
    assert "the same again and again" in stopped.of("task")[-1]["text"]
    assert [one["arguments"]["pid"] for one in stopped.of("tool.called") if one["tool"] == "session"] == [
        1_000_001, 1_000_002,
    ]  # fmt: skip
    assert "asked before in this turn: evidence E" in results(double.received[2])[1]


async def test_a_cancel_stops_the_stream_and_the_statement(
    asker: Asker, double: ModelEndpoint, database18: Database, log: EventLog
) -> None:
    def last(kind: str) -> str:
        return str([item.event.body["error"] for item in log.events(asker.session, kinds=(kind,))][-1:])

    held = threading.Event()
    double.script(Reply(text=("I am thin",), hold=held))
    asking = asyncio.create_task(asker.ask("slowly"))
    await until(lambda: asker.now.text)
    ended = await asker.client.cancel(asker.now.task, "database")
    assert [event.body["state"] for event in ended if event.kind == "task"] == ["canceled"]
    found = await asking
    held.set()
    assert found.text == "I am thin" and not found.of("model.concluded")
    await until(lambda: last("model.returned") == "['cancelled']")

    double.script(Reply(calls=(Call("wait_profile", {"seconds": 30}),)))
    asking = asyncio.create_task(asker.ask("slowly"))
    reading = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'helpdesk/%%' AND datname = current_database()"
    await until(lambda: "wait_profile" in [one["tool"] for one in asker.now.of("tool.called")])
    await until(lambda: query(database18, reading))
    await asker.client.cancel(asker.now.task, "database")
    await asking
    await until(lambda: last("tool.returned") == "['cancelled']")
    await until(lambda: not query(database18, reading))


async def test_a_conversation_that_is_too_long_goes_again_without_its_oldest_rows(
    asker: Asker, double: ModelEndpoint, log: EventLog
) -> None:
    first, second = (
        Reply(calls=(Call("read", {"name": name}),)) for name in ("settings", "changed_settings")
    )
    double.script(
        first, second, Reply(status=413, message="too long"), Reply(calls=(concluding(answer="ok"),))
    )
    assert (await asker.ask("look")).concluded["answer"] == "ok"
    whole, short = double.received[-2:]
    [id] = ID.findall(results(whole)[0])[:1]
    assert results(short) == [
        f"evidence {id}: left out here to save room; show_evidence has its rows",
        results(whole)[1],
    ]
    sent = sent_requests(item.event for item in log.events(asker.session))[-1]
    assert [one["text"] for turn in sent.turns for one in turn.get("results", ())] == results(short)


async def test_the_next_model_goes_on_and_it_is_told(asker: Asker, double: ModelEndpoint) -> None:
    write_models(double, order='["local", "spare"]')
    double.script(
        Reply(status=401, message="no such key"),
        lambda received: Reply(calls=(concluding(answer=received.body["model"]),)),
    )
    found = await asker.ask("hello")
    [notice] = found.of("model.notice")
    assert notice["kind"] == "switched" and "no such key" in notice["text"]
    assert found.concluded["answer"] == "large" and found.concluded["by"] == "spare: large"
    failed, answered = found.of("model.returned")
    assert "no such key" in failed["error"] and answered["error"] == ""


async def test_without_an_answer_the_rules_stand_and_a_turn_that_had_begun_asks(
    asker: Asker, double: ModelEndpoint
) -> None:
    double.script(Reply(status=400, message="never heard of it"))
    failed = await asker.ask("hello")
    assert failed.state == "failed" and failed.of("conclusion")
    assert "never heard of it" in failed.of("task")[-1]["text"]
    write_models(double, "[budget]\nturn_usd = 0.0001\n[prices.small]\ninput = 1000\noutput = 1000\n")
    before = len(double.received)
    capped = await asker.ask("hello")
    assert capped.state == "failed" and "cap" in capped.of("task")[-1]["text"]
    assert len(double.received) == before, "a cap stops before the call"
    write_models(double)
    double.script(looks(1), Reply(status=400, message="not today"), Reply(calls=(concluding(answer="yes"),)))
    stopped = await asker.ask("hello")
    assert stopped.state == "input-required" and "not today" in stopped.of("task")[-1]["text"]
    assert (await asker.reply(stopped.task, "continue")).concluded["answer"] == "yes"


async def test_without_a_model_the_rules_answer_and_it_is_said_once(
    asker: Asker, double: ModelEndpoint
) -> None:
    unwanted = await asker.ask("hello", model=False)
    assert unwanted.state == "completed" and not unwanted.of("note") and not double.received
    (config_dir() / "models.toml").unlink()
    first, second = await asker.ask("hello"), await asker.ask("again")
    assert [one["text"][:21] for one in first.of("note")] == ["no model is set up: r"]
    assert first.of("conclusion") and not second.of("note")
    (config_dir() / "models.toml").write_text("order = 3\n")
    wrong = await asker.ask("hello")
    assert wrong.state == "completed" and wrong.of("conclusion")
    assert "models.toml:1" in wrong.of("note")[-1]["text"]
