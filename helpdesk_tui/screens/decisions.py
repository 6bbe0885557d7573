"""All approvals and grants of the session: what was decided, and what still holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from agents.governance.grant import Grant
from helpdesk_tui import marks, words
from helpdesk_tui.keys import bindings
from helpdesk_tui.panes.approvals.state import ApprovalsState, Ask
from helpdesk_tui.paper import Span
from helpdesk_tui.row_list import RowList
from helpdesk_tui.rows import Column, Row
from helpdesk_tui.wishes import RevokeWanted

COLUMNS = (
    Column("state", 10),
    Column("asked", 8),
    Column("what"),
    Column("target", 16, from_width=84),
    Column("by", 18, from_width=100),
)
GRANT = "grant:"


class DecisionsScreen(ModalScreen[str]):
    """A list of approvals and grants; Enter opens a card, r takes a grant back."""

    BINDINGS = bindings("decisions")

    def __init__(self, state: ApprovalsState, now: datetime) -> None:
        super().__init__()
        self._state = state
        self._now = now
        self.rows = RowList(COLUMNS, empty="nothing was asked for in this session yet")

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = Content.assemble(("Approvals and grants of this session", "bold"))
        box.border_subtitle = Content("Enter opens · r takes a grant back · Esc closes")
        with box:
            yield self.rows

    def on_mount(self) -> None:
        self.rows.focus()
        self.sync(self._now)

    def sync(self, now: datetime) -> None:
        """Show them as they are now."""
        self._now = now
        self.rows.show(list(self._rows()))

    def _rows(self) -> Iterator[Row]:
        yield from (_grant_row(grant, self._now) for grant in self._state.grants())
        yield from (_row(ask, self._now) for ask in self._state.shown(self._now))

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        event.stop()
        if event.key.startswith(GRANT):
            self.notify("r takes this grant back", markup=False)
        else:
            self.dismiss(event.key)

    def action_revoke(self) -> None:
        grant = next((g for g in self._state.grants() if f"{GRANT}{g.id}" == self.rows.key), None)
        if grant is None:
            self.notify("go to a grant first", markup=False)
        elif not grant.live(self._now):
            self.notify("this grant is over already", markup=False)
        else:
            self.app.post_message(RevokeWanted(grant.id))

    def action_close(self) -> None:
        self.dismiss("")


def _row(ask: Ask, now: datetime) -> Row:
    state = ask.state_at(now)
    who = str(ask.decision.get("by") or ", ".join(ask.given) or ask.approval.get("asked_by") or "")
    asked = words.clock(str(ask.approval.get("created_at", "")))
    return Row(
        ask.id,
        (
            marks.APPROVAL[state].span(),
            Span(asked, "dim"),
            Span(ask.action, "strong" if state == "pending" else ""),
            Span(ask.target, "dim"),
            Span(who.removeprefix("operator:"), "dim"),
        ),
    )


def _grant_row(grant: Grant, now: datetime) -> Row:
    live = grant.live(now)
    state = Span("● live", "warn") if live else Span("– revoked" if grant.revoked else "– over", "dim")
    what = f"grant: {grant.tool}, {grant.used} of {grant.count} used, until {words.clock(grant.until)}"
    target = str(grant.target.get("name", ""))
    by = grant.by.removeprefix("operator:")
    return Row(
        f"{GRANT}{grant.id}",
        (state, Span(""), Span(what, "strong" if live else "dim"), Span(target, "dim"), Span(by, "dim")),
    )
