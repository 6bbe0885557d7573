"""`helpdesk [TARGET]`: the workbench."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from inventory.errors import UserError

if TYPE_CHECKING:
    from inventory.target import Target


@click.command("open")
@click.argument("target", required=False)
@click.pass_context
def open_(ctx: click.Context, target: str | None = None) -> None:
    """The workbench on the last session, or on TARGET."""
    chosen = _resolve(target)
    session: str | None = (ctx.obj or {}).get("session")
    ctx.exit(run(session, chosen))


def run(session: str | None, target: Target | None, *, question: str = "", fresh: bool = False) -> int:
    """Run the workbench in this terminal; its exit code. `fresh` begins a session of its own.

    Raises UserError (exit 2) where this is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            "the workbench needs a terminal, and this is not one; "
            "helpdesk triage TARGET prints a diagnosis instead"
        )
    from helpdesk_tui.app import run_workbench
    from helpdesk_tui.options import Options, slow_link
    from helpdesk_tui.settings import load

    settings = load()
    options = Options(fresh=fresh, settings=settings, remote=slow_link(settings))
    return run_workbench(session, target, question=question, options=options)


def _resolve(text: str | None) -> Target | None:
    if text is None:
        return None
    from inventory.registry import load
    from inventory.target import resolve

    return resolve(text, load())
