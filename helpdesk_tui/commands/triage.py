"""`helpdesk triage`: the rules' diagnosis of one target, for people and for scripts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agents.kernel.records import SEVERITY_ORDER, Report
from helpdesk_tui.commands.output import print_json, print_text
from helpdesk_tui.report_text import report_text

FOUND = 1


@click.command()
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (schema helpdesk.triage/1).")
@click.option(
    "--thresholds",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML: a table for each condition id, a key for each threshold.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="GROUP|ID",
    help="Judge only these conditions, for example lock or vacuum.starvation; may be given more than once.",
)
@click.option(
    "--interval",
    type=float,
    metavar="SECONDS",
    help="Time between the two samples of cumulative counters (default 1).",
)
@click.pass_context
def triage(
    ctx: click.Context,
    target: str,
    as_json: bool,
    thresholds: Path | None,
    only: tuple[str, ...],
    interval: float | None,
) -> None:
    """Diagnose TARGET by rules: no model, nothing written to it.

    TARGET is a name from inventory.toml, a libpq keyword string or a URI.
    Exit 0: nothing at warning or above. 1: findings. 2: bad input. 3: could not be completed.
    """
    from helpdesk_tui.headless import run_triage
    from inventory.registry import load, resolve

    chosen = resolve(target, load())
    request = {"thresholds": _thresholds(thresholds), "only": list(only), "interval": interval}
    session, report = run_triage(chosen, request)
    ctx.exit(print_report(session, report, as_json=as_json))


def print_report(session: str, report: Report, *, as_json: bool) -> int:
    """Print the report; 1 where something is at warning or above, else 0."""
    if as_json:
        print_json({**report.to_json(), "session": session})
    else:
        width = min(shutil.get_terminal_size((100, 24)).columns, 110)
        click.echo(report_text(report, width))
        print_text(f"session {session}   seal it: helpdesk bundle create --session {session}")
    worst = report.worst()
    return FOUND if worst and SEVERITY_ORDER[worst] >= SEVERITY_ORDER["warning"] else 0


def _thresholds(file: Path | None) -> Mapping[str, Any]:
    """The thresholds of settings.toml, and those of `file` over them."""
    from helpdesk_tui.settings import load, merged
    from inventory.toml_file import read_toml

    return merged(load().thresholds, read_toml(file) if file else {})
