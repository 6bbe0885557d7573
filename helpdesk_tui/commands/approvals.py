"""`helpdesk approvals`: what waits for a decision, what was decided, and deciding without the screen."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agents.command_group import CommandGroup
from agents.governance.approval import Approval, Decision, Terms
from agents.kernel.event import Event
from agents.log import ApprovalRow, EventLog
from helpdesk_tui.commands.approvals_found import all_grants, find, find_ask, next_commands, row_json
from helpdesk_tui.commands.output import print_json, print_table, print_text
from helpdesk_tui.described import told_again
from helpdesk_tui.elsewhere import is_elsewhere, look_elsewhere, once
from helpdesk_tui.exchange import carry, decide_elsewhere, fetch, token_in
from helpdesk_tui.panes.approvals import card
from helpdesk_tui.paper import BLANK, Block, lay_out, plain
from helpdesk_tui.session import operator
from helpdesk_tui.spans import seconds_of
from inventory.errors import UserError

if TYPE_CHECKING:
    from inventory.target import Target

ENDED = ("denied", "done", "failed", "refused")
"""States of an approval that no decision changes any more."""


@click.group(cls=CommandGroup)
def approvals() -> None:
    """What waits for a decision, and what was decided."""


@approvals.command("list")
@click.option("--pending", is_flag=True, help="Only those that still wait.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_approvals(pending: bool, as_json: bool) -> None:
    """Approvals, oldest first; also those that wait at the systems of approvals.toml, asked just now."""
    with EventLog.open() as log:
        look_elsewhere(log)
        rows = once(log.approvals(pending_only=pending))
    if as_json:
        print_json([row_json(row) for row in rows])
        return
    print_table(
        ["APPROVAL", "STATE", "RISK", "TARGET", "ACTION"],
        [
            (row.id, row.state, row.approval["risk"], row.target, row.approval["preview"]["action"])
            for row in rows
        ],
        empty="No approval waits." if pending else "No approval was ever asked for.",
    )


@approvals.command()
@click.argument("approval_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(approval_id: str, as_json: bool) -> None:
    """One approval as the card in the workbench shows it. ID may be the end of one."""
    row, ask = find_ask(approval_id)
    if as_json:
        print_json(row_json(row))
        return
    now = datetime.now(UTC)
    width = min(shutil.get_terminal_size((100, 24)).columns, 110)
    left = [Block(card.status(ask, now)), BLANK] if ask.state_at(now) == "pending" else []
    blocks = [*card.head(ask, now), BLANK, *left, *card.body(ask, now)]
    print_text(plain(lay_out(blocks, width)))
    click.echo(f"\napproval {row.id}, {row.state}")
    print_text("\n".join(next_commands(row, ask)))


_ID = click.argument("approval_id", metavar="ID")
_CONFIRM = click.option(
    "--confirm", default="", metavar="TEXT", help="What the card asks to be typed: pid or name."
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


@approvals.command()
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


@approvals.command()
@_ID
@_REASON
@_TOKEN
@click.pass_context
def deny(ctx: click.Context, approval_id: str, reason: str, token_file: Path | None) -> None:
    """Deny an approval."""
    ctx.exit(_decide(approval_id, Decision("", "deny", "", reason), None, token_file, "approval.decided"))


@approvals.command("fetch")
@click.argument("agent")
def fetch_waiting(agent: str) -> None:
    """Look for what waits at AGENT of agents.toml, whoever asked for it, so that you can decide on it."""
    events = fetch(agent)
    asked = {e.body["approval"]["id"]: e.body["approval"] for e in events if e.kind == "approval.requested"}
    print_table(
        ["APPROVAL", "RISK", "FOR", "ACTION"],
        [(key, one["risk"], one["asked_by"], one["preview"]["action"]) for key, one in asked.items()],
        empty=f"No approval waits at {agent}.",
    )


@approvals.command()
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
    decision = Decision(
        "", "approve", "", reason, confirm, unlock, grant=Terms(count, seconds_of(span, "--for"))
    )
    ctx.exit(_decide(approval_id, decision, dsn, token_file, "action.finished"))


@approvals.command()
@_ID
@click.argument("arguments", metavar="NAME=VALUE...", nargs=-1, required=True)
@_TARGET
@_TOKEN
@click.pass_context
def edit(
    ctx: click.Context, approval_id: str, arguments: tuple[str, ...], dsn: str | None, token_file: Path | None
) -> None:
    """Change arguments of a waiting approval: checked and previewed again, as an approval of its own."""
    row = find(approval_id)
    approval = Approval.from_json(row.approval)
    wanted = {**approval.call.arguments, **_arguments(approval, arguments)}
    events = carry(
        lambda client: client.edit(approval, wanted),
        agent=row.agent,
        session=row.session,
        target=_target(approval, dsn),
        token=token_in(token_file),
    )
    _tell(events)
    ctx.exit(_asked(events))


@approvals.command()
@_ID
@_REASON
@_TARGET
@_TOKEN
@click.pass_context
def withdraw(
    ctx: click.Context, approval_id: str, reason: str, dsn: str | None, token_file: Path | None
) -> None:
    """Take your own yes back, while others who must approve have not yet."""
    row = find(approval_id)
    approval = Approval.from_json(row.approval)
    events = carry(
        lambda client: client.withdraw(approval, reason),
        agent=row.agent,
        session=row.session,
        target=_target(approval, dsn),
        token=token_in(token_file),
    )
    _tell(events)
    ctx.exit(0 if any(event.kind == "approval.withdrawn" for event in events) else 1)


@approvals.command()
@_ID
@_TARGET
@_TOKEN
@click.pass_context
def undo(ctx: click.Context, approval_id: str, dsn: str | None, token_file: Path | None) -> None:
    """Ask for what undoes an action that was done: an approval of its own, that waits for a decision."""
    row = find(approval_id)
    approval = Approval.from_json(row.approval)
    events = carry(
        lambda client: client.undo(approval),
        agent=row.agent,
        session=row.session,
        target=_target(approval, dsn),
        token=token_in(token_file),
    )
    _tell(events)
    ctx.exit(_asked(events))


@approvals.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def grants(as_json: bool) -> None:
    """Grants of all sessions, and what is left of them."""
    with EventLog.open() as log:
        found = all_grants(log)
    if as_json:
        print_json([{**asdict(item), "session": session, "live": item.live()} for session, _, item in found])
        return
    print_table(
        ["GRANT", "STATE", "TOOL", "TARGET", "USED", "UNTIL (UTC)", "BY"],
        [
            (
                item.id, "live" if item.live() else "revoked" if item.revoked else "over", item.tool,
                item.target.get("name", ""), f"{item.used}/{item.count}", item.until[:19], item.by,
            )
            for _, _, item in found
        ],
        empty="No grant was ever given.",
    )  # fmt: skip


@approvals.command()
@click.argument("grant_id", metavar="GRANT")
@_REASON
@_TOKEN
@click.pass_context
def revoke(ctx: click.Context, grant_id: str, reason: str, token_file: Path | None) -> None:
    """Take a grant back: nothing more is done on it. `helpdesk approvals grants` lists them."""
    with EventLog.open() as log:
        found = [entry for entry in all_grants(log) if entry[2].id.endswith(grant_id)]
    if len(found) != 1:
        raise UserError(f"grant {grant_id!r}: {len(found)} match; helpdesk approvals grants lists them")
    session, agent, item = found[0]
    events = carry(
        lambda client: client.revoke(agent, session, item.id, reason),
        agent=agent,
        session=session,
        token=token_in(token_file),
    )
    _tell(events)
    ctx.exit(0 if any(event.kind == "grant.revoked" for event in events) else 1)


def _decide(approval_id: str, decision: Decision, dsn: str | None, token_file: Path | None, done: str) -> int:
    row = find(approval_id)
    approval = Approval.from_json(row.approval)
    sent = replace(decision, approval=row.id, call_sha256=approval.call_sha256)
    if is_elsewhere(row):
        return _decide_elsewhere(row, approval, sent, token_file)
    if row.state in ENDED:
        raise _waits_no_more(row)
    events = carry(
        lambda client: client.answer(approval, sent),
        agent=row.agent,
        session=row.session,
        target=_target(approval, dsn),
        token=token_in(token_file),
    )
    _tell(events)
    if approval.why.get("foreign"):
        # Its agent acts, nothing of ours: that it took the decision is all that is known here.
        _tell_refusals(events)
        done = "approval.decided"
    return 0 if any(event.kind == done and event.body.get("ok", True) for event in events) else 1


def _waits_no_more(row: ApprovalRow) -> UserError:
    return UserError(f"approval {row.id} does not wait any more: it is {row.state}", 1)


def _tell_refusals(events: list[Event]) -> None:
    for event in events:
        if event.kind in ("note", "action.refused"):
            print_text(str(event.body.get("text") or event.body["reason"]))


def _decide_elsewhere(row: ApprovalRow, approval: Approval, sent: Decision, token_file: Path | None) -> int:
    """0 where the system took the decision."""
    if token_file is not None:
        raise UserError(f"{approval.agent} knows no token of roles.toml; it is told the user of this account")
    if row.state != "pending":
        raise _waits_no_more(row)
    events = decide_elsewhere(approval, sent)
    _tell_refusals(events)
    decided = [event for event in events if event.kind == "approval.decided"]
    for event in decided:
        word = "approved" if event.body["decision"] == "approve" else "denied"
        print_text(f"{word.capitalize()} at {approval.agent} by {event.body['by']}.")
    return (
        0
        if any(
            event.body["approval"] == sent.approval and event.body["by"] == operator() for event in decided
        )
        else 1
    )


def _tell(events: list[Event]) -> None:
    for event in events:
        if event.kind == "message":
            print_text(str(event.body["text"]))


def _asked(events: list[Event]) -> int:
    """0 where a new approval waits, whose id is printed; else 1."""
    asked = [event.body["approval"] for event in events if event.kind == "approval.requested"]
    for approval in asked:
        click.echo(f"helpdesk approvals show {approval['id']}")
    return 0 if asked else 1


def _target(approval: Approval, dsn: str | None) -> Target | None:
    """How to reach it: as given, else as the inventory says (None), else as its session does."""
    from inventory.registry import load
    from inventory.target import Target

    if dsn:
        return Target.from_dsn(dsn, name=approval.call.target, **_about(approval))
    described = approval.target
    if not described.get("database") or approval.call.target in load().targets:
        return None
    return told_again(described)


def _arguments(approval: Approval, given: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE as arguments: text stays text where it was text, else the value is JSON."""
    found: dict[str, Any] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UserError(f"{item!r}: expected NAME=VALUE, such as value=on")
        try:
            found[name] = value if isinstance(approval.call.arguments.get(name), str) else json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _about(approval: Approval) -> dict[str, Any]:
    """What the inventory said of the target when the approval was asked: it is part of what is bound."""
    target = approval.target
    return {
        "environment": target.get("environment", ""),
        "sensitivity": tuple(target.get("sensitivity", ())),
        "tags": tuple(target.get("tags", ())),
    }
