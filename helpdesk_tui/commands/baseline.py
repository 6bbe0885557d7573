"""`helpdesk baseline`: how a server is set up, kept in the log, and what changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agents.command_group import CommandGroup
from agents.kernel.records import Evidence
from helpdesk_tui.commands.output import print_json, print_table, print_text
from inventory.errors import UserError

if TYPE_CHECKING:
    from inventory.target import Target

CHANGED = 1
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=CommandGroup)
def baseline() -> None:
    """How a server is set up: version, settings other than the defaults, extensions, settings of roles.

    \b
    Examples:
      helpdesk baseline keep orders-prod     before a change, or once a month
      helpdesk baseline diff orders-prod     what is set up otherwise now
      helpdesk baseline show orders-prod     also while the server is down
    """


@baseline.command("keep")
@click.argument("target")
def keep(target: str) -> None:
    """Read how TARGET is set up and keep it in the log as a baseline."""
    from helpdesk_tui.headless import run_read
    from helpdesk_tui.session import operator

    chosen = _resolved(target)

    def kept(evidence: Evidence) -> tuple[str, Any]:
        return "baseline.kept", {"evidence": evidence.id, "address": _address(chosen), "by": operator()}

    session, evidence = run_read(chosen, "baseline", {}, kept)
    print_text(f"Kept {evidence.id}: {len(evidence.rows)} facts of {chosen.name}, in session {session}.")


@baseline.command("diff")
@click.argument("target")
@click.option("--against", default="", metavar="ID", help="A baseline of `baseline list`; else the last one.")
@_JSON
@click.pass_context
def diff(ctx: click.Context, target: str, against: str, as_json: bool) -> None:
    """What is set up on TARGET otherwise than in a baseline. Exit 0: nothing. 1: something."""
    from helpdesk_tui.headless import run_read

    chosen = _resolved(target)
    _, evidence = run_read(chosen, "baseline_difference", {"baseline": against})
    if as_json:
        print_json({"target": chosen.name, "evidence": evidence.id, "changes": evidence.dicts()})
    else:
        rows = [
            (row["change"], row["kind"], row["name"], _told(row["then"]), _told(row["now"]))
            for row in evidence.dicts()
        ]
        print_table(["CHANGE", "KIND", "NAME", "THEN", "NOW"], rows, empty="Set up as in the baseline.")
    ctx.exit(CHANGED if evidence.rows else 0)


@baseline.command("show")
@click.argument("target")
@click.argument("baseline_id", metavar="[ID]", default="")
@_JSON
def show(target: str, baseline_id: str, as_json: bool) -> None:
    """The baseline of TARGET kept last, or the one with this ID; nothing is read from the server."""
    chosen = _resolved(target)
    fitting = [one for one in _baselines(chosen) if baseline_id in ("", one.id)]
    if not fitting:
        named = f" {baseline_id}" if baseline_id else ""
        raise UserError(
            f"no baseline{named} of {chosen.name} is kept; see: helpdesk baseline list {chosen.name}"
        )
    last = fitting[-1]
    if as_json:
        print_json({"id": last.id, "captured_at": last.captured_at, "facts": last.dicts()})
        return
    print_text(f"{last.id}, read at {last.captured_at}")
    print_table(["KIND", "NAME", "VALUE"], last.rows, empty="Nothing but defaults.")


@baseline.command("list")
@click.argument("target")
def list_baselines(target: str) -> None:
    """The baselines of TARGET, oldest first."""
    chosen = _resolved(target)
    rows = [(one.id, one.captured_at[:19], len(one.rows)) for one in _baselines(chosen)]
    print_table(["ID", "READ AT (UTC)", "FACTS"], rows, empty=f"No baseline of {chosen.name} is kept.")


def _baselines(target: Target) -> list[Evidence]:
    from agents.log import EventLog
    from agents.log.baselines import baselines

    with EventLog.open() as log:
        return baselines(log, _address(target))


def _address(target: Target) -> dict[str, Any]:
    from agents.governance.approval import address

    return address(target.describe())


def _resolved(target: str) -> Target:
    from inventory.registry import load, resolve

    return resolve(target, load())


def _told(value: str | None) -> str:
    return "-" if value is None else value
