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
@click.option("--no-model", is_flag=True, help="Rules alone answer; nothing goes to a model.")
@click.pass_context
def open_(ctx: click.Context, target: str | None = None, no_model: bool = False) -> None:
    """The workbench on the last session, or on TARGET."""
    chosen = _resolve(target)
    told = ctx.obj or {}
    session: str | None = told.get("session")
    ctx.exit(run(session, chosen, no_model=no_model or bool(told.get("no_model"))))


def run(
    session: str | None,
    target: Target | None,
    *,
    question: str = "",
    fresh: bool = False,
    no_model: bool = False,
) -> int:
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
    options = Options(fresh=fresh, settings=settings, remote=slow_link(settings), no_model=no_model)
    return run_workbench(session, target, question=question, options=options)


def _resolve(text: str | None) -> Target | None:
    if text is None:
        return None
    from inventory.registry import load
    from inventory.target import resolve

    return resolve(text, load())
