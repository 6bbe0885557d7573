"""`helpdesk approvals`: what waits for a decision, what was decided, and deciding without the screen."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import Any, Literal

import click

from agents.governance.approval import Approval, Decision
from agents.log import ApprovalRow, EventLog
from helpdesk_tui.commands.output import print_json, print_table, print_text
from helpdesk_tui.panes.approvals import card
from helpdesk_tui.panes.approvals.state import Ask
from helpdesk_tui.paper import BLANK, lay_out, plain
from helpdesk_tui.session import operator
from inventory.errors import UserError


@click.group()
def approvals() -> None:
    """What waits for a decision, and what was decided."""


@approvals.command("list")
@click.option("--pending", is_flag=True, help="Only those that still wait.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_approvals(pending: bool, as_json: bool) -> None:
    """Approvals, oldest first."""
    with EventLog.open() as log:
        rows = log.approvals(pending_only=pending)
    if as_json:
        print_json([_row_json(row) for row in rows])
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
    row = _find(approval_id)
    if as_json:
        print_json(_row_json(row))
        return
    ask = Ask(row.approval, row.state, row.decision or {}, row.outcome or {})
    now = datetime.now(UTC)
    width = min(shutil.get_terminal_size((100, 24)).columns, 110)
    blocks = [*card.head(ask, now), BLANK, *card.body(ask, now)]
    print_text(plain(lay_out(blocks, width)))
    click.echo(f"\napproval {row.id}, {row.state}")
    if row.state == "pending":
        confirm = f" --confirm {ask.confirmation}" if ask.confirmation else ""
        unlock = " --unlock" if ask.locked else ""
        click.echo(f"helpdesk approvals approve {row.id}{confirm}{unlock}")


@approvals.command()
@click.argument("approval_id", metavar="ID")
@click.option(
    "--confirm", default="", metavar="TEXT", help="What a destructive action asks for: pid or name."
)
@click.option("--unlock", is_flag=True, help="Also unlock the target for changes in this session.")
@click.option("--reason", default="", help="Kept with the decision.")
@click.option(
    "--target", "dsn", metavar="DSN", help="How to reach a target that inventory.toml doesn't know."
)
@click.pass_context
def approve(
    ctx: click.Context, approval_id: str, confirm: str, unlock: bool, reason: str, dsn: str | None
) -> None:
    """Approve exactly what `show` shows, once; exit 1 where it was refused or did not succeed."""
    ctx.exit(_decide("approve", approval_id, confirm, unlock, reason, dsn))


@approvals.command()
@click.argument("approval_id", metavar="ID")
@click.option("--reason", default="", help="Kept with the decision.")
@click.pass_context
def deny(ctx: click.Context, approval_id: str, reason: str) -> None:
    """Deny an approval."""
    ctx.exit(_decide("deny", approval_id, "", False, reason, None))


def _decide(
    choice: Literal["approve", "deny"],
    approval_id: str,
    confirmation: str,
    unlock: bool,
    reason: str,
    dsn: str | None,
) -> int:
    from helpdesk_tui.headless import run_decision
    from inventory.target import Target

    row = _find(approval_id)
    approval = Approval.from_json(row.approval)
    target = Target.from_dsn(dsn, name=row.target, **_about(approval)) if dsn else None
    decision = Decision(row.id, choice, operator(), reason, confirmation, unlock, approval.call_sha256)
    events = run_decision(approval, decision, target)
    for event in events:
        if event.kind == "message":
            print_text(str(event.body["text"]))
    done = {"approve": "action.finished", "deny": "approval.decided"}[choice]
    return 0 if any(event.kind == done and event.body.get("ok", True) for event in events) else 1


def _about(approval: Approval) -> dict[str, Any]:
    """What the inventory said of the target when the approval was asked: it is part of what is bound."""
    target = approval.target
    return {
        "environment": target.get("environment", ""),
        "sensitivity": tuple(target.get("sensitivity", ())),
        "tags": tuple(target.get("tags", ())),
    }


def _find(wanted: str) -> ApprovalRow:
    with EventLog.open() as log:
        rows = [row for row in log.approvals() if row.id == wanted or row.id.endswith(wanted)]
        place = log.path
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise UserError(f"approval {wanted!r}: {len(rows)} match; give more of the id")
    raise UserError(f"approval {wanted!r}: not in {place}; helpdesk approvals list shows those that are")


def _row_json(row: ApprovalRow) -> dict[str, object]:
    return {
        "id": row.id,
        "state": row.state,
        "session": row.session,
        "task": row.task,
        "agent": row.agent,
        "target": row.target,
        "approval": row.approval,
        "decision": row.decision,
        "outcome": row.outcome,
    }
