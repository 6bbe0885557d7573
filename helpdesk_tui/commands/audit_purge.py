"""`helpdesk audit purge`: take sessions out of the log for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from agents.governance.roles import roles_path, safely_loaded
from agents.kernel.event import Event
from agents.log import EventLog, SessionRow
from agents.log.outputs import forget_outputs
from agents.log.settings import audit_path, load_audit, sign
from agents.protocol.kept_tasks import forget
from helpdesk_tui.commands.output import confirmed, print_table, print_text
from helpdesk_tui.commands.sessions import find_session
from helpdesk_tui.session import operator
from inventory.errors import UserError

_TARGETS = ("session.opened", "target.selected")


@click.command()
@click.option("--before", metavar="DATE", help="Sessions that were last used before it (YYYY-MM-DD, UTC).")
@click.option("--session", "session_id", metavar="ID", help="This session.")
@click.option("--reason", default="", help="Kept in the tombstone.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_context
def purge(ctx: click.Context, before: str | None, session_id: str | None, reason: str, yes: bool) -> None:
    """Take what whole sessions hold out of the log for good; a signed tombstone stays in the chain.

    Without --before and --session, those older than keep_days in audit.toml. Bundles and anchors that were made
    of them stay where they are. Where there is a roles.toml, only an admin may.
    """
    if before and session_id:
        raise UserError("--before and --session together, expected one of them")
    with EventLog.open() as log:
        doomed = [_named(log, session_id)] if session_id else _old(log, before)
        for row in doomed:
            if refusal := _refusal(log, row):
                if session_id:
                    # Where old ones are looked for, this would make them young again.
                    body = {"text": f"not purged: {refusal}", "by": operator()}
                    log.append(Event("note", row.id, body, operator(), target=row.target))
                raise UserError(f"session {row.id}: {refusal}")
        print_table(
            ["SESSION", "LAST USED (UTC)", "EVENTS", "TARGET", "TITLE"],
            [(row.id, row.last_at[:19], row.events, row.target, row.title) for row in doomed],
            empty="No session is that old.",
        )
        if doomed and not yes and not confirmed(f"Purge {len(doomed)} for good?"):
            click.echo("Nothing was purged.")
            ctx.exit(1)
        left: list[str] = []
        whole = True
        for row in doomed:
            try:
                whole = _purged(log, row, reason) and whole
            except UserError as error:
                left.append(str(error))
    if not whole:
        click.echo(
            "helpdesk: another process holds the log; the file may keep old pages until the next purge",
            err=True,
        )
    if left:
        raise UserError("; ".join(left))


def _purged(log: EventLog, row: SessionRow, reason: str) -> bool:
    """Purge one session and what is beside the log; whether the file holds nothing of it any more."""
    count, gone = log.purge(row.id, operator(), reason, sign)
    forget(log.path.parent, row.id)
    forget_outputs(log.path, row.id)
    print_text(f"session {row.id}: {count} events purged")
    return gone


def _named(log: EventLog, session_id: str) -> SessionRow:
    """The session; one that was purged before too, so that what a broken purge left beside the log goes as well."""
    if any(row.id == session_id for row in log.sessions()) or not (left := log.events(session_id)):
        return find_session(log, session_id)
    return SessionRow(session_id, left[0].event.at, left[-1].event.at, "", 0, "purged before")


def _old(log: EventLog, before: str | None) -> list[SessionRow]:
    """Sessions last used before the date, or before what audit.toml keeps."""
    if before is not None:
        try:
            limit = datetime.strptime(before, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise UserError(f"--before {before!r}: expected a date such as 2026-01-31") from None
    else:
        days = load_audit().keep_days
        if days is None:
            raise UserError(f"give --before DATE or --session ID, or keep_days in {audit_path()}")
        limit = datetime.now(UTC) - timedelta(days=days)
    return [row for row in log.sessions() if datetime.fromisoformat(row.last_at) < limit]


def _refusal(log: EventLog, row: SessionRow) -> str:
    """Why the operator may not purge what is known of these targets; empty where they may."""
    roles = safely_loaded(roles_path())
    told = [item.event.body.get("target") for item in log.events(row.id, kinds=_TARGETS)]
    targets = [found for found in told if found] or [{"name": row.target}]
    return next(filter(None, (roles.refusal(operator(), "purge", target) for target in targets)), "")
