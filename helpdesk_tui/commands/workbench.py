"""`helpdesk [TARGET]`: the workbench."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inventory.errors import UserError

if TYPE_CHECKING:
    from inventory.target import Target


TOKEN = click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Who sits here, where roles.toml knows this token; else the user of this account.",
)


@click.command("open")
@click.argument("target", required=False)
@click.option("--no-model", is_flag=True, help="Rules alone answer; nothing goes to a model.")
@TOKEN
@click.pass_context
def open_(
    ctx: click.Context, target: str | None = None, no_model: bool = False, token_file: Path | None = None
) -> None:
    """The workbench on the last session, or on TARGET."""
    chosen = _resolve(target)
    told = ctx.obj or {}
    session: str | None = told.get("session")
    token = token_file or told.get("token_file")
    ctx.exit(run(session, chosen, no_model=no_model or bool(told.get("no_model")), token_file=token))


def run(
    session: str | None,
    target: Target | None,
    *,
    question: str = "",
    fresh: bool = False,
    no_model: bool = False,
    token_file: Path | None = None,
) -> int:
    """Run the workbench in this terminal; its exit code. `fresh` begins a session of its own.

    `token_file` holds the token that says who sits here, where it is not the user of this account.
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
    if token_file is not None:
        options.token, options.principal = _identity(token_file)
    return run_workbench(session, target, question=question, options=options)


def _identity(token_file: Path) -> tuple[str, str]:
    """The token in a file and whose it is. Raises UserError where roles.toml knows nobody with it."""
    from agents.governance.roles import load_roles, roles_path
    from helpdesk_tui.exchange import token_in

    token = token_in(token_file) or ""
    name = load_roles().caller(token)
    if not name:
        raise UserError(
            f"{token_file}: {roles_path()} knows nobody with this token; helpdesk policy token makes one"
        )
    return token, f"operator:{name}"


def _resolve(text: str | None) -> Target | None:
    if text is None:
        return None
    from inventory.registry import load, resolve

    return resolve(text, load())
