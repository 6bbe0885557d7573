"""`helpdesk audit`: is the log still what was written?"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import click

from agents.log import EventLog
from agents.log.anchor import Anchor, read_anchors
from helpdesk_tui.commands.output import print_json
from helpdesk_tui.commands.sessions import find_session
from inventory.errors import NOT_COMPLETED, UserError

AUTHPRIV_INFO = 10 * 8 + 6
"""Facility and severity of what is told to a syslog."""


@click.group()
def audit() -> None:
    """Check the log's hash chain."""


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
        _send(syslog, made)
    if output is None:
        click.echo(made.line())
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(made.line() + "\n")
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror})", NOT_COMPLETED) from error
    click.echo(f"{output}: event {made.seq} of {place}")


def _send(address: str, made: Anchor) -> None:
    """One datagram to a syslog, as RFC 3164 writes it."""
    host, _, port = address.rpartition(":")
    message = f"<{AUTHPRIV_INFO}>helpdesk: {made.line()}".encode()
    try:
        if not host:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
                local.sendto(message, address)
            return
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as remote:
            remote.sendto(message, place)
    except OSError as error:
        raise UserError(
            f"--syslog {address}: cannot be reached ({error.strerror or error})", NOT_COMPLETED
        ) from error


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
@click.pass_context
def verify(ctx: click.Context, session_id: str | None, as_json: bool, anchor_file: Path | None) -> None:
    """Check every event of the log, or of one SESSION; exit 1 where the chain is broken."""
    anchors = read_anchors(anchor_file) if anchor_file else []
    with EventLog.open() as log:
        chosen = find_session(log, session_id).id if session_id else None
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
                "broken": fault,
            }
        )
    elif broken is None:
        what = f"session {chosen}" if chosen else str(place)
        held = f", {len(anchors)} anchors hold" if anchors else ""
        click.echo(f"{what}: {verdict.checked} events, chain intact{held}")
    else:
        name = f"event {broken.id or '(gone)'}, place {broken.n} of session {broken.session}"
        click.echo(f"{place}: chain broken at seq {broken.seq}: {broken.reason} ({name})")
    ctx.exit(0 if verdict.ok else 1)
