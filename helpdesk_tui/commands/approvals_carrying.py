"""What the operator wants of an approval, carried to its agent; and what is known where the line breaks off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.governance.approval import Approval
from agents.kernel.event import Event
from agents.log import ApprovalRow, EventLog
from helpdesk_tui.commands.approvals_found import find
from helpdesk_tui.commands.left_behind import settle_left
from helpdesk_tui.described import told_again
from helpdesk_tui.elsewhere import is_elsewhere
from helpdesk_tui.exchange import carry, token_in
from inventory.errors import BAD_INPUT, INTERRUPTED, NOT_COMPLETED, UserError

if TYPE_CHECKING:
    from agents.kernel.recorder import Item
    from agents.protocol.client import AgentClient
    from inventory.target import Target

Wish = Callable[["AgentClient", Approval], AsyncIterator["Item"]]


def carried(
    row: ApprovalRow, wish: Wish, *, dsn: str | None = None, token_file: Path | None = None
) -> list[Event]:
    """Carry a wish about a waiting approval to its agent; the events that came of it, which are in the log.

    Raises UserError; where it broke off, with what the log then tells of the approval.
    """
    with told_if_broken(partial(what_became_of, row)):
        events = sent(row, wish, dsn=dsn, token_file=token_file)
        last = next((event.body for event in reversed(events) if event.kind == "task"), {})
        if last.get("state") == "failed":
            # It was killed, and is back already: what it says of its task is no answer.
            raise UserError(str(last.get("text") or "its task failed"), NOT_COMPLETED)
        return events


def sent(
    row: ApprovalRow, wish: Wish, *, dsn: str | None = None, token_file: Path | None = None
) -> list[Event]:
    """As `carried`, of an approval in any state. Raises UserError."""
    approval = Approval.from_json(row.approval)
    target, token = _target(approval, dsn), token_in(token_file)
    return carry(
        lambda client: wish(client, approval),
        agent=row.agent,
        session=row.session,
        target=target,
        token=token,
    )


@contextmanager
def told_if_broken(known: Callable[[], str]) -> Iterator[None]:
    """Where what is within breaks off after it may have been sent, add to its error what is `known` then."""
    from agents.protocol.errors import AgentLost

    try:
        yield
    except KeyboardInterrupt:
        raise UserError(f"interrupted; {known()}", INTERRUPTED) from None
    except AgentLost as error:
        raise UserError(f"agent {error.agent} is gone: {error.why}; {known()}", error.exit_code) from error
    except UserError as error:
        if error.exit_code == BAD_INPUT:
            raise
        raise UserError(f"{error}; {known()}", error.exit_code) from error


def what_became_of(before: ApprovalRow) -> str:
    """What the log tells of an approval since `before`, and the command that looks again."""
    local = _is_local(before.agent)
    with EventLog.open() as log:
        settle_left(log)
        now = log.approval(before.id) or before
    look = f"helpdesk approvals show {now.id}{'' if local or is_elsewhere(now) else ' --refresh'}"
    return f"{_known(before, now, local=local)}; look again: {look}"


def _known(before: ApprovalRow, now: ApprovalRow, *, local: bool) -> str:
    """Whether it arrived, and what came of it, as far as the log tells."""
    changed = (now.state, now.given) != (before.state, before.given)
    if local and not changed:
        # What a local agent does is in the log before it says so.
        return f"it did not arrive: the approval {now.said}"
    if not changed or (_is_foreign(now) and now.outcome is None):
        # Of a remote agent there is what was heard; of a foreign one's approval, also what we sent.
        return "whether it arrived is not known"
    told = (now.outcome or now.decision or {}).get("text") or (now.outcome or {}).get("reason")
    match now.state:
        case "refused":
            return f"nothing was done: {told}"
        case "expired":
            return "nothing was done: the approval has expired"
        case "pending":
            needed = Approval.from_json(now.approval).approvers
            return f"it arrived: {len(now.given)} of {needed} agree"
        case _:
            return f"it arrived: the approval {now.said}{f': {told}' if told else ''}"


def look_again(row: ApprovalRow, dsn: str | None) -> None:
    """Have an approval's agent say what is new of it; where it waits, the facts are read again. Raises UserError."""
    if is_elsewhere(row):
        return
    if not _is_local(row.agent):
        sent(row, lambda client, _: client.resume(row.agent, row.task, row.session, row.target))
    now = find(row.id)
    if now.state == "pending" and not _is_foreign(now):
        sent(row, lambda client, asked: client.refresh(asked), dsn=dsn)


def _is_foreign(row: ApprovalRow) -> bool:
    """Whether another maker's agent or system asked for it."""
    return bool(row.approval["why"].get("foreign"))


def _is_local(agent: str) -> bool:
    from agents.protocol.experts import EXPERTS

    return agent in EXPERTS


def _target(approval: Approval, dsn: str | None) -> Target | None:
    """How to reach it: as given, else as the inventory says (None), else as its session does."""
    from inventory.registry import load
    from inventory.target import Target

    if dsn:
        return Target.from_dsn(dsn, name=approval.call.target, **_about(approval.target))
    described = approval.target
    if not described.get("database") or approval.call.target in load().targets:
        return None
    return told_again(described)


def _about(target: Mapping[str, Any]) -> dict[str, Any]:
    """What the inventory said of the target when the approval was asked: it is part of what is bound."""
    return {
        "environment": target.get("environment", ""),
        "sensitivity": tuple(target.get("sensitivity", ())),
        "tags": tuple(target.get("tags", ())),
    }
