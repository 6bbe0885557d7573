"""`helpdesk doctor`: is everything in place, and if not, what mends it?"""

from __future__ import annotations

from dataclasses import asdict

import click

from helpdesk_tui.commands.output import print_json
from helpdesk_tui.doctor import checks
from inventory.masking import inert_line, mask

MARKS = {"ok": ("✓", "green"), "note": ("•", "cyan"), "fault": ("✗", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check this installation: a line each, with a remedy; exit 1 where something is at fault."""
    found = []
    for check in checks():
        found.append(check)
        if not as_json:
            glyph, colour = MARKS[check.state]
            remedy = f"  → {check.remedy}" if check.remedy else ""
            line = inert_line(mask(f"{check.text}{remedy}"))
            click.echo(f"{click.style(f'{glyph} {check.state:<5}', fg=colour)} {check.name:<18} {line}")
    if as_json:
        print_json([asdict(check) for check in found])
    ctx.exit(1 if any(check.state == "fault" for check in found) else 0)
