"""`helpdesk ask`: a question in words about one target; the rules' report, then what a model makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import click

from agents.kernel.event import Event
from agents.kernel.records import SEVERITY_ORDER, Report
from agents.kernel.report import assemble
from helpdesk_tui import spent
from helpdesk_tui.commands.output import print_json, print_text
from helpdesk_tui.report_text import report_text
from inventory.errors import BAD_INPUT, NOT_COMPLETED, UserError

SCHEMA = "helpdesk.ask/1"


@click.command()
@click.argument("target")
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (schema helpdesk.ask/1).")
@click.option(
    "--agent", default="database", metavar="NAME", help="Ask this one: a local expert, or one of agents.toml."
)
@click.option("--no-model", is_flag=True, help="Rules alone answer; nothing goes to a model.")
@click.pass_context
def ask(ctx: click.Context, target: str, question: str, as_json: bool, agent: str, no_model: bool) -> None:
    """Ask QUESTION about TARGET: the rules look first, then a model, where one is set up.

    TARGET is a name from inventory.toml, a libpq keyword string or a URI. Nothing is changed on it: what a
    model asks to change waits for an approval.
    Exit 0: nothing at warning or above. 1: findings. 2: bad input. 3: could not be completed.
    """
    from helpdesk_tui.headless import run_ask
    from helpdesk_tui.settings import load as load_settings
    from inventory.registry import load, resolve

    settings = load_settings()
    request = {"thresholds": settings.thresholds, "model": settings.model and not no_model}
    if not question.strip():
        raise UserError(
            "QUESTION is empty; expected words, for example: helpdesk ask orders-prod 'why is it slow?'"
        )
    session, events = run_ask(resolve(target, load()), question, request, agent)
    report = _report(events)
    if as_json:
        print_json(_json(session, report, events))
    else:
        _print(session, report, events)
    if _state(events) not in ("completed", "input-required", "auth-required"):
        text = _last(events, "task").get("text", "")
        raise UserError(f"the question was not answered in full: {text}", NOT_COMPLETED)
    worst = report.worst() if report else None
    ctx.exit(1 if worst and SEVERITY_ORDER[worst] >= SEVERITY_ORDER["warning"] else 0)


def _state(events: Sequence[Event]) -> str:
    """The task's last state; an answer that came without a task is complete."""
    return str(_last(events, "task").get("state", "completed"))


def _said(events: Sequence[Event]) -> list[str]:
    return [str(event.body["text"]) for event in events if event.kind == "message"]


def _report(events: Sequence[Event]) -> Report | None:
    """The rules' report; None of an agent that answers in words alone.

    Raises UserError where the rules did not come to their end.
    """
    task = _last(events, "task")
    concluded = any(event.kind == "conclusion" for event in events)
    if not concluded and (_said(events) or _state(events) in ("input-required", "auth-required")):
        return None
    if not any(event.kind == "conclusion" for event in events) and task.get("text"):
        code = BAD_INPUT if task["state"] == "rejected" else NOT_COMPLETED
        raise UserError(str(task["text"]), code)
    return assemble(events)


def _last(events: Sequence[Event], kind: str) -> Mapping[str, Any]:
    """The body of the last event of a kind; empty where there is none."""
    return next((event.body for event in reversed(events) if event.kind == kind), {})


def _waits(events: Sequence[Event]) -> Mapping[str, Any] | None:
    """What the task waits for; None where it waits for nothing."""
    task = _last(events, "task")
    if task.get("state") == "auth-required":
        return {"credentials": task["text"]}
    if task.get("state") != "input-required":
        return None
    if "choices" in task:
        return {"question": task["text"], "choices": task["choices"]}
    return {"approval": _last(events, "approval.requested")["approval"]["id"], "action": task["text"]}


def _json(session: str, report: Report | None, events: Sequence[Event]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "session": session,
        "state": _state(events),
        "report": report.to_json() if report else None,
        "said": _said(events),
        "model": dict(_last(events, "model.concluded")) or None,
        "waits_for": _waits(events),
        "notes": [event.body["text"] for event in events if event.kind in ("note", "model.notice")],
    }


def _print(session: str, report: Report | None, events: Sequence[Event]) -> None:
    if report is not None:
        click.echo(report_text(report, min(shutil.get_terminal_size((100, 24)).columns, 110)))
    for text in _said(events):
        print_text(text)
    for event in events:
        if event.kind in ("note", "model.notice"):
            print_text(f"• {event.body['text']}")
    if answer := _last(events, "model.concluded"):
        print_text(f"\n◇ MODEL  {answer['by']}\n\n{answer['text']}\n\n{spent.all_of(answer['spent'])}")
    waits = _waits(events)
    if waits and "approval" in waits:
        approval = waits["approval"]
        print_text(f"\n◆ waits for your decision: {waits['action']}   helpdesk approvals show {approval}")
    elif waits and "credentials" in waits:
        print_text(f"\n◆ waits for credentials: {waits['credentials']}   helpdesk --session {session}")
    elif waits:
        offered = f" ({', '.join(waits['choices'])})" if waits["choices"] else ""
        print_text(f"\n◆ {waits['question']}{offered}   helpdesk --session {session}")
    print_text(f"session {session}   what was sent: helpdesk session show {session} --sent")
