"""What the approvals pane shows: each approval and what became of it. No widget, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.governance.approval import Approval
from agents.governance.grant import Grant, grants_of
from agents.kernel.decisions import undone_by_tool
from agents.kernel.event import Event
from helpdesk_tui import marks, words
from helpdesk_tui.paper import Span
from helpdesk_tui.rows import Column, Row, matches

COLUMNS = (
    Column("state", 10),
    Column("action"),
    Column("target", 16, from_width=60),
    Column("left", 6, "right"),
)


@dataclass
class Ask:
    """One approval as the session knows it now."""

    approval: Mapping[str, Any]
    state: str = "pending"
    decision: Mapping[str, Any] = field(default_factory=dict)
    outcome: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    """What the executor said to a decision it did not accept, or that did not suffice."""
    given: list[str] = field(default_factory=list)
    """Who approved so far, where several must."""
    before: Mapping[str, Any] | None = None
    """The arguments before the edit that made this approval; None where none did."""
    unlocked: bool = False
    """True where its target was unlocked since it was asked."""
    seen_role: str = ""
    """Primary or standby, as the target said when its health was read; where the approval does not say it."""
    decided_at: str = ""
    ended_at: str = ""

    @property
    def id(self) -> str:
        return str(self.approval["id"])

    @property
    def risk(self) -> str:
        return str(self.approval.get("risk", ""))

    @property
    def preview(self) -> Mapping[str, Any]:
        value: Mapping[str, Any] = self.approval.get("preview") or {}
        return value

    @property
    def action(self) -> str:
        return str(self.preview.get("action") or self.approval.get("call", {}).get("tool", ""))

    @property
    def confirmation(self) -> str:
        """What must be typed before this can be approved; empty where nothing must."""
        return Approval.from_json(self.approval).to_type(self.locked)

    @property
    def locked(self) -> bool:
        """True where a yes also unlocks the target for this session."""
        return bool(self.approval.get("locked", True)) and not self.unlocked

    @property
    def foreign(self) -> bool:
        """True for another maker's request: its agent takes a yes or a no, and nothing else."""
        return bool((self.approval.get("why") or {}).get("foreign"))

    @property
    def target(self) -> str:
        return str((self.approval.get("target") or {}).get("name", ""))

    @property
    def role(self) -> str:
        """`primary` or `standby`, empty where it is not known."""
        return str(self.approval.get("role") or self.seen_role)

    @property
    def approvers(self) -> int:
        """How many different principals must approve."""
        return int(self.approval.get("approvers") or 1)

    @property
    def can_undo(self) -> bool:
        """True where it was done and what undoes it was captured before."""
        return self.state == "done" and undone_by_tool(self.outcome.get("undo"))

    @property
    def undo(self) -> str:
        """How it is undone, or that it cannot be."""
        return str(self.preview.get("reversible") or "not reversible")

    def no_grant(self) -> str:
        """Why no grant can come with a yes to this; empty where one can."""
        if self.foreign:
            return "its agent knows no grants"
        if self.risk != "write":
            return f"a {self.risk} call is approved each time; no grant can stand for it"
        if self.approvers > 1:
            return f"{self.approvers} people must approve each such call; no grant can stand for them"
        return ""

    def left(self, now: datetime) -> float:
        """Seconds until it expires; 0 from then on, and where no moment is given."""
        moment = words.when(self.approval.get("expires_at"))
        return max((moment - now).total_seconds(), 0.0) if moment else 0.0

    def facts_age(self, now: datetime) -> float | None:
        """Seconds since its victims were read; None where nobody said when."""
        return words.since(str(self.preview.get("captured_at", "")), now)

    def state_at(self, now: datetime) -> str:
        return "expired" if self.state == "pending" and not self.left(now) else self.state

    def evidence(self) -> list[str]:
        """Ids of the evidence behind it: the finding's, then the preview's, then what verified it."""
        why = self.approval.get("why") or {}
        ids = [*why.get("evidence", ()), *(item["id"] for item in self.preview.get("evidence", ()))]
        return list(dict.fromkeys([*ids, *self.outcome.get("evidence", ())]))


@dataclass
class ApprovalsState:
    """Fed by every event of the session, in order."""

    asks: dict[str, Ask] = field(default_factory=dict)
    unlocked: set[str] = field(default_factory=set)
    roles: dict[str, str] = field(default_factory=dict)
    """Target → primary or standby, as readings of its health told."""
    _granted: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def feed(self, event: Event) -> None:
        """Take one event in; kinds that the pane does not show pass by."""
        body = event.body
        match event.kind:
            case "approval.requested":
                self._asked(body["approval"])
            case "task" if body.get("state") == "canceled":
                self._cancelled(event.task)
            case "target.unlocked":
                self._lock(str(body.get("target")), unlocked=True)
            case "target.locked":
                self._lock(str(body.get("target")), unlocked=False)
            case "grant.given" | "grant.used" | "grant.revoked":
                self._granted.append((event.kind, body))
            case _:
                ask = self._of(body.get("approval"))
                if ask is not None:
                    _change(ask, event)

    def _asked(self, approval: Mapping[str, Any]) -> None:
        ask = Ask(approval)
        ask.seen_role = self.roles.get(ask.target, "")
        replaced = self.asks.get(str(approval.get("edited_from") or ""))
        if replaced is not None:
            ask.before = (replaced.approval.get("call") or {}).get("arguments") or {}
        self.asks[ask.id] = ask

    def read(self, target: str, role: str | None) -> None:
        """Take what a health reading says of a target."""
        if role and self.roles.get(target) != role:
            self.roles[target] = role
            for ask in self.asks.values():
                if ask.target == target:
                    ask.seen_role = role

    def _lock(self, target: str, *, unlocked: bool) -> None:
        (self.unlocked.add if unlocked else self.unlocked.discard)(target)
        for ask in self.asks.values():
            if ask.target == target:
                ask.unlocked = unlocked

    def grants(self) -> list[Grant]:
        """Grants of the session, the newest first."""
        return list(reversed(grants_of(self._granted).values()))

    def last_done(self) -> Ask | None:
        """The action that was done last, or None."""
        done = [ask for ask in self.asks.values() if ask.state == "done"]
        return max(done, key=lambda ask: ask.ended_at, default=None)

    def _of(self, approval: Any) -> Ask | None:
        return self.asks.get(str(approval["id"] if isinstance(approval, Mapping) else approval))

    def _cancelled(self, task: str) -> None:
        for ask in self.asks.values():
            if task and ask.state == "pending" and ask.approval.get("task") == task:
                ask.state, ask.outcome = "denied", {"reason": "the task was cancelled"}

    def pending(self, now: datetime) -> list[Ask]:
        """Those that wait for a decision, the oldest first."""
        return [ask for ask in self.asks.values() if ask.state_at(now) == "pending"]

    def shown(self, now: datetime, needle: str = "") -> list[Ask]:
        """Those that wait, then the others, the newest first."""
        waiting = self.pending(now)
        rest = [ask for ask in reversed(self.asks.values()) if ask not in waiting]
        return [ask for ask in (*waiting, *rest) if matches(f"{ask.action} {ask.state} {ask.risk}", needle)]

    def rows(self, now: datetime, needle: str = "") -> Sequence[Row]:
        """Rows for a list of COLUMNS."""
        return [_row(ask, now) for ask in self.shown(now, needle)]

    def current(self, now: datetime, key: str = "") -> Ask | None:
        """The one to show: that of `key`, else the first that waits, else the newest."""
        if key in self.asks:
            return self.asks[key]
        shown = self.shown(now)
        return shown[0] if shown else None


def _change(ask: Ask, event: Event) -> None:
    body = event.body
    match event.kind:
        case "approval.edited":
            ask.state, ask.outcome = "replaced", {"reason": f"edited by {body.get('by', '')}"}
        case "approval.refreshed":
            ask.approval, ask.note = body["approval"], ""
        case "note":
            ask.note = str(body.get("text", ""))
        case "approval.given":
            ask.given = list(dict.fromkeys([*ask.given, str(body.get("by", ""))]))
            ask.note = _progress(ask)
        case "approval.withdrawn":
            ask.given = [by for by in ask.given if by != body.get("by")]
            ask.note = f"{body.get('by', '')} took their yes back; {_progress(ask)}"
        case "approval.decided":
            ask.decision, ask.note, ask.decided_at = body, "", event.at
            ask.state = "approved" if body.get("decision") == "approve" else "denied"
        case "action.started" | "action.finished" | "action.refused" | "action.in_doubt":
            if ask.state != "replaced":
                ask.outcome, ask.state, ask.ended_at = body, _after(event), event.at


def _progress(ask: Ask) -> str:
    names = f": {', '.join(ask.given)}" if ask.given else ""
    return f"{len(ask.given)} of {ask.approvers} needed approvals{names}"


def _after(event: Event) -> str:
    match event.kind:
        case "action.started":
            return "started"
        case "action.finished":
            return "done" if event.body.get("ok") else "failed"
        case "action.in_doubt":
            return "in doubt"
        case _:
            return "refused"


def _row(ask: Ask, now: datetime) -> Row:
    state = ask.state_at(now)
    left = Span(words.countdown(ask.left(now)), "dim") if state == "pending" else Span("")
    target = str((ask.approval.get("target") or {}).get("name", ""))
    tone = "strong" if state == "pending" else "dim"
    return Row(ask.id, (marks.APPROVAL[state].span(), Span(ask.action, tone), Span(target, "dim"), left))
