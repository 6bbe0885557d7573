"""`helpdesk models`: which models are asked, in which order, and whether they answer."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from helpdesk_tui.commands.output import print_json, print_table, print_text

if TYPE_CHECKING:
    from agents.models.listing import KnownModel

NOTHING = "No model is set up. Rules diagnose without one; docs/configuration.md says how to add one."


@click.command()
@click.option("--expert", default="", metavar="NAME", help="As this expert asks them, such as database.")
@click.option("--check", "look", is_flag=True, help="See whether they answer; exit 1 where one does not.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def models(ctx: click.Context, expert: str, look: bool, as_json: bool) -> None:
    """Models in the order in which they are asked; the next one goes on where one fails.

    Keys are named, never shown; prices are USD for a million tokens, in and out. --check asks each provider for its list of models, which costs nothing.
    """
    from agents.models.listing import checked, set_up

    found = set_up(expert)
    if look:
        found = asyncio.run(checked(found, expert))
    if as_json:
        print_json({**asdict(found), "path": str(found.path)})
    else:
        headings = ["PROVIDER", "MODEL", "STATE", "PRICE", "KEY", "WHERE"]
        print_table(headings, [_row(one) for one in found.models], empty=NOTHING)
        if found.models:
            print_text(f"\nlimits  {found.limits}\ncaps    {found.caps}")
    for note in found.notes:
        print_text(f"helpdesk: {note}", err=True)
    ctx.exit(1 if any(one.state == "down" for one in found.models) else 0)


def _row(one: KnownModel) -> tuple[str, ...]:
    state = "-" if one.state == "not checked" else one.state
    return one.provider, one.model, state, one.price, one.key, urlsplit(one.url).netloc
