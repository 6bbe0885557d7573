"""`helpdesk drill`: one fault on a disposable PostgreSQL, to practise on and be timed."""

from __future__ import annotations

import difflib
import secrets
import sys
from typing import TYPE_CHECKING

import click

from helpdesk_tui.commands.output import print_text
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.kernel.event import Event
    from helpdesk_tui.demo.faults.fault import Fault
    from inventory.target import Target


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of opening the workbench.")
@click.pass_context
def drill(ctx: click.Context, name: str, as_json: bool) -> None:
    """Practise on NAME, one of the faults that `helpdesk drill list` shows.

    The fault is made for real on an embedded PostgreSQL 18 that lives as long as the drill, never on a target
    of yours. Ctrl+Q leaves; the time from opening to the verified fix is told at the end. Without a terminal,
    prints the triage.

    \b
    Examples:
      helpdesk drill list
      helpdesk drill lock.blocking_tree
    """
    from helpdesk_tui.demo.faults import all_faults

    if name == "list":
        _list(as_json)
        return
    faults = all_faults()
    if name not in faults:
        near = difflib.get_close_matches(name, faults, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "see: helpdesk drill list"
        raise UserError(f"no drill {name!r}; {hint}")
    _drill(ctx, faults[name], as_json=as_json)


def _list(as_json: bool) -> None:
    from helpdesk_tui.commands.output import print_json, print_text
    from helpdesk_tui.demo.faults import all_faults

    faults = all_faults().values()
    if as_json:
        drills = [
            {"name": one.name, "title": one.title, "story": one.story, "mended_by_tool": one.mended_by_tool}
            for one in faults
        ]
        print_json({"schema": "helpdesk.drills/1", "drills": drills})
        return
    width = max(len(fault.name) for fault in faults)
    for fault in faults:
        by_hand = "" if fault.mended_by_tool else "  (mended by hand)"
        print_text(f"{fault.name:<{width}}  {fault.title}{by_hand}")


def _drill(ctx: click.Context, fault: Fault, *, as_json: bool) -> None:
    from helpdesk_tui.commands.triage import print_report
    from helpdesk_tui.commands.workbench import run
    from helpdesk_tui.demo.keeper import start_keeper
    from helpdesk_tui.headless import run_triage
    from inventory.target import Target

    keeper = start_keeper(lambda step: print_text(f"drill: {step}", err=True), fault.name)
    try:
        name = f"drill-{secrets.token_hex(3)}"
        target = Target.from_dsn(keeper.conninfo, name=name, environment="development")
        if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            print_report(*run_triage(target, {}), as_json=as_json)
            return
        code = run(None, target, question=fault.story, fresh=True)
        print_text(f"Drill {fault.name}: {_result(fault, target)}")
        ctx.exit(code)
    finally:
        keeper.stop()


def _result(fault: Fault, target: Target) -> str:
    """What the session's events and a last look at the server say."""
    from helpdesk_tui.demo.drill import score, told
    from helpdesk_tui.headless import run_triage

    events = _events(target.name)
    _, report = run_triage(target, {"only": [fault.name]})
    still_there = any(finding.condition == fault.name for finding in report.findings)
    return told(score(events, fault.name), still_there=still_there)


def _events(target: str) -> list[Event]:
    from agents.log import EventLog

    with EventLog.open() as log:
        session = next((row.id for row in log.sessions() if row.target == target), "")
        return [item.event for item in log.events(session)] if session else []
