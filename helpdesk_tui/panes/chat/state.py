"""What the chat shows: a list of blocks that events build up. No widget, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agents.kernel.decisions import undone_by_tool
from agents.kernel.event import Event
from agents.kernel.records import Finding
from helpdesk_tui import words
from helpdesk_tui.panes.chat.concluded import Conclusion, RemedyChoice, conclude

Kind = Literal["question", "answer", "note", "conclusion", "reasoned", "undecided", "asks"]

HISTORY = 500
MOST_CHANGED = 12
"""Lines of a changed policy that are shown: what was edited just now is hardly longer."""
"""Questions kept for recall."""


@dataclass(frozen=True, slots=True)
class ChatBlock:
    """One thing in the chat; it never changes once it is there."""

    key: str
    kind: Kind
    text: str = ""
    tone: str = ""
    at: str = ""
    who: str = ""
    choices: tuple[str, ...] = ()
    """What the number keys stand for, where the operator is asked something."""
    conclusion: Conclusion | None = None
    reasoned: Mapping[str, Any] | None = None
    """What a model concluded: the body of its event."""


@dataclass
class ChatState:
    """Fed by every event of the session, in order."""

    blocks: list[ChatBlock] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    conclusion: Conclusion | None = None
    """The last one: its remedies have the number keys."""
    tasks: dict[str, str] = field(default_factory=dict)
    """Task id → last state; those that ended are dropped."""
    since: str = ""
    """When the running task began."""
    said: str = ""
    """Text of the last answer or conclusion, for the clipboard."""
    cited: tuple[str, ...] = ()
    """Ids that a model cited since the last conclusion of the rules."""
    findings: dict[str, Finding] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    """Approvals in whose place others stand, with other arguments."""
    reversible: dict[str, str] = field(default_factory=dict)
    """Approval id → how its action is undone, or why not."""

    @property
    def working(self) -> bool:
        """True while a task runs; one that waits for the operator does not run."""
        return any(state in {"submitted", "working"} for state in self.tasks.values())

    @property
    def waiting(self) -> bool:
        return "input-required" in self.tasks.values()

    @property
    def evidence(self) -> tuple[str, ...]:
        """Ids that the last conclusion rests on; those that a model cites for it come first."""
        rules = self.conclusion.evidence if self.conclusion else ()
        return tuple(dict.fromkeys((*self.cited, *rules)))

    @property
    def remedies(self) -> tuple[RemedyChoice, ...]:
        return self.conclusion.remedies if self.conclusion else ()

    def feed(self, event: Event) -> None:
        """Take one event in; kinds that the chat does not show pass by."""
        reader = _READERS.get(event.kind)
        if reader is not None:
            reader(self, event)

    def add(self, event: Event, kind: Kind, text: str = "", tone: str = "", **more: Any) -> None:
        self.blocks.append(ChatBlock(event.id, kind, text, tone, event.at, event.agent, **more))

    def note(self, event: Event, text: str, tone: str = "dim") -> None:
        self.add(event, "note", text, tone)


def _opened(state: ChatState, event: Event) -> None:
    who = f"{event.body.get('operator', '')}@{event.body.get('host', '')}".strip("@")
    state.note(event, f"session of {words.day(event.at)}" + (f", {who}" if who else ""))


def _message(state: ChatState, event: Event) -> None:
    text = str(event.body.get("text", ""))
    if event.body.get("role") == "operator":
        state.add(event, "question", text)
        if event.body.get("answers"):
            state.note(event, f"→ {event.agent}: the answer to its question")
            return
        typed = (event.body.get("request") or {}).get("kind") not in {"remedy", "undo"}
        if typed and (not state.history or state.history[-1] != text):
            state.history = [*state.history[1 - HISTORY :], text]
    else:
        state.said = text
        state.add(event, "answer", text)


def _route(state: ChatState, event: Event) -> None:
    if not event.body.get("agent"):
        choices = tuple(map(str, event.body.get("candidates", ())))
        state.add(event, "undecided", str(event.body.get("why", "")), choices=choices)
        return
    state.note(event, f"→ {event.body.get('agent', '')}: {event.body.get('why', '')}")


def _task(state: ChatState, event: Event) -> None:
    now, text = str(event.body.get("state", "")), str(event.body.get("text", ""))
    before = state.tasks.get(event.task, "")
    if now in {"completed", "failed", "canceled", "rejected"}:
        state.tasks.pop(event.task, None)
    else:
        state.tasks[event.task] = now
        state.since = state.since if before in {"submitted", "working"} else event.at
    if now == "auth-required" or (now == "input-required" and "choices" in event.body):
        tone = "credentials" if now == "auth-required" else "words"
        state.add(event, "asks", text, tone, choices=tuple(map(str, event.body.get("choices", ()))))
    elif now in {"failed", "rejected"}:
        word = "failed" if now == "failed" else "was rejected"
        state.note(event, f"✗ the task {word}: {text or 'no reason was given'}", "bad")
    elif now == "canceled":
        said = text if text.startswith("cancelled") else ": ".join(filter(None, ("cancelled", text)))
        state.note(event, f"– {said}")


def _question(state: ChatState, event: Event) -> None:
    body = event.body
    match body.get("state"):
        case "kept":
            state.tasks.pop(event.task, None)
            why = body.get("why", "") if body.get("offered") else "it is seen to once it is back"
            state.note(event, f"◆ the question is kept for {event.agent}: {why}", "warn")
        case "resumed":
            state.tasks[event.task], state.since = "working", event.at
            state.note(event, f"→ {event.agent}: it is back, and is listened to again")
        case "dropped":
            state.note(event, "– let go of the question")


def _finding(state: ChatState, event: Event) -> None:
    found = Finding.from_json(event.body["finding"])
    state.findings[found.id] = found


def _conclusion(state: ChatState, event: Event) -> None:
    report = event.body.get("report") or {}
    state.said = str(event.body.get("text", ""))
    state.conclusion = conclude(state.said, report, state.findings, event.target, event.agent)
    state.cited = ()
    state.add(event, "conclusion", conclusion=state.conclusion)


def _reasoned(state: ChatState, event: Event) -> None:
    state.said = str(event.body.get("text", ""))
    state.cited = tuple(event.body.get("evidence") or ())
    state.add(event, "reasoned", reasoned=event.body)


def _model_notice(state: ChatState, event: Event) -> None:
    state.note(event, f"model: {event.body.get('text', '')}", "warn")


def _asked(state: ChatState, event: Event) -> None:
    approval = event.body["approval"]
    action = approval.get("preview", {}).get("action", "an action")
    state.reversible[str(approval["id"])] = str(approval.get("preview", {}).get("reversible") or "")
    state.note(event, f"◆ waits for your decision: {action}", "warn")


def _decided(state: ChatState, event: Event) -> None:
    body = event.body
    verb = "✓ approved" if body.get("decision") == "approve" else "– denied"
    reason = f": {body['reason']}" if body.get("reason") else ""
    state.note(event, f"{verb} by {body.get('by', '')}{reason}", "good" if verb[0] == "✓" else "dim")


def _finished(state: ChatState, event: Event) -> None:
    body = event.body
    checked = {True: "verified", False: "NOT verified", None: "could not be verified"}[body.get("verified")]
    glyph, tone = ("✓", "good") if body.get("ok") and body.get("verified") else ("✗", "bad")
    if body.get("ok") and body.get("verified") is None:
        glyph, tone = "?", "warn"
    freed = body.get("freed") or ()
    waiters = f"; {words.count(len(freed), 'waiter')} freed" if freed else ""
    undo = _undo(state, body) if body.get("ok") else ""
    state.note(event, f"{glyph} {str(body.get('text', '')).rstrip('.')} ({checked}{waiters}){undo}", tone)


def _undo(state: ChatState, body: Mapping[str, Any]) -> str:
    """How an action that was done is undone, or why not, as the end of a line."""
    how = state.reversible.get(str(body.get("approval")), "")
    if not how:
        return ""
    if undone_by_tool(body.get("undo")):
        return f". F7 asks for its undo: {how}"
    return f". {how[0].upper()}{how[1:]}"


def _refused(state: ChatState, event: Event) -> None:
    if str(event.body.get("approval")) in state.replaced:
        return
    state.note(event, f"✗ refused: {event.body.get('reason', '')}", "bad")


def _in_doubt(state: ChatState, event: Event) -> None:
    reason = event.body.get("reason") or event.body.get("text", "")
    state.note(event, f"? in doubt: {reason or 'it is not known whether the action happened'}", "warn")


def _agent(state: ChatState, event: Event) -> None:
    now, text = event.body.get("state"), event.body.get("text", "")
    if event.body.get("where"):
        state.note(
            event, f"{event.agent} is {now}" + (f": {text}" if text else ""), "dim" if now == "up" else "warn"
        )
        return
    if now in {"down", "restarted"}:
        state.note(
            event, f"experts {now}" + (f": {text}" if text else ""), "warn" if now == "down" else "dim"
        )


def _target(state: ChatState, event: Event) -> None:
    target = event.body.get("target") or {}
    state.note(event, f"target {target.get('name', '')}")


def _lock(state: ChatState, event: Event) -> None:
    word = "unlocked for this session" if event.kind == "target.unlocked" else "read-only again"
    state.note(event, f"{event.body.get('target', '')} is {word}", "warn" if word[0] == "u" else "dim")


def _bundle(state: ChatState, event: Event) -> None:
    state.note(event, f"bundle {event.body.get('path', '')} ({words.size(event.body.get('bytes'))})")


def _noted(state: ChatState, event: Event) -> None:
    ours = event.principal == "helpdesk"
    if event.body.get("approval") and not ours:
        # What was not accepted is on its card, and the agent's answer to it is in the chat.
        return
    state.note(event, ("✗ " if ours else "") + str(event.body.get("text", "")), "warn" if ours else "dim")


def _given(state: ChatState, event: Event) -> None:
    state.note(event, f"✓ {event.body.get('by', '')} agrees")


def _withdrawn(state: ChatState, event: Event) -> None:
    state.note(event, f"– {event.body.get('by', '')} took their yes back")


def _edited(state: ChatState, event: Event) -> None:
    state.replaced.add(str(event.body.get("approval")))
    state.note(
        event, f"the arguments were changed by {event.body.get('by', '')}: a new approval takes its place"
    )


def _grant(state: ChatState, event: Event) -> None:
    body, verb = event.body, event.kind.removeprefix("grant.")
    target = body.get("target") or ""
    name = target.get("name", "") if isinstance(target, Mapping) else target
    calls = f"{words.count(int(body['count']), 'call')} of " if body.get("count") else ""
    until = f" until {words.clock(str(body['until']))}" if body.get("until") else ""
    what = f" for {calls}{body['tool']} on {name}{until}" if body.get("tool") else ""
    who = f" by {body['by']}" if body.get("by") else ""
    state.note(event, f"grant {verb}{what}{who}", "warn" if verb == "given" else "dim")


def _policy(state: ChatState, event: Event) -> None:
    body = event.body
    if body.get("fault"):
        state.note(event, f"no change runs: {body['fault']}", "bad")
    else:
        state.note(event, f"{body.get('path')} changed; it is in force from here on", "warn")
    changed = [line for line in str(body.get("diff", "")).splitlines()[2:] if line.startswith(("+", "-"))]
    more = [f"… {len(changed) - MOST_CHANGED} more lines"] if len(changed) > MOST_CHANGED else []
    if changed:
        # The lines after the first one of a note are set in by as much.
        state.note(event, "  " + "\n".join((*changed[:MOST_CHANGED], *more)))


def _purpose(state: ChatState, event: Event) -> None:
    note = f" ({event.body['note']})" if event.body.get("note") else ""
    state.note(event, f"purpose: {event.body.get('purpose', '')}{note}")


def _purged(state: ChatState, event: Event) -> None:
    reason = f" ({event.body['reason']})" if event.body.get("reason") else ""
    text = f"{event.body.get('by')} purged what was before: {event.body.get('events')} events{reason}"
    state.note(event, text, "warn")


_READERS: Mapping[str, Callable[[ChatState, Event], None]] = {
    "session.opened": _opened,
    "message": _message,
    "route": _route,
    "question": _question,
    "task": _task,
    "finding": _finding,
    "conclusion": _conclusion,
    "model.concluded": _reasoned,
    "model.notice": _model_notice,
    "approval.requested": _asked,
    "approval.decided": _decided,
    "action.finished": _finished,
    "action.refused": _refused,
    "action.in_doubt": _in_doubt,
    "approval.given": _given,
    "approval.withdrawn": _withdrawn,
    "approval.edited": _edited,
    "grant.given": _grant,
    "grant.used": _grant,
    "grant.revoked": _grant,
    "policy.changed": _policy,
    "session.purpose": _purpose,
    "agent": _agent,
    "target.selected": _target,
    "target.unlocked": _lock,
    "target.locked": _lock,
    "bundle.created": _bundle,
    "log.purged": _purged,
    "note": _noted,
}
