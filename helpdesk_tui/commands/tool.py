"""`helpdesk tool`: call one tool by hand, through the same executor as everything else."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from agents.kernel.event import Event
from helpdesk_tui.commands.output import print_json, print_table, print_text
from inventory.errors import BAD_INPUT, NOT_COMPLETED, UserError

if TYPE_CHECKING:
    from agents.kernel.recorder import Item
    from agents.protocol.client import AgentClient
    from helpdesk_tui.session import Feed
    from inventory.target import Target

ENDS_BADLY = {"failed": NOT_COMPLETED, "canceled": NOT_COMPLETED, "rejected": BAD_INPUT}


@click.command()
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[ARG=VALUE]...")
@click.option(
    "--target", "dsn", metavar="TARGET", help="What a tool of ours works on: inventory name or DSN."
)
@click.option("--agent", default="database", show_default=True, help="The local expert that has the tool.")
@click.option("--answer", "answers", multiple=True, help="Answer to what the tool asks; else you are asked.")
@click.option("--json", "as_json", is_flag=True, help="Print the evidence or the approval as JSON.")
@click.pass_context
def tool(
    ctx: click.Context,
    name: str,
    arguments: tuple[str, ...],
    dsn: str | None,
    agent: str,
    answers: tuple[str, ...],
    as_json: bool,
) -> None:
    """Call the tool NAME; exit 1 where it is refused. A read prints its rows, a change waits for an approval.

    VALUE is JSON where it can be read as such, else text.

    \b
    Examples:
      helpdesk tool sessions --target orders-prod
      helpdesk tool wiki__search query=failover limit=5
    """
    from inventory.registry import load, resolve

    target = resolve(dsn, load()) if dsn else None
    request = {"kind": "tool", "tool": name, "arguments": dict(map(_argument, arguments))}
    events = asyncio.run(_called(agent, request, target, list(answers)))
    _show(events, as_json)
    ctx.exit(1 if any(event.kind == "tool.refused" for event in events) else 0)


def _argument(pair: str) -> tuple[str, Any]:
    name, equals, text = pair.partition("=")
    if not equals or not name:
        raise UserError(f"{pair!r} is not understood, expected ARG=VALUE")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text


async def _called(
    agent: str, request: Mapping[str, Any], target: Target | None, answers: list[str]
) -> list[Event]:
    """All events of the call, which are in the log under a session of their own."""
    from helpdesk_tui.connecting import local_client
    from helpdesk_tui.session import Feed

    feed = Feed()
    await feed.open(None, target, fresh=True)
    try:
        async with local_client(agent, target) as client:
            return await _asked(client, feed, agent, request, target.name if target else "", answers)
    finally:
        feed.close()


async def _asked(
    client: AgentClient, feed: Feed, agent: str, request: Mapping[str, Any], target: str, answers: list[str]
) -> list[Event]:
    text = f"Call {request['tool']} by hand."
    route = {"agent": agent, "why": "asked by helpdesk tool"}
    await feed.append(
        feed.event("message", {"role": "operator", "text": text, "request": dict(request)}, target=target),
        feed.event("route", route, agent=agent, target=target),
    )
    events = await _kept(client.ask(agent, text, request, feed.session, target), feed)
    while question := _question(events):
        reply = await _reply(question, answers)
        await feed.append(feed.event("message", {"role": "operator", "text": reply}, target=target))
        events += await _kept(client.reply(agent, question.task, feed.session, reply, target), feed)
    return events


async def _kept(stream: AsyncIterator[Item], feed: Feed) -> list[Event]:
    events = [item async for item in stream if isinstance(item, Event)]
    await feed.append(*events)
    return events


def _question(events: Sequence[Event]) -> Event | None:
    """What the tool asks, where its task waits for words."""
    states = [event for event in events if event.kind == "task"]
    waits = bool(states) and states[-1].body["state"] == "input-required" and "choices" in states[-1].body
    return states[-1] if waits else None


async def _reply(question: Event, answers: list[str]) -> str:
    if answers:
        return answers.pop(0)
    if not sys.stdin.isatty():
        raise UserError(
            f"the tool asks, and nobody is here to answer: {question.body['text']}", NOT_COMPLETED
        )
    print_text(str(question.body["text"]))
    return await asyncio.to_thread(click.prompt, "answer", type=str)


def _show(events: Sequence[Event], as_json: bool) -> None:
    """What came of it. Raises UserError where it came to a bad end."""
    last = next((event.body for event in reversed(events) if event.kind == "task"), {})
    if last.get("state") in ENDS_BADLY:
        raise UserError(str(last.get("text") or last["state"]), ENDS_BADLY[last["state"]])
    waits = any(event.kind == "approval.requested" for event in events)
    for event in events:
        match event.kind:
            case "evidence" if waits:
                pass  # It is on the card.
            case "evidence" if as_json:
                print_json(event.body["evidence"])
            case "evidence":
                evidence = event.body["evidence"]
                print_table([column.upper() for column in evidence["columns"]], evidence["rows"], "No row.")
            case "approval.requested" if as_json:
                print_json(event.body["approval"])
            case "approval.requested":
                approval = event.body["approval"]
                print_text(f"waits for an approval: {approval['preview']['action']}")
                print_text(f"helpdesk approvals show {approval['id']}")
            case "message" if not as_json:
                print_text(str(event.body["text"]))
