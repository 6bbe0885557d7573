"""The approvals on the screen: the list, the card that scrolls, the choices that never leave the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input

from agents.governance.approval import confirms
from helpdesk_tui.keys import bindings
from helpdesk_tui.messages import CallPolicyWanted, CopyWanted, Decided, EvidenceWanted, RefreshWanted
from helpdesk_tui.pane import Pane
from helpdesk_tui.panes.approvals import card
from helpdesk_tui.panes.approvals.forms import approve, deny, edit_form, grant_form
from helpdesk_tui.panes.approvals.options import Options
from helpdesk_tui.panes.approvals.state import COLUMNS, ApprovalsState, Ask
from helpdesk_tui.paper import Span, block
from helpdesk_tui.paper_view import LineView, PaperView
from helpdesk_tui.row_list import RowList
from helpdesk_tui.screens.decisions import DecisionsScreen
from helpdesk_tui.typed import PlainInput
from helpdesk_tui.wishes import EditWanted, UndoWanted, WithdrawWanted

FRESH_S = 20.0
"""Whoever comes to a card, or to its approval, decides on facts of this age at most: older ones are read again."""
COMPLAINT_S = 6.0
"""So long a complaint stands where the time left does: it is read in two or three."""
_EMPTY = "Nothing waits for a decision. Reads never ask; every change does."


class Typed(PlainInput):
    """What the operator types to confirm, or why not; Esc goes back to the choices."""

    def __init__(self) -> None:
        super().__init__(compact=True, id="typed")
        self.cursor_blink = False


class CardBody(VerticalScroll, can_focus=False):
    """The part of the card that scrolls."""


class ApprovalsPane(Pane):
    """Approvals."""

    NAME = "approvals"
    TITLE = "Approvals"
    KEY = "F5"
    PLACES = ("decision", "card", "rows")
    BINDINGS = bindings("rows")

    def __init__(self, state: ApprovalsState) -> None:
        super().__init__()
        self.state = state
        self.operator = ""
        """The principal of who sits here."""
        self.rows = RowList(COLUMNS, titles=False, id="asks")
        self.head = PaperView(id="card-head")
        self.body = PaperView(id="card-text")
        self.scrolled = CardBody(self.body, id="card-body")
        self.status = LineView(id="card-status")
        self.typed = Typed()
        self.options = Options(self._chosen, self._wanted)
        self.ask: Ask | None = None
        self._now: datetime | None = None
        self._drawn: object = None
        self._looked_up = ""
        """The approval that was opened by hand: it stays until another one begins to wait."""
        self._waiting: frozenset[str] = frozenset()
        self._drafts: dict[str, dict[str, str]] = {}
        """Edits that were sent, by approval: what the executor did not accept can be typed on."""
        self._sent = ""
        """The approval whose decision is on its way."""
        self._read_again: dict[str, datetime] = {}
        """When facts were last read again by themselves, by approval."""
        self._complaint = ""
        """What was wrong with the last try, until something is typed or a while has passed."""
        self._complained: datetime | None = None

    def compose(self) -> ComposeResult:
        yield from (self.rows, self.head, self.scrolled, self.status, self.typed, self.options)
        yield self.filter

    def on_mount(self) -> None:
        super().on_mount()
        self.rows.can_focus = False

    def home(self) -> Widget:
        return self.options

    def places(self) -> tuple[str, ...]:
        if self.ask is None:
            return ("rows",)
        if self.options.enabled:
            return ("decision", "card", "rows")
        return ("done", "card", "rows") if self.ask.can_undo else ("card", "rows")

    # what events and the clock changed

    def sync(self, now: datetime) -> None:
        """Show the approvals as they are now, and the card of the one that is looked at."""
        self._now = now
        sent = self.state.asks.get(self._sent)
        if sent is not None and (sent.state_at(now) != "pending" or sent.note):
            self._sent = ""
        rows = self.state.rows(now, self.needle)
        self.rows.show(rows)
        self.rows.display = len(rows) > 1
        self.rows.styles.height = min(len(rows), 3)
        waiting = len(self.state.pending(now))
        self.retitle((Span(f"◆ {waiting} waiting" if waiting else "", "warn"),))
        self.set_class(waiting > 0, "-waiting")
        self.set_class(bool(rows), "-some")
        self._show(self._which(now), now)

    def _which(self, now: datetime) -> Ask | None:
        """Stay on the card that is up while it waits or was opened by hand, or until the next one waits."""
        looked_at = self.state.asks.get(self.ask.id) if self.ask else None
        waiting = self.state.pending(now)
        before, self._waiting = self._waiting, frozenset(ask.id for ask in waiting)
        if self._waiting - before:
            self._looked_up = ""
        if self._looked_up in self.state.asks:
            return self.state.asks[self._looked_up]
        if looked_at and (looked_at in waiting or looked_at.id == self._sent or not waiting):
            return looked_at
        return self.state.current(now)

    def _show(self, ask: Ask | None, now: datetime) -> None:
        new = ask is not None and (self.ask is None or ask.id != self.ask.id)
        self.ask = ask
        for part in (self.scrolled, self.status, self.options):
            part.display = ask is not None
        if ask is None:
            self.typed.display = False
            self.head.show([block(Span(_EMPTY, "dim"))])
            return
        self._draw(ask, now)
        open_ = ask.state_at(now) == "pending"
        if new or open_ != self.options.enabled:
            self.options.reset(enabled=open_)
            self._ask_for_typing(ask if open_ else None)
            self.scrolled.scroll_home(animate=False)
        self.rows.cursor = next((i for i, row in enumerate(self.rows.rows) if row.key == ask.id), 0)

    def _draw(self, ask: Ask, now: datetime) -> None:
        state = ask.state_at(now)
        version = (ask.id, state, ask.note, id(ask.approval), id(ask.outcome), ask.locked, ask.role)
        if version != self._drawn:
            self._drawn = version
            self.head.show(card.head(ask, now))
            self.body.show(card.body(ask, now))
        self._draw_status(ask, now)

    def _draw_status(self, ask: Ask, now: datetime) -> None:
        line = card.status(ask, now)
        if self._sent == ask.id:
            line = (Span("› decision sent …", "accent"),)
        elif self._complaint:
            line = (Span(f"✗ {self._complaint}", "bad"),)
        self.status.show(line)

    def tick(self, now: datetime) -> None:
        """Once a second while a card waits: its age and the time left."""
        self._now = now
        if self._complained and (now - self._complained).total_seconds() > COMPLAINT_S:
            self._complaint, self._complained = "", None
        if self.ask is None or self.ask.state != "pending":
            return
        if self.ask.state_at(now) != "pending":
            self.sync(now)
        else:
            self._draw_status(self.ask, now)

    def filter_changed(self) -> None:
        if self._now is not None:
            self.sync(self._now)

    # typing

    def _ask_for_typing(self, ask: Ask | None) -> None:
        self.typed.display = bool(ask and ask.confirmation)
        self.typed.value = ""
        if ask is not None:
            self.typed.placeholder = f"to approve, type {ask.confirmation} here"

    def _ask_for_reason(self) -> None:
        self.typed.display = True
        self.typed.placeholder = "why not? Enter denies with this reason"
        self.typed.value = ""
        self.screen.set_focus(self.typed)

    def on_key(self, event: object) -> None:
        key = getattr(event, "key", "")
        if self.typed.has_focus and key == "escape":
            self.back_to_options()
            event.stop()  # type: ignore[attr-defined]

    def back_to_options(self) -> None:
        """Leave the typing and go back to deny."""
        self.options.choice = "deny"
        self._ask_for_typing(self.ask)
        self.screen.set_focus(self.options)
        self.options.draw()

    @on(Input.Changed, "#typed")
    def _typing(self, event: Input.Changed) -> None:
        event.stop()
        self._complaint = ""

    @on(Input.Submitted, "#typed")
    def _typed_done(self, event: Input.Submitted) -> None:
        event.stop()
        self._decide("reason" if self.options.choice == "reason" else "approve")

    # keys

    def _chosen(self, choice: str) -> None:
        if choice in {"reason", "why"}:
            self._wanted(choice)
        else:
            self._decide(choice)

    def _decide(self, choice: str) -> None:
        ask = self.ask
        if ask is None or self._sent or self._now is None or ask.state_at(self._now) != "pending":
            return
        typed = self.typed.value.strip()
        if choice == "approve" and ask.confirmation and not confirms(typed, ask.confirmation):
            self._complain(ask, f"type {ask.confirmation} first, exactly", self._now)
            self.screen.set_focus(self.typed)
            return
        if choice == "approve":
            self._send(approve(ask, typed))
        else:
            self._send(deny(ask, typed if choice == "reason" else ""))

    def _send(self, decided: Decided) -> None:
        """Send a decision, and take no other one until it has come back."""
        ask = self.state.asks[decided.approval]
        self._sent = ask.id
        self.post_message(replace(decided, failed=self.decision_failed))
        self.screen.set_focus(self.options)
        if self._now is not None:
            self._draw_status(ask, self._now)

    def _complain(self, ask: Ask, text: str, now: datetime) -> None:
        """Say in the status line why something was not done."""
        self._complaint, self._complained = text, now
        self._draw_status(ask, now)

    def decision_failed(self, approval: str) -> None:
        """The decision did not get through: let it be made again."""
        if self._sent == approval:
            self._sent = ""
            self.options.reset()

    def _wanted(self, what: str) -> None:
        ask = self.ask
        if ask is None:
            return
        match what:
            case "look":
                self._freshen(ask)
            case "approve":
                self._freshen(ask)
                if ask.confirmation:
                    self.screen.set_focus(self.typed)
            case "reason":
                self._ask_for_reason()
            case "copy":
                self.action_copy()
            case "decisions":
                self.show_all()
            case "up" | "down":
                self._scroll(-1 if what == "up" else 1)
            case "next" | "previous":
                self._turn(1 if what == "next" else -1)
            case _:
                self._wanted_of(ask, what)

    def _wanted_of(self, ask: Ask, what: str) -> None:
        """What is done with the card that is up."""
        match what:
            case "refresh":
                self.post_message(RefreshWanted(ask.id))
            case "why":
                self.post_message(EvidenceWanted(ask.evidence()))
            case "explain":
                self.post_message(CallPolicyWanted({}, ask.target, ask.id))
            case "undo":
                self.undo(ask)
            case "edit" | "grant" | "withdraw":
                self._open_form(what, ask)

    def _freshen(self, ask: Ask) -> None:
        """Have the facts of a card that is looked at read again where they are old."""
        if self._now is None or ask.foreign or self._sent or ask.state_at(self._now) != "pending":
            return
        last = self._read_again.get(ask.id)
        age = ask.facts_age(self._now)
        if (
            age is not None
            and age > FRESH_S
            and (last is None or (self._now - last).total_seconds() > FRESH_S)
        ):
            self._read_again[ask.id] = self._now
            self.post_message(RefreshWanted(ask.id))

    def _open_form(self, what: str, ask: Ask) -> None:
        """Edit, grant or withdraw, or say why that is not for this approval."""
        complaint = self._not_for(what, ask)
        if self._now is None:
            return
        if complaint:
            self._complain(ask, complaint, self._now)
        elif what == "edit":
            draft = self._drafts.get(ask.id, {})
            self.app.push_screen(edit_form(ask, draft, partial(self._edit, ask.id)))
        elif what == "grant":
            self.app.push_screen(grant_form(ask, self._now, self._send))
        else:
            self.post_message(WithdrawWanted(ask.id))

    def _not_for(self, what: str, ask: Ask) -> str:
        if self._sent == ask.id:
            return "a decision is on its way"
        match what:
            case "grant":
                return ask.no_grant()
            case "edit" if ask.foreign:
                return "its agent takes no edit: deny it and ask anew"
            case "withdraw" if self.operator not in ask.given:
                return f"{self.operator} has not approved it"
            case _:
                return ""

    def _edit(self, approval: str, arguments: dict[str, Any], typed: Mapping[str, str]) -> None:
        self._drafts[approval] = dict(typed)
        self.post_message(EditWanted(approval, arguments))

    def undo(self, ask: Ask) -> None:
        """Ask for the undo of an action, or say why it has none."""
        if ask.can_undo:
            self.post_message(UndoWanted(ask.id))
        else:
            self.notify(ask.undo if ask.state == "done" else "nothing was done, so there is nothing to undo")

    def show_all(self) -> None:
        """All approvals and grants of the session, in a list; the one that is chosen comes up here."""
        if self._now is not None:
            self.app.push_screen(DecisionsScreen(self.state, self._now), self.look_up)

    def look_up(self, approval: str | None) -> None:
        """Open a card by hand."""
        if approval in self.state.asks and self._now is not None:
            self._looked_up = approval
            self._show(self.state.asks[approval], self._now)
            self.screen.set_focus(self.options)

    def _scroll(self, by: int) -> None:
        self.scrolled.scroll_relative(y=by * max(self.scrolled.size.height // 2, 1), animate=False)

    def _turn(self, by: int) -> None:
        rows = self.rows.rows
        if self._now is None or len(rows) < 2 or self.ask is None:
            return
        here = next((i for i, row in enumerate(rows) if row.key == self.ask.id), 0)
        self._looked_up = rows[(here + by) % len(rows)].key
        self._show(self.state.asks[self._looked_up], self._now)

    def action_copy(self) -> None:
        if self.ask is not None:
            self.post_message(CopyWanted(f"{self.head.text()}\n{self.body.text()}", "the card"))

    def badge(self, now: datetime) -> int:
        """How many wait for a decision."""
        return len(self.state.pending(now))
