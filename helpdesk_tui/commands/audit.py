"""`helpdesk audit`: is the log still what was written?"""

from __future__ import annotations

import click

from agents.log import EventLog
from helpdesk_tui.commands.output import print_json
from helpdesk_tui.commands.sessions import find_session


@click.group()
def audit() -> None:
    """Check the log's hash chain."""


@audit.command()
@click.argument("session_id", metavar="[SESSION]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(ctx: click.Context, session_id: str | None, as_json: bool) -> None:
    """Check every event of the log, or of one SESSION; exit 1 where the chain is broken."""
    with EventLog.open() as log:
        chosen = find_session(log, session_id).id if session_id else None
        verdict = log.verify(chosen)
        place = log.path
    broken = verdict.broken
    if as_json:
        fault = broken and {
            "seq": broken.seq,
            "n": broken.n,
            "session": broken.session,
            "id": broken.id,
            "reason": broken.reason,
        }
        print_json({"ok": verdict.ok, "checked": verdict.checked, "session": chosen, "broken": fault})
    elif broken is None:
        what = f"session {chosen}" if chosen else str(place)
        click.echo(f"{what}: {verdict.checked} events, chain intact")
    else:
        name = f"event {broken.id or '(gone)'}, place {broken.n} of session {broken.session}"
        click.echo(f"{place}: chain broken at seq {broken.seq}: {broken.reason} ({name})")
    ctx.exit(0 if verdict.ok else 1)
