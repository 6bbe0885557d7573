"""The workbench's work without a screen: one question, carried through and logged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from agents.kernel.event import Event
from agents.kernel.records import Evidence, Report
from agents.kernel.report import assemble
from helpdesk_tui.connecting import client_of
from helpdesk_tui.session import Feed
from inventory.errors import BAD_INPUT, NOT_COMPLETED, UserError

if TYPE_CHECKING:
    from agents.kernel.recorder import Item
    from inventory.target import Target

EXPERT = "database"
QUESTION = "Diagnose this database."
Result = TypeVar("Result")


def run_triage(target: Target, request: Mapping[str, Any]) -> tuple[str, Report]:
    """Triage `target` in a session of its own; the session's id and the report.

    `request` may hold `thresholds`, `only` (groups or ids of conditions) and `interval` (seconds).

    Raises UserError: exit 2 where the expert refuses the input, 3 where it could not be completed.
    """
    return _run(_triage(target, request))


async def _triage(target: Target, wishes: Mapping[str, Any]) -> tuple[str, Report]:
    async with _session(None, target) as feed, client_of(EXPERT, feed.log, target, memory=True) as client:
        request = {**wishes, "kind": "triage"}
        opening = {"role": "operator", "text": QUESTION}
        route = {"agent": EXPERT, "why": "asked by helpdesk triage"}
        await feed.append(
            feed.event("message", opening, target=target.name),
            feed.event("route", route, agent=EXPERT, target=target.name),
        )
        events = await _logged(client.ask(EXPERT, QUESTION, request, feed.session, target.name), feed)
        _raise_if_not_completed(events)
        return feed.session, assemble(events)


def run_ask(
    target: Target, question: str, request: Mapping[str, Any], agent: str = EXPERT
) -> tuple[str, list[Event]]:
    """Put a question in words to an agent in a session of its own; the session's id and all that came of it.

    `request` may hold `model` (false: rules alone) and `thresholds`. The task may end, fail after the rules
    have answered, or wait for the operator; it then waits on, for the workbench.
    Raises UserError: exit 2 for an agent that is not known, or refuses the input.
    """
    return _run(_ask(target, question, request, agent))


async def _ask(
    target: Target, question: str, wishes: Mapping[str, Any], agent: str
) -> tuple[str, list[Event]]:
    async with _session(None, target) as feed, client_of(agent, feed.log, target) as client:
        request = {**wishes, "kind": "ask"}
        route = {"agent": agent, "why": "asked by helpdesk ask"}
        await feed.append(
            feed.event("message", {"role": "operator", "text": question}, target=target.name),
            feed.event("route", route, agent=agent, target=target.name),
        )
        events = await _logged(client.ask(agent, question, request, feed.session, target.name), feed)
        return feed.session, events


def run_read(
    target: Target,
    tool: str,
    arguments: Mapping[str, Any],
    then: Callable[[Evidence], tuple[str, Any]] | None = None,
) -> tuple[str, Evidence]:
    """Run one read tool on `target` in a session of its own; the session's id and the evidence.

    `then` may add an event (kind, body) to the session that says what the evidence is for.
    Raises UserError: exit 2 where the expert refuses the input, 3 where it could not be completed.
    """
    return _run(_read(target, tool, arguments, then))


async def _read(
    target: Target,
    tool: str,
    arguments: Mapping[str, Any],
    then: Callable[[Evidence], tuple[str, Any]] | None,
) -> tuple[str, Evidence]:
    async with _session(None, target) as feed, client_of(EXPERT, feed.log, target, memory=True) as client:
        request = {"kind": "tool", "tool": tool, "arguments": dict(arguments)}
        text = f"Run {tool}."
        opening = {"role": "operator", "text": text, "request": request}
        await feed.append(feed.event("message", opening, target=target.name))
        events = await _logged(client.ask(EXPERT, text, request, feed.session, target.name), feed)
        _raise_if_not_completed(events)
        evidence = _evidence(events)
        if then is not None:
            kind, body = then(evidence)
            await feed.append(feed.event(kind, body, target=target.name))
        return feed.session, evidence


def _evidence(events: list[Event]) -> Evidence:
    """What was read. Raises UserError (exit 2) with the expert's words where it would not read."""
    for event in events:
        if event.kind == "evidence":
            return Evidence.from_json(event.body["evidence"])
    said = [str(event.body["text"]) for event in events if event.kind == "message"]
    raise UserError(said[-1].removeprefix("Not done: ") if said else "nothing came back", BAD_INPUT)


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)


@asynccontextmanager
async def _session(session: str | None, target: Target | None) -> AsyncIterator[Feed]:
    feed = Feed()
    await feed.open(session, target, fresh=session is None)
    try:
        yield feed
    finally:
        feed.close()


async def _logged(stream: AsyncIterator[Item], feed: Feed) -> list[Event]:
    """Every event of the stream, put into the log as it comes."""
    events: list[Event] = []
    async for item in stream:
        if isinstance(item, Event):
            events.append(item)
            await feed.append(item)
    return events


def _raise_if_not_completed(events: list[Event]) -> None:
    states = [event.body for event in events if event.kind == "task"]
    last = states[-1] if states else {"state": "unknown", "text": "nothing came back"}
    if last["state"] == "rejected":
        raise UserError(str(last["text"]), BAD_INPUT)
    if last["state"] != "completed":
        raise UserError(f"it was not completed ({last['state']}): {last['text']}", NOT_COMPLETED)
