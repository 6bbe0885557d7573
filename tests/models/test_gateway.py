"""The gateway against the double: streams, retries, fallback, limits and caps, seen from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agents.models.configuration import ModelSettings, load
from agents.models.gateway import Attempt, Item, ModelFailed, Models, Notice, open_models
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
    models = opened(settings(tmp_path, double), hours)
    items = await everything(models, QUESTION)
    assert hours.slept == [7.0, 2.0, 4.0]
    notices = [item.text for item in items if isinstance(item, Notice)]
    assert ["slow down" in notices[0], "overloaded" in notices[1], "broke off" in notices[2]] == [True] * 3
    assert [item.error == "" for item in items if isinstance(item, Attempt)] == [False, False, False, True]
    assert isinstance(items[-1], Done)
    await models.close()


async def test_the_next_provider_goes_on_within_the_turn(double: ModelEndpoint, tmp_path: Path) -> None:
    double.script(Reply(status=401, message="no such key"), Reply(text=("Here.",)))
    models = opened(settings(tmp_path, double, order='["local", "spare"]'))
    assert models.describe() == "local: small, then spare: large"
    items = await everything(models, QUESTION)
    switched = next(item for item in items if isinstance(item, Notice))
    assert switched.kind == "switched" and "no such key" in switched.text and "spare" in switched.text
    assert [received.body["model"] for received in double.received] == ["small", "large"]
    double.script(Reply(status=400, message="no"), Reply(status=403, message="never"))
    with pytest.raises(ModelFailed) as failed:
        await everything(models, QUESTION)
    assert "local: HTTP 400" in str(failed.value) and "spare: HTTP 403" in str(failed.value)
    await models.close()
