"""`helpdesk demo`: the main job on a disposable PostgreSQL with a real incident."""

from __future__ import annotations

import sys

import click

from helpdesk_tui.commands.output import print_text

QUESTION = "Checkout hangs since a few minutes. What is wrong with this database?"


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Print the triage as JSON instead of opening the workbench."
)
@click.pass_context
def demo(ctx: click.Context, as_json: bool) -> None:
    """The workbench on an embedded PostgreSQL 18 in the middle of an incident.

    Everything is real: a blocking chain, a forgotten replication slot, a table that nobody
    vacuums. Ctrl+Q leaves, and the server is gone. Without a terminal, prints the triage.
    """
    from helpdesk_tui.commands.triage import print_report
    from helpdesk_tui.commands.workbench import run
    from helpdesk_tui.demo.keeper import TARGET_NAME, start_keeper
    from inventory.target import Target

    keeper = start_keeper(lambda step: print_text(f"demo: {step}", err=True))
    try:
        target = Target.from_dsn(keeper.conninfo, name=TARGET_NAME, environment="development")
        if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            from helpdesk_tui.headless import run_triage

            print_report(*run_triage(target, {}), as_json=as_json)
            return
        ctx.exit(run(None, target, question=QUESTION, fresh=True))
    finally:
        keeper.stop()
