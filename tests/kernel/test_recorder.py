"""The recorder: the log first, in order, then whoever watches; text merged, nothing lost on cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agents.kernel.event import Event
from agents.kernel.recorder import Delta, Item, Recorder
from agents.log import EventLog
from inventory.errors import UserError


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog.open(tmp_path / "log.sqlite") as opened:
        yield opened


def recorder_on(log: EventLog, sink) -> Recorder:
    return Recorder(log, session="s", task="t", agent="ledger", target="here", sink=sink)


async def test_events_are_in_the_log_before_they_are_shown_and_in_order(log: EventLog) -> None:
    shown: list[Item] = []

    async def sink(items: Sequence[Item]) -> None:
        stored = [item.event.id for item in log.events("s")]
        assert all(item.id in stored for item in items if isinstance(item, Event))
        shown.extend(items)

    async with recorder_on(log, sink) as recorder:
        for number in range(300):
            recorder.emit("note", {"text": str(number)})
            if number % 50 == 0:
                await asyncio.sleep(0.01)
    assert [item.body["text"] for item in shown if isinstance(item, Event)] == [str(n) for n in range(300)]
    assert [item.event for item in log.events("s")] == shown
    assert {item.event.principal for item in log.events("s")} == {"agent:ledger"}


async def test_text_is_merged_and_keeps_its_place(log: EventLog) -> None:
    shown: list[Item] = []

    async def sink(items: Sequence[Item]) -> None:
        shown.extend(items)

    async with recorder_on(log, sink) as recorder:
        recorder.say("a")
        recorder.say("b")
        event = recorder.emit("note", {"text": "x"})
        recorder.say("c")
    assert shown == [Delta("ab"), event, Delta("c")]


async def test_commit_returns_with_the_event_on_disk(log: EventLog) -> None:
    async with recorder_on(log, _ignore) as recorder:
        recorder.emit("note", {"text": "first"})
        await recorder.commit("note", {"text": "second"}, principal="operator:u")
        assert [item.event.body["text"] for item in log.events("s")] == ["first", "second"]


async def test_a_watcher_that_fails_does_not_stop_the_work(log: EventLog) -> None:
    async def gone(_: Sequence[Item]) -> None:
        raise ConnectionError("gone")

    async with recorder_on(log, gone) as recorder:
        for number in range(3):
            await recorder.commit("note", {"text": str(number)})
    assert len(log.events("s")) == 3


async def test_a_log_that_fails_stops_the_work_before_anything_is_shown(log: EventLog) -> None:
    shown: list[Item] = []

    async def sink(items: Sequence[Item]) -> None:
        shown.extend(items)

    async with recorder_on(log, sink) as recorder:
        log.close()
        with pytest.raises(UserError):
            await recorder.commit("note", {"text": "lost"})
        with pytest.raises(UserError):
            recorder.emit("note", {"text": "more"})
    assert shown == []


async def test_a_cancelled_task_keeps_what_it_recorded(log: EventLog) -> None:
    shown: list[Item] = []

    async def sink(items: Sequence[Item]) -> None:
        shown.extend(items)

    async def work() -> None:
        async with recorder_on(log, sink) as recorder:
            for number in range(1000):
                await recorder.commit("note", {"text": str(number)})

    task = asyncio.create_task(work())
    while not shown:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [item.event for item in log.events("s")] == shown
    assert 0 < len(shown) < 1000


async def _ignore(_: Sequence[Item]) -> None:
    return
