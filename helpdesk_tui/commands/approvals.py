"""`helpdesk approvals`: what waits for a decision, what was decided, and the commands that decide."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, datetime

import click

from agents.command_group import CommandGroup
from agents.kernel.records import Evidence
from agents.log import ApprovalRow, EventLog
from helpdesk_tui import marks
from helpdesk_tui.commands import approvals_deciding
from helpdesk_tui.commands.approvals_carrying import look_again
from helpdesk_tui.commands.approvals_found import all_grants, find, find_ask, next_commands, row_json
from helpdesk_tui.commands.evidence import print_evidence
from helpdesk_tui.commands.left_behind import settle_left
from helpdesk_tui.commands.output import print_json, print_table, print_text
from helpdesk_tui.elsewhere import look_elsewhere, once
from helpdesk_tui.exchange import fetch
from helpdesk_tui.panes.approvals import card
from helpdesk_tui.panes.approvals.state import Ask
from helpdesk_tui.paper import BLANK, Block, lay_out, plain

WIDEST = 110


@click.group(cls=CommandGroup)
def approvals() -> None:
    """What waits for a decision, and what was decided.

    ID is the id of an approval, or four or more characters that it alone begins or ends with.

    \b
    Examples:
      helpdesk approvals list --waiting
      helpdesk approvals show 5ab1f00d --refresh
      helpdesk approvals approve 5ab1f00d --unlock --reason INC-7
      helpdesk approvals deny 5ab1f00d --reason "not before the backup"
      helpdesk approvals edit 5ab1f00d value=on
      helpdesk approvals undo 5ab1f00d
    \b
    Exit codes: 0 done as asked, 1 not: it was refused, did not succeed, or needs
    more people, 2 usage or bad input, 3 could not be completed; the line on
    standard error then says what is known of it.
    """


for _command in approvals_deciding.COMMANDS:
    approvals.add_command(_command)


@approvals.command("list")
@click.option("--waiting", "--pending", is_flag=True, help="Only those that still wait.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_approvals(waiting: bool, as_json: bool) -> None:
    """Approvals, oldest first; also those that wait at the systems of approvals.toml, asked just now."""
    with EventLog.open() as log:
        settle_left(log)
        look_elsewhere(log)
        rows = once(log.approvals(pending_only=waiting))
    if as_json:
        print_json([row_json(row) for row in rows])
        return
    print_table(
        ["APPROVAL", "STATE", "RISK", "TARGET", "ACTION"],
        [
            (row.id, marks.APPROVAL[row.state].word, row.approval["risk"], row.target,
             row.approval["preview"]["action"])
            for row in rows
        ],
        empty="No approval waits." if waiting else "No approval was ever asked for.",
    )  # fmt: skip


@approvals.command()
@click.argument("approval_id", metavar="ID")
@click.option("--refresh", is_flag=True, help="Ask its agent first: facts read just now, and what is new.")
@click.option("--evidence", is_flag=True, help="Print the statements and rows behind it, too.")
@click.option("--target", "dsn", metavar="DSN", help="With --refresh: how to reach the target.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(approval_id: str, refresh: bool, evidence: bool, dsn: str | None, as_json: bool) -> None:
    """One approval as the card in the workbench shows it, and the commands that decide on it."""
    if refresh:
        look_again(find(approval_id), dsn)
    row, ask = find_ask(approval_id)
    behind = _evidence(row, ask) if evidence else []
    if as_json:
        print_json(
            {**row_json(row), **({"evidence": [item.to_json() for item in behind]} if evidence else {})}
        )
        return
    width = min(shutil.get_terminal_size((100, 24)).columns, WIDEST)
    print_text(_card(ask, datetime.now(UTC), width))
    for item in behind:
        print_evidence(item, width)
    if commands := next_commands(row, ask):
        print_text("\n" + "\n".join(commands))


def _card(ask: Ask, now: datetime, width: int) -> str:
    waits = ask.state_at(now) == "pending"
    left = [Block(card.status(ask, now, "--unlock opens")), BLANK] if waits else []
    return plain(lay_out([*card.head(ask, now), BLANK, *left, *card.body(ask, now)], width))


def _evidence(row: ApprovalRow, ask: Ask) -> list[Evidence]:
    """The evidence behind it, in the order of the card."""
    with EventLog.open() as log:
        events = log.events(row.session, kinds=("evidence",))
    known = {item.event.body["evidence"]["id"]: item.event.body["evidence"] for item in events}
    known |= {item["id"]: item for item in ask.preview.get("evidence", ())}
    return [Evidence.from_json(known[id]) for id in ask.evidence() if id in known]


@approvals.command("fetch")
@click.argument("agent")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def fetch_waiting(agent: str, as_json: bool) -> None:
    """Look for what waits at AGENT of agents.toml, whoever asked for it, so that you can decide on it."""
    events = fetch(agent)
    asked = {e.body["approval"]["id"]: e.body["approval"] for e in events if e.kind == "approval.requested"}
    if as_json:
        print_json(list(asked.values()))
        return
    print_table(
        ["APPROVAL", "RISK", "FOR", "ACTION"],
        [(key, one["risk"], one["asked_by"], one["preview"]["action"]) for key, one in asked.items()],
        empty=f"No approval waits at {agent}.",
    )


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
