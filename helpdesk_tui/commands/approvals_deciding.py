"""Deciding without the screen: approve, deny, grant, edit, withdraw, undo, revoke."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from agents.governance.approval import Approval, Decision, Terms
from agents.kernel.event import Event
from agents.log import ApprovalRow
from helpdesk_tui.commands.approvals_carrying import carried, sent, told_if_broken, what_became_of
from helpdesk_tui.commands.approvals_found import ask_of, find, find_grant
from helpdesk_tui.commands.output import print_text
from helpdesk_tui.elsewhere import is_elsewhere
from helpdesk_tui.exchange import carry, decide_elsewhere, token_in
from helpdesk_tui.session import operator
from helpdesk_tui.spans import seconds_of
from inventory.errors import UserError

REFUSED = 1

_ID = click.argument("approval_id", metavar="ID")
_CONFIRM = click.option(
    "--confirm", default="", metavar="TEXT", help="What must be repeated from the card: a pid or a name."
)
_UNLOCK = click.option("--unlock", is_flag=True, help="Also unlock the target for changes in this session.")
_REASON = click.option("--reason", default="", help="Kept with the decision.")
_TARGET = click.option(
    "--target",
    "dsn",
    metavar="DSN",
    help="How to reach the target; default: as inventory.toml says, or the session.",
)
_TOKEN = click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Who decides, where roles.toml knows this token; else the user of this account.",
)


@click.command()
@_ID
@_CONFIRM
@_UNLOCK
@_REASON
@_TARGET
@_TOKEN
@click.pass_context
def approve(
    ctx: click.Context,
    approval_id: str,
    confirm: str,
    unlock: bool,
    reason: str,
    dsn: str | None,
    token_file: Path | None,
) -> None:
    """Approve exactly what `show` shows, once; exit 1 where it was refused, did not succeed or needs more people."""
    decision = Decision("", "approve", "", reason, confirm, unlock)
    ctx.exit(_decide(approval_id, decision, dsn, token_file, "action.finished"))


@click.command()
@_ID
@_REASON
@_TOKEN
@click.pass_context
def deny(ctx: click.Context, approval_id: str, reason: str, token_file: Path | None) -> None:
    """Deny an approval: nothing is done, and nobody can approve it any more."""
    ctx.exit(_decide(approval_id, Decision("", "deny", "", reason), None, token_file, "approval.decided"))


@click.command()
@_ID
@click.option("--count", type=int, default=3, show_default=True, help="How many calls after this one.")
@click.option(
    "--for", "span", default="30m", show_default=True, metavar="TIME", help="How long: 45s, 30m, 2h."
)
@_CONFIRM
@_UNLOCK
@_REASON
@_TARGET
@_TOKEN
@click.pass_context
def grant(
    ctx: click.Context,
    approval_id: str,
    count: int,
    span: str,
    confirm: str,
    unlock: bool,
    reason: str,
    dsn: str | None,
    token_file: Path | None,
) -> None:
    """Approve, and with it the next calls of this tool on this target in this session. Never what is destructive."""
    terms = Terms(count, seconds_of(span, "--for"))
    decision = Decision("", "approve", "", reason, confirm, unlock, grant=terms)
    ctx.exit(_decide(approval_id, decision, dsn, token_file, "action.finished"))


@click.command()
@_ID
@click.argument("arguments", metavar="NAME=VALUE...", nargs=-1, required=True)
@_TARGET
@_TOKEN
@click.pass_context
def edit(
    ctx: click.Context, approval_id: str, arguments: tuple[str, ...], dsn: str | None, token_file: Path | None
) -> None:
    """Change arguments of a waiting approval: checked and previewed again, as an approval of its own.

    \b
    Example:
      helpdesk approvals edit 5ab1f00d name=log_lock_waits value=on
    """
    row = _waiting(approval_id)
    before = Approval.from_json(row.approval).call.arguments
    wanted = {**before, **dict(_argument(item, before) for item in arguments)}
    events = carried(row, lambda client, old: client.edit(old, wanted), dsn=dsn, token_file=token_file)
    ctx.exit(_asked(events))


@click.command()
@_ID
@_REASON
@_TARGET
@_TOKEN
@click.pass_context
def withdraw(
    ctx: click.Context, approval_id: str, reason: str, dsn: str | None, token_file: Path | None
) -> None:
    """Take your own yes back, while others who must approve have not yet."""
    row = _waiting(approval_id)
    events = carried(
        row, lambda client, given: client.withdraw(given, reason), dsn=dsn, token_file=token_file
    )
    ctx.exit(_told(events, "approval.withdrawn"))


@click.command()
@_ID
@_TARGET
@_TOKEN
@click.pass_context
def undo(ctx: click.Context, approval_id: str, dsn: str | None, token_file: Path | None) -> None:
    """Ask for what undoes an action that was done: an approval of its own, that waits for a decision."""
    row = find(approval_id)
    with told_if_broken(lambda: "look whether it was asked for: helpdesk approvals list"):
        events = sent(row, lambda client, done: client.undo(done), dsn=dsn, token_file=token_file)
    ctx.exit(_asked(events))


@click.command()
@click.argument("grant_id", metavar="GRANT")
@_REASON
@_TOKEN
@click.pass_context
def revoke(ctx: click.Context, grant_id: str, reason: str, token_file: Path | None) -> None:
    """Take a grant back: nothing more is done on it. `helpdesk approvals grants` lists them."""
    session, agent, given = find_grant(grant_id)
    token = token_in(token_file)
    with told_if_broken(lambda: "look whether it was revoked: helpdesk approvals grants"):
        events = carry(
            lambda client: client.revoke(agent, session, given.id, reason),
            agent=agent, session=session, token=token,
        )  # fmt: skip
    ctx.exit(_told(events, "grant.revoked"))


COMMANDS: Sequence[click.Command] = (approve, deny, grant, edit, withdraw, undo, revoke)


def _decide(approval_id: str, decision: Decision, dsn: str | None, token_file: Path | None, done: str) -> int:
    row = _waiting(approval_id)
    approval = Approval.from_json(row.approval)
    made = replace(decision, approval=row.id, call_sha256=approval.call_sha256)
    _check_complete(row, made)
    if is_elsewhere(row):
        with told_if_broken(partial(what_became_of, row)):
            return _decide_elsewhere(approval, made, token_file)
    events = carried(row, lambda client, asked: client.answer(asked, made), dsn=dsn, token_file=token_file)
    if not approval.why.get("foreign"):
        return _told(events, done)
    # Its agent acts, nothing of ours: that it took the decision is all that is known here.
    _tell_refusals(events)
    return _told(events, "approval.decided")


def _waiting(approval_id: str) -> ApprovalRow:
    """The approval, if it waits. Raises UserError, with exit 1 where it does not any more."""
    row = find(approval_id)
    if row.state != "pending":
        raise UserError(f"approval {row.id} does not wait any more: it {row.said}", REFUSED)
    return row


def _check_complete(row: ApprovalRow, decision: Decision) -> None:
    """Raise UserError where a yes lacks what this approval needs, as options of the command."""
    if decision.decision != "approve":
        return
    ask, missing = ask_of(row), []
    if ask.confirmation and decision.confirmation.strip() != ask.confirmation:
        missing.append(f"--confirm {shlex.quote(ask.confirmation)}")
    if ask.locked and not decision.unlock:
        missing.append(f"--unlock, as {ask.target} is read-only in this session")
    if missing:
        raise UserError(f"approval {row.id} needs {' and '.join(missing)}; nothing was decided", REFUSED)


def _decide_elsewhere(approval: Approval, made: Decision, token_file: Path | None) -> int:
    """0 where the system took the decision."""
    if token_file is not None:
        raise UserError(f"{approval.agent} knows no token of roles.toml; it is told the user of this account")
    events = decide_elsewhere(approval, made)
    _tell_refusals(events)
    decided = [event.body for event in events if event.kind == "approval.decided"]
    for body in decided:
        word = "Approved" if body["decision"] == "approve" else "Denied"
        print_text(f"{word} at {approval.agent} by {body['by']}.")
    own = any(body["approval"] == made.approval and body["by"] == operator() for body in decided)
    return 0 if own else REFUSED


def _told(events: Sequence[Event], done: str) -> int:
    """Print what the agent said; 0 where there is an event of the kind `done` that went well."""
    for event in events:
        if event.kind == "message":
            print_text(str(event.body["text"]))
    return 0 if any(event.kind == done and event.body.get("ok", True) for event in events) else REFUSED


def _tell_refusals(events: Sequence[Event]) -> None:
    for event in events:
        if event.kind in ("note", "action.refused"):
            print_text(str(event.body.get("text") or event.body["reason"]))


def _asked(events: Sequence[Event]) -> int:
    """Print what the agent said, and the new approval that waits; 0 where there is one."""
    code = _told(events, "approval.requested")
    for event in events:
        if event.kind == "approval.requested":
            asked = event.body["approval"]
            print_text(f"waits for an approval: {asked['preview']['action']}")
            print_text(f"helpdesk approvals show {asked['id']}")
    return code


def _argument(item: str, before: Any) -> tuple[str, Any]:
    """NAME=VALUE as an argument: text stays text where it was text, else the value is JSON."""
    name, equals, value = item.partition("=")
    if not equals or not name:
        raise UserError(f"{item!r}: expected NAME=VALUE, such as value=on")
    try:
        return name, value if isinstance(before.get(name), str) else json.loads(value)
    except ValueError:
        return name, value
