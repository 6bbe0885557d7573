"""The gateway against the double: streams, retries, fallback, limits and caps, seen from outside."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agents.models.call import Attempt, Item, Notice
from agents.models.configuration import ModelSettings, load
from agents.models.gateway import ModelFailed, Models, open_models
from agents.models.spending import Spending
from agents.models.throttle import Clock
from agents.models.turn import Asked, Done, ModelRequest, Results, TextChunk, ToolOffer, ToolResult, Usage
from tests.models.doubles.endpoint import ModelEndpoint
from tests.models.doubles.reply import Call, Counted, Reply

QUESTION = ModelRequest("You look after databases.", (Asked("Why is it slow?"),))


@dataclass
class Hours:
    """A clock that runs only while somebody sleeps."""

    time: float = 1000.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def clock(self) -> Clock:
        return Clock(lambda: self.time, self.sleep, lambda: 0.0)


def settings(
    tmp_path: Path, double: ModelEndpoint, more: str = "", order: str = '["local"]'
) -> ModelSettings:
    path = tmp_path / "models.toml"
    path.write_text(
        f"order = {order}\n{more}\n[providers.local]\nkind = 'openai'\nmodel = 'small'\n"
        f"base_url = '{double.openai_url}'\n"
        f"[providers.spare]\nkind = 'openai'\nmodel = 'large'\nbase_url = '{double.openai_url}'\n"
    )
    return load(path)


async def everything(models: Models, request: ModelRequest, spending: Spending | None = None) -> list[Item]:
    return [item async for item in models.stream(request, spending or Spending())]


def opened(found: ModelSettings, hours: Hours | None = None) -> Models:
    models = open_models("database", found, (hours or Hours()).clock())
    assert models is not None
    return models


async def test_text_streams_and_ends_with_usage(double: ModelEndpoint, tmp_path: Path) -> None:
    double.script(Reply(text=("It is ", "the lock."), counted=Counted(100, 20, cache_read=30)))
    models = opened(settings(tmp_path, double))
    items = await everything(models, QUESTION)
    assert [item.text for item in items if isinstance(item, TextChunk)] == ["It is ", "the lock."]
    attempt, done = items[-2:]
    assert isinstance(done, Done) and isinstance(attempt, Attempt)
    assert (done.said.text, done.stop) == ("It is the lock.", "end")
    assert done.usage == attempt.usage == Usage(100, 20, 30, 0)
    assert attempt.cost_usd is None
    sent = double.received[0]
    assert [message["role"] for message in sent.body["messages"]] == ["system", "user"]
    assert "authorization" not in sent.headers
    await models.close()


async def test_tools_are_asked_for_in_parallel_and_answered(double: ModelEndpoint, tmp_path: Path) -> None:
    offer = ToolOffer("locks", "Who waits", {"type": "object", "properties": {"n": {"type": "integer"}}})
    first, second = Call("locks", {"n": 3}), Call("locks", '{"n": ')
    double.script(Reply(text=("Let me see.",), calls=(first, second)), Reply(text=("Done.",)))
    models = opened(settings(tmp_path, double))
    question = ModelRequest("", (Asked("Why?"),), (offer,))
    done = (await everything(models, question))[-1]
    assert isinstance(done, Done) and done.stop == "tools"
    asked, broken = done.said.requests
    assert (asked.id, asked.name, dict(asked.arguments), asked.malformed) == (first.id, "locks", {"n": 3}, "")
    assert (broken.id, dict(broken.arguments), broken.malformed) == (second.id, {}, '{"n": ')
    results = Results(
        (ToolResult(asked.id, "locks", "3 rows"), ToolResult(broken.id, "locks", "no JSON", True))
    )
    answered = ModelRequest("", (*question.turns, done.said, results), (offer,))
    last = (await everything(models, answered))[-1]
    assert isinstance(last, Done) and last.said.text == "Done."
    await models.close()


async def test_it_tries_again_as_the_vendor_asks_and_says_so(double: ModelEndpoint, tmp_path: Path) -> None:
    hours = Hours()
    double.script(
        Reply(status=429, message="slow down", headers={"Retry-After": "7"}),
        Reply(status=529, message="overloaded"),
        Reply(ending="cut"),
        Reply(text=("At last.",)),
    )
    models, spending = opened(settings(tmp_path, double), hours), Spending()
    items = await everything(models, QUESTION, spending)
    assert hours.slept == [7.0, 2.0, 4.0]
    notices = [item.text for item in items if isinstance(item, Notice)]
    assert ["slow down" in notices[0], "overloaded" in notices[1], "broke off" in notices[2]] == [True] * 3
    assert [item.error == "" for item in items if isinstance(item, Attempt)] == [False, False, False, True]
    assert spending.turn.unpriced == 2, "what was refused cost nothing, what was cut and what came did"
    assert isinstance(items[-1], Done)
    await models.close()


async def test_the_next_provider_goes_on_within_the_turn(double: ModelEndpoint, tmp_path: Path) -> None:
    hours = Hours()
    double.script(Reply(status=401, message="no such key"), Reply(text=("Here.",)))
    models = opened(settings(tmp_path, double, order='["local", "spare"]'), hours)
    assert models.describe() == "local: small, then spare: large"
    items = await everything(models, QUESTION)
    switched = next(item for item in items if isinstance(item, Notice))
    assert switched.kind == "switched" and "no such key" in switched.text and "spare" in switched.text
    double.script(Reply(text=("Still here.",)))
    assert not [item for item in await everything(models, QUESTION) if isinstance(item, Notice)]
    assert [received.body["model"] for received in double.received] == ["small", "large", "large"]
    hours.time += 121
    double.script(Reply(status=400, message="no"), Reply(status=403, message="never"))
    with pytest.raises(ModelFailed) as failed:
        await everything(models, QUESTION)
    assert "local: HTTP 400" in str(failed.value) and "spare: HTTP 403" in str(failed.value)
    await models.close()


async def test_it_gives_up_on_one_that_stays_overloaded(double: ModelEndpoint, tmp_path: Path) -> None:
    hours = Hours()
    double.script(*[Reply(status=503, message="busy")] * 4, Reply(text=("Here.",)))
    models = opened(settings(tmp_path, double, order='["local", "spare"]'), hours)
    items = await everything(models, QUESTION)
    assert hours.slept == [1.0, 2.0, 4.0]
    assert [item.provider for item in items if isinstance(item, Attempt)] == ["local"] * 4 + ["spare"]
    hours.time += 121
    double.script(Reply(status=429, headers={"Retry-After": "3600"}), Reply(text=("Here.",)))
    items = await everything(models, QUESTION)
    assert hours.slept == [1.0, 2.0, 4.0], "nobody waits for an hour"
    assert [item.kind for item in items if isinstance(item, Notice)] == ["switched"]
    await models.close()


async def test_a_host_that_is_cut_off_keeps_nobody_waiting(double: ModelEndpoint, tmp_path: Path) -> None:
    hours = Hours()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = f'[providers.away]\nkind = "openai"\nmodel = "far"\nbase_url = "http://127.0.0.1:{port}/v1"'
    models = opened(settings(tmp_path, double, away, order='["away", "local"]'), hours)
    double.script(Reply(text=("Here.",)))
    items = await everything(models, QUESTION)
    assert [item.kind for item in items if isinstance(item, Notice)] == ["switched"]
    assert isinstance(items[-1], Done) and not hours.slept
    alone = opened(settings(tmp_path, double, away, order='["away"]'), hours)
    with pytest.raises(ModelFailed, match="does not answer"):
        await everything(alone, QUESTION)
    assert hours.slept == [1.0, 2.0, 4.0]
    for one in (models, alone):
        await one.close()


async def test_what_was_streamed_before_a_cut_stands(double: ModelEndpoint, tmp_path: Path) -> None:
    double.script(Reply(text=("It is ", "the"), calls=(Call("kill", {"pid": 1}),), ending="cut"))
    models, spending = opened(settings(tmp_path, double)), Spending()
    items = await everything(models, QUESTION, spending)
    notice, done = items[-2:]
    assert isinstance(notice, Notice) and notice.kind == "cut" and "not the whole answer" in notice.text
    assert isinstance(done, Done) and (done.stop, done.said.text) == ("cut", "It is the")
    assert done.said.requests == (), "half an answer acts on nothing"
    assert spending.turn.tokens > 0, "what was cut was paid for as well"
    await models.close()


async def test_a_request_that_is_too_long_is_told_as_such(double: ModelEndpoint, tmp_path: Path) -> None:
    double.script(Reply(status=400, message="maximum context length is 8192 tokens"))
    models = opened(settings(tmp_path, double, order='["local", "spare"]'))
    with pytest.raises(ModelFailed, match="too long") as failed:
        await everything(models, QUESTION)
    assert failed.value.kind == "too_long" and len(double.received) == 1
    await models.close()


PRICES = """
[prices.small]
input = 1.0
output = 10.0
cache_read = 0.1
[budget]
turn_usd = 0.06
day_usd = 5
"""


async def test_a_cap_stops_before_the_next_call(double: ModelEndpoint, tmp_path: Path) -> None:
    double.script(Reply(text=("One.",), counted=Counted(1000, 2000, cache_read=10_000)))
    found = settings(tmp_path, double, PRICES, '["local", "spare"]')
    models, spending = opened(found), Spending()
    items = await everything(models, QUESTION, spending)
    attempt = next(item for item in items if isinstance(item, Attempt))
    assert attempt.cost_usd == pytest.approx(0.001 + 0.02 + 0.001)
    assert spending.day.usd == spending.turn.usd == attempt.cost_usd and spending.turn.tokens == 13_000
    with pytest.raises(ModelFailed, match=r"cap of .* a turn would be passed") as failed:
        await everything(models, QUESTION, spending)
    assert failed.value.kind == "cap" and len(double.received) == 1
    spending.turn.usd, spending.day.usd = 0, 4.99
    with pytest.raises(ModelFailed, match="a day would be passed"):
        await everything(models, QUESTION, spending)
    await models.close()


async def test_with_a_cap_a_model_of_unknown_price_is_not_asked(
    double: ModelEndpoint, tmp_path: Path
) -> None:
    models = opened(settings(tmp_path, double, PRICES, '["spare"]'))
    with pytest.raises(ModelFailed, match="price of large is unknown"):
        await everything(models, QUESTION)
    assert not double.received
    await models.close()


async def test_no_more_than_the_limit_in_any_minute(double: ModelEndpoint, tmp_path: Path) -> None:
    hours = Hours()
    models = opened(settings(tmp_path, double, "[limits]\nrequests_per_minute = 2\nwait_s = 60"), hours)
    double.script(*[Reply(text=("Yes.",))] * 4)
    await everything(models, QUESTION)
    hours.time += 20
    await everything(models, QUESTION)
    items = await everything(models, QUESTION)
    assert (
        isinstance(items[0], Notice) and items[0].kind == "waiting" and "2 requests a minute" in items[0].text
    )
    assert hours.slept == [40.0]
    await everything(models, QUESTION)
    assert hours.slept == [40.0, 20.0]
    assert len(double.received) == 4
    await models.close()


async def test_no_more_tokens_than_the_limit_in_any_minute(double: ModelEndpoint, tmp_path: Path) -> None:
    hours = Hours()
    models = opened(settings(tmp_path, double, "[limits]\ntokens_per_minute = 1000\nwait_s = 30"), hours)
    double.script(Reply(text=("Yes.",), counted=Counted(700, 295, cache_read=5000)), Reply(text=("Again.",)))
    await everything(models, QUESTION)
    with pytest.raises(ModelFailed, match="1000 tokens a minute: there is room in 60 s") as failed:
        await everything(models, QUESTION)
    assert failed.value.kind == "limit" and not hours.slept
    hours.time += 31
    items = await everything(models, QUESTION)
    assert hours.slept == [29.0] and isinstance(items[-1], Done)
    with pytest.raises(ModelFailed, match="more than the limit of 1000 a minute"):
        await everything(models, ModelRequest("", (Asked("a" * 4000),)))
    await models.close()


async def test_so_many_at_once(double: ModelEndpoint, tmp_path: Path) -> None:
    hold = threading.Event()
    models = opened(settings(tmp_path, double, "[limits]\nat_once = 2"))
    double.script(*[Reply(text=("Yes.",), hold=hold)] * 5)
    waiting: asyncio.Queue[str] = asyncio.Queue()

    async def ask() -> Item:
        async for item in models.stream(QUESTION, Spending()):
            if isinstance(item, TextChunk) or (isinstance(item, Notice) and item.kind == "waiting"):
                waiting.put_nowait(type(item).__name__)
            last = item
        return last

    tasks = [asyncio.create_task(ask()) for _ in range(5)]
    seen = sorted([await waiting.get() for _ in range(5)])
    assert seen == ["Notice", "Notice", "Notice", "TextChunk", "TextChunk"]
    hold.set()
    assert all(isinstance(last, Done) for last in await asyncio.gather(*tasks))
    assert double.most_at_once == 2
    await models.close()


async def test_whoever_waits_too_long_for_a_place_is_told(double: ModelEndpoint, tmp_path: Path) -> None:
    hold = threading.Event()
    models = opened(settings(tmp_path, double, "[limits]\nat_once = 1\nwait_s = 0.05"))
    double.script(Reply(text=("Yes.",), hold=hold))
    first = models.stream(QUESTION, Spending())
    assert isinstance(await anext(first), TextChunk)
    with pytest.raises(ModelFailed, match="1 calls to models are running") as failed:
        await everything(models, QUESTION)
    assert failed.value.kind == "limit"
    hold.set()
    assert isinstance([item async for item in first][-1], Done)
    await models.close()


async def test_a_call_that_is_given_up_frees_its_place_and_is_paid_for(
    double: ModelEndpoint, tmp_path: Path
) -> None:
    hold = threading.Event()
    models, spending = opened(settings(tmp_path, double, "[limits]\nat_once = 1")), Spending()
    double.script(Reply(text=("Yes.",), hold=hold), Reply(text=("Again.",)))
    async with aclosing(models.stream(QUESTION, spending)) as items:
        assert isinstance(await anext(items), TextChunk)
    assert spending.turn.tokens > 0
    hold.set()
    assert isinstance((await everything(models, QUESTION))[-1], Done)
    await models.close()


async def test_nothing_of_the_environment_goes_to_another_host(
    double: ModelEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, own = secrets.token_hex(16), secrets.token_hex(16)
    monkeypatch.setenv("OUR_KEY", own)
    for vendor in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{vendor}_API_KEY", key)
        monkeypatch.setenv(f"{vendor}_CUSTOM_HEADERS", f"Authorization: Bearer {key}\nX-Team: {key}")
    monkeypatch.setenv("OPENAI_ORG_ID", f"org-{key}")
    claude = f'[providers.claude]\nkind="anthropic"\nbase_url="{double.url}"\nkey={{env="OUR_KEY"}}'
    models = opened(settings(tmp_path, double, claude, order='["local", "claude"]'))
    double.script(Reply(status=400), Reply(text=("Yes.",)))
    await everything(models, QUESTION)
    assert [received.headers.get("authorization") for received in double.received] == [None, f"Bearer {own}"]
    assert key not in repr(double.received)
    monkeypatch.setenv("OPENAI_BASE_URL", double.openai_url)
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    (tmp_path / "models.toml").write_text("")
    by_itself = opened(load(tmp_path / "models.toml"))
    assert by_itself.describe() == "openai: gpt-5.5"
    double.script(Reply(text=("Yes.",)))
    await everything(by_itself, QUESTION)
    assert double.received[2].headers["x-team"] == key
    for one in (models, by_itself):
        await one.close()


async def test_a_redirect_does_not_carry_the_question_away(double: ModelEndpoint, tmp_path: Path) -> None:
    with ModelEndpoint() as other:
        place = {"Location": f"{other.openai_url}/chat/completions"}
        double.script(Reply(status=307, headers=place))
        other.script(Reply(text=("Tell me.",)))
        models = opened(settings(tmp_path, double, "[limits]\nretries = 0"))
        with pytest.raises(ModelFailed, match="not the place that was configured"):
            await everything(models, QUESTION)
        assert not other.received
        await models.close()
