"""`helpdesk audit`: is the log still what was written?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from agents.command_group import CommandGroup
from agents.governance.roles import roles_path, safely_loaded
from agents.log import EventLog, SessionRow, Verdict
from agents.log.anchor import read_anchors
from agents.log.anchoring import to_file, to_syslog
from agents.log.outputs import forget_outputs, read_output
from agents.log.settings import audit_path, load_audit, sign
from agents.protocol.kept_tasks import forget
from helpdesk_tui.commands.output import print_json, print_table, print_text
from helpdesk_tui.commands.sessions import find_session
from helpdesk_tui.session import operator
from inventory.errors import UserError

_TARGETS = ("session.opened", "target.selected")


@click.group(cls=CommandGroup)
def audit() -> None:
    """Check the log's hash chain, keep its head elsewhere, and purge what is no longer needed."""


@audit.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Add it to FILE as a line, rather than print it. Keep FILE on another machine.",
)
@click.option(
    "--syslog",
    metavar="SOCKET|HOST:PORT",
    help="Send it to a syslog too, such as /dev/log or loghost:514 (UDP), which keeps it out of reach from here.",
)
def anchor(output: Path | None, syslog: str | None) -> None:
    """The head of the log as one line of JSON. Whoever cuts the log short afterwards is seen.

    `helpdesk audit verify --anchor FILE` checks the log against all heads in FILE.
    """
    with EventLog.open() as log:
        made = log.anchor()
        place = log.path
    if made is None:
        raise UserError(f"{place}: the log is empty, so it has no head; helpdesk triage TARGET begins one")
    if syslog is not None:
        to_syslog(syslog, made)
    if output is None:
        click.echo(made.line())
        return
    to_file(output, made)
    click.echo(f"{output}: event {made.seq} of {place}")


@audit.command()
@click.argument("session_id", metavar="[SESSION]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--anchor",
    "anchor_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Heads of the log that `helpdesk audit anchor` wrote: tells whether its end was cut off.",
)
@click.option(
    "--key", metavar="HEX", help="Public key that purges must be signed with; exit 1 where one is not."
)
@click.pass_context
def verify(
    ctx: click.Context, session_id: str | None, as_json: bool, anchor_file: Path | None, key: str | None
) -> None:
    """Check every event of the log, or of one SESSION; exit 1 where the chain is broken.

    Purged events are told with who purged them, when and why.
    """
    anchors = read_anchors(anchor_file) if anchor_file else []
    with EventLog.open() as log:
        chosen = _chosen(log, session_id)
        verdict = log.verify(chosen, anchors)
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
        print_json(
            {
                "ok": verdict.ok,
                "checked": verdict.checked,
                "session": chosen,
                "anchors": len(anchors),
                "purges": [asdict(purge) for purge in verdict.purges],
                "broken": fault,
            }
        )
    elif broken is None:
        what = f"session {chosen}" if chosen else str(place)
        held = f", {len(anchors)} anchors hold" if anchors else ""
        click.echo(f"{what}: {verdict.checked} events, chain intact{held}")
        for line in _purges(verdict):
            print_text(line)
    else:
        name = f"event {broken.id or '(gone)'}, place {broken.n} of session {broken.session}"
        click.echo(f"{place}: chain broken at seq {broken.seq}: {broken.reason} ({name})")
    others = [purge for purge in verdict.purges if key is not None and purge.key != key.lower()]
    for purge in others:
        click.echo(f"helpdesk: session {purge.session} was purged under another key: {purge.key}", err=True)
    ctx.exit(0 if verdict.ok and not others else 1)


@audit.command()
@click.option("--before", metavar="DATE", help="Sessions that were last used before it (YYYY-MM-DD, UTC).")
@click.option("--session", "session_id", metavar="ID", help="This session.")
@click.option("--reason", default="", help="Kept in the tombstone.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def purge(before: str | None, session_id: str | None, reason: str, yes: bool) -> None:
    """Take what whole sessions hold out of the log for good; a signed tombstone stays in the chain.

    Without --before and --session, those older than keep_days in audit.toml. Bundles and anchors that were made
    of them stay where they are. Where there is a roles.toml, only an admin may.
    """
    if before and session_id:
        raise UserError("--before and --session together, expected one of them")
    with EventLog.open() as log:
        doomed = [_named(log, session_id)] if session_id else _old(log, before)
        for row in doomed:
            _check_may_purge(log, row)
        print_table(
            ["SESSION", "LAST USED (UTC)", "EVENTS", "TARGET", "TITLE"],
            [(row.id, row.last_at[:19], row.events, row.target, row.title) for row in doomed],
            empty="No session is that old.",
        )
        if doomed and not yes:
            click.confirm(f"Purge {len(doomed)} for good?", abort=True)
        whole = True
        for row in doomed:
            count, gone = log.purge(row.id, operator(), reason, sign)
            forget(log.path.parent, row.id)
            forget_outputs(log.path, row.id)
            whole = whole and gone
            click.echo(f"session {row.id}: {count} events purged")
    if not whole:
        click.echo(
            "helpdesk: another process holds the log; the file may keep old pages until the next purge",
            err=True,
        )


@audit.command()
@click.argument("evidence")
def output(evidence: str) -> None:
    """The whole output of a tool whose EVIDENCE (such as E0123456789) holds a part of it."""
    with EventLog.open() as log:
        kept = log.kept_output(evidence)
        place = log.path
    if kept is None:
        raise UserError(
            f"{place}: nothing is kept of {evidence} beyond the evidence; helpdesk session show has that"
        )
    body = kept.event.body
    print_text(read_output(place, kept.event.session, str(body["sha256"])))
    if body["cut"]:
        click.echo(f"helpdesk: cut after {body['characters']} characters", err=True)


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


def _check_may_purge(log: EventLog, row: SessionRow) -> None:
    """Raise UserError where the roles do not let the operator purge what is known of these targets."""
    roles = safely_loaded(roles_path())
    told = [item.event.body.get("target") for item in log.events(row.id, kinds=_TARGETS)]
    for target in [found for found in told if found] or [{"name": row.target}]:
        if refusal := roles.refusal(operator(), "purge", target):
            raise UserError(f"session {row.id}: {refusal}")


def _chosen(log: EventLog, session_id: str | None) -> str | None:
    """The session to check; one that was purged is known by its whole id alone."""
    if session_id is None:
        return None
    return session_id if log.events(session_id) else find_session(log, session_id).id


def _purges(verdict: Verdict) -> Sequence[str]:
    own = load_audit().public_key
    return [
        f"session {purge.session}: {purge.events} events purged by {purge.by} at {purge.at[:19]}Z"
        f"{f' ({purge.reason})' if purge.reason else ''}, signed with "
        + ("this account's key" if purge.key == own else f"key {purge.key}, which is not this account's")
        for purge in verdict.purges
    ]
