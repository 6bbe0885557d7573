"""`helpdesk audit`: is the log still what was written?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from agents.command_group import CommandGroup
from agents.log import Break, EventLog, Verdict
from agents.log.anchor import read_anchors
from agents.log.anchoring import Anchoring, to_file, to_syslog
from agents.log.outputs import read_output
from agents.log.settings import audit_path, load_audit
from helpdesk_tui.commands.audit_export import export
from helpdesk_tui.commands.audit_purge import purge
from helpdesk_tui.commands.counting import counting
from helpdesk_tui.commands.output import print_json, print_text
from helpdesk_tui.commands.sessions import any_session
from inventory.errors import NOT_COMPLETED, UserError

_KEY = re.compile(r"[0-9a-fA-F]{64}")


@click.group(cls=CommandGroup)
def audit() -> None:
    """Check the log, keep its head elsewhere, hand it on, and purge what is no longer needed."""


audit.add_command(export)
audit.add_command(purge)


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
    metavar="SOCKET|[tcp:]HOST:PORT",
    help="Send it to a syslog too, such as /dev/log, loghost:514 (UDP) or tcp:loghost:514, out of reach from here.",
)
@click.option(
    "--send", is_flag=True, help="Send it to the places of audit.toml too, as the workbench does by itself."
)
def anchor(output: Path | None, syslog: str | None, send: bool) -> None:
    """The head of the log as one line of JSON. Whoever cuts the log short afterwards is seen.

    `helpdesk audit verify --anchor FILE` checks the log against all heads in FILE. Exit 3 where a place did not
    take it.
    """
    with EventLog.open() as log:
        made = log.anchor()
        place = log.path
        refused = _sent(log) if send else []
    if made is None:
        raise UserError(f"{place}: the log is empty, so it has no head; helpdesk triage TARGET begins one")
    if refused:
        raise UserError("; ".join(refused), NOT_COMPLETED)
    if syslog is not None:
        to_syslog(syslog, made)
    if output is None:
        print_text(made.line())
        return
    to_file(output, made)
    print_text(f"{output}: event {made.seq} of {place}")


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
    """Check every event of the log, or of one SESSION, and the outputs kept beside it; exit 1 where it is broken.

    Purged events are told with who purged them, when and why.
    """
    if key is not None and not _KEY.fullmatch(key):
        raise UserError(
            f"--key {key!r}: expected the 64 hex digits of a public key, as verify --json prints it"
        )
    anchors = read_anchors(anchor_file) if anchor_file else []
    with EventLog.open() as log, counting("checked") as progress:
        chosen = any_session(log, session_id) if session_id else None
        verdict = log.verify(chosen, anchors, progress)
        place = log.path
    if as_json:
        print_json({
            "ok": verdict.ok, "checked": verdict.checked, "session": chosen, "anchors": len(anchors),
            "purges": [asdict(told) for told in verdict.purges],
            "broken": asdict(verdict.broken) if verdict.broken else None,
        })  # fmt: skip
    elif verdict.broken is not None:
        print_text(f"{place}: {_told(verdict.broken)}")
    else:
        what = f"session {chosen}" if chosen else str(place)
        held = f", {len(anchors)} anchors hold" if anchors else ""
        print_text(f"{what}: {verdict.checked} events, chain intact{held}")
        for line in _purges(verdict):
            print_text(line)
    others = [told for told in verdict.purges if key is not None and told.key != key.lower()]
    for told in others:
        print_text(f"helpdesk: session {told.session} was purged under another key: {told.key}", err=True)
    ctx.exit(0 if verdict.ok and not others else 1)


@audit.command()
def reindex() -> None:
    """Make the search index anew from the events, where verify finds it damaged."""
    with EventLog.open() as log, counting("indexed") as progress:
        count = log.reindex(progress)
        place = log.path
    print_text(f"{place}: {count} events indexed")


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
        print_text(f"helpdesk: cut after {body['characters']} characters", err=True)


def _sent(log: EventLog) -> list[str]:
    """Send the head to the places of audit.toml; what went wrong, in lines. Raises UserError where there is none."""
    if not (places := load_audit().anchors):
        raise UserError(f"{audit_path()}: no place under [anchors], expected file, syslog or webhook")
    return Anchoring(log, places).send()


def _told(broken: Break) -> str:
    """Where it breaks, and why."""
    if not broken.seq:
        return broken.reason
    name = f" (event {broken.id}, place {broken.n} of session {broken.session})" if broken.id else ""
    return f"broken at seq {broken.seq}: {broken.reason}{name}"


def _purges(verdict: Verdict) -> Sequence[str]:
    own = load_audit().public_key
    return [
        f"session {purge.session}: {purge.events} events purged by {purge.by} at {purge.at[:19]}Z"
        f"{f' ({purge.reason})' if purge.reason else ''}, signed with "
        + ("this account's key" if purge.key == own else f"key {purge.key}, which is not this account's")
        for purge in verdict.purges
    ]
