"""The approvals on the screen: the list, the card that scrolls, the choices that never leave the screen."""

from __future__ import annotations

from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input

from helpdesk_tui.keys import bindings
from helpdesk_tui.messages import CopyWanted, Decided, EvidenceWanted, RefreshWanted
from helpdesk_tui.pane import Pane
from helpdesk_tui.panes.approvals import card
from helpdesk_tui.panes.approvals.options import Options
from helpdesk_tui.panes.approvals.state import COLUMNS, ApprovalsState, Ask
from helpdesk_tui.paper import Span, block
from helpdesk_tui.paper_view import LineView, PaperView
from helpdesk_tui.row_list import RowList

_EMPTY = "Nothing waits for a decision. Reads never ask; every change does."


class Typed(Input):
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
    PLACES = ("card", "rows")
    BINDINGS = bindings("rows")

    def __init__(self, state: ApprovalsState) -> None:
        super().__init__()
        self.state = state
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
        self._sent = ""
        """The approval whose decision is on its way."""
        self._complaint = ""
        """What was wrong with the last try, until something is typed."""

    def compose(self) -> ComposeResult:
        yield from (self.rows, self.head, self.scrolled, self.status, self.typed, self.options)
        yield self.filter

    def on_mount(self) -> None:
        super().on_mount()
        self.rows.can_focus = False

    def home(self) -> Widget:
        return self.options

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
        """Stay on the card that is up while it waits, or until the next one waits."""
        looked_at = self.state.asks.get(self.ask.id) if self.ask else None
        waiting = self.state.pending(now)
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
        version = (ask.id, state, ask.note, id(ask.approval), id(ask.outcome))
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
        if choice == "reason":
            self._ask_for_reason()
        else:
            self._decide(choice)

    def _decide(self, choice: str) -> None:
        ask = self.ask
        if ask is None or self._sent or self._now is None or ask.state_at(self._now) != "pending":
            return
        typed = self.typed.value.strip()
        if choice == "approve" and ask.confirmation and typed != ask.confirmation:
            self._complaint = f"type {ask.confirmation} first, exactly"
            self._draw_status(ask, self._now)
            self.screen.set_focus(self.typed)
            return
        self._sent = ask.id
        approve = choice == "approve"
        self.post_message(
            Decided(
                ask.id, "approve" if approve else "deny",
                reason=typed if choice == "reason" else "",
                confirmation=typed if approve else "",
                unlock=approve and ask.locked,
                call_sha256=str(ask.approval.get("call_sha256", "")),
                failed=self.decision_failed,
            )
        )  # fmt: skip
        self.screen.set_focus(self.options)
        self._draw_status(ask, self._now)

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
            case "approve" if ask.confirmation:
                self.screen.set_focus(self.typed)
            case "reason":
                self._ask_for_reason()
            case "refresh":
                self.post_message(RefreshWanted(ask.id))
            case "why":
                self.post_message(EvidenceWanted(ask.evidence()))
            case "copy":
                self.action_copy()
            case "up" | "down":
                self._scroll(-1 if what == "up" else 1)
            case "next" | "previous":
                self._turn(1 if what == "next" else -1)

    def _scroll(self, by: int) -> None:
        self.scrolled.scroll_relative(y=by * max(self.scrolled.size.height // 2, 1), animate=False)

    def _turn(self, by: int) -> None:
        rows = self.rows.rows
        if self._now is None or len(rows) < 2 or self.ask is None:
            return
        here = next((i for i, row in enumerate(rows) if row.key == self.ask.id), 0)
        self._show(self.state.asks[rows[(here + by) % len(rows)].key], self._now)

    def action_copy(self) -> None:
        if self.ask is not None:
            self.post_message(CopyWanted(f"{self.head.text()}\n{self.body.text()}", "the card"))

    def badge(self, now: datetime) -> int:
        """How many wait for a decision."""
        return len(self.state.pending(now))
