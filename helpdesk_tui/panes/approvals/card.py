"""The card an operator decides from: what, to whom, to what effect, why, and what else could be done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from helpdesk_tui import marks, words
from helpdesk_tui.marks import ENVIRONMENT_TONE
from helpdesk_tui.panes.approvals.fields import dotted, field, items, pid_first, value_text
from helpdesk_tui.panes.approvals.people import decided, edits, people
from helpdesk_tui.panes.approvals.state import Ask
from helpdesk_tui.paper import BLANK, Block, Line, Span, block, clip

LONG_ARGUMENT = 60
AFTERWARDS_WIDTH = 64
"""Columns for what can be done about it now, in a terminal of 80; the whole of it is on the card."""

_FACTS = (
    ("state", ""),
    ("xact_s", "transaction"),
    ("idle_s", "idle"),
    ("wrote", "wrote"),
    ("application", "app"),
    ("user", "user"),
    ("database", "db"),
    ("client", "client"),
)
"""Facts shown first, in this order, with the word before them."""
_OWN_LINE = ("query", "locks", "waiters")
_GRAVE = ("work lost: yes", "restart needed: yes", "not reversible")
OLD_S = 60.0
"""Facts of a session are hardly true for longer: it may have gone on, ended or begun another transaction."""


def head(ask: Ask, now: datetime) -> list[Block]:
    """What is asked, at whom, and once it is over what came of it: the part that never scrolls."""
    mark = marks.risk(ask.risk)
    action = block(
        Span(f"{mark.glyph} {mark.word.upper()}  ", f"{mark.tone} strong"), Span(ask.action, "strong")
    )
    state = ask.state_at(now)
    return [action, *(_where(ask) if state == "pending" else _result(ask, state))]


def _where(ask: Ask) -> Iterator[Block]:
    target = ask.approval.get("target") or {}
    environment = str(target.get("environment") or "")
    tone = ENVIRONMENT_TONE.get(environment, "chip-dim")
    sensitive = target.get("sensitivity") or ()
    yield block(
        *((Span(f" {environment.upper()} ", tone), " ") if environment else ()),
        Span(str(target.get("name", "")), "strong"),
        Span(f" {_address(ask)}", "dim"),
        Span(f" · {', '.join(sensitive)}" if sensitive else "", "warn"),
    )


def _address(ask: Ask) -> str:
    """Where the target is and what it is now; of what is no database only where it is."""
    target = ask.approval.get("target") or {}
    if "database" not in target:
        return str(target.get("host") or (f"at agent {target['agent']}" if target.get("agent") else ""))
    role = ask.role or "role unknown"
    return f"{target.get('host', '')}:{target.get('port', '')}/{target['database']} · {role}"


def status(ask: Ask, now: datetime, unlocks: str = "a yes unlocks") -> Line:
    """Age of the facts, how long it waits and may, what a yes would unlock or still lacks: one line, always in sight.

    Of one that is over: what can be done about it now.
    """
    if ask.state_at(now) != "pending":
        return (marks.APPROVAL[ask.state_at(now)].span(), Span(f"  {_afterwards(ask)}", "dim"))
    age, left = ask.facts_age(now), ask.left(now)
    waits = words.since(str(ask.approval.get("created_at", "")), now)
    parts = [
        Span(f"facts {words.seconds(age) or '?'} old", "warn" if age is None or age > OLD_S else "dim"),
        Span(f"waits {words.seconds(waits)}", "dim"),
        Span(f"expires {words.countdown(left)}", "warn" if left < 60 else "dim"),
    ]
    if ask.approvers > 1:
        parts.append(Span(f"{len(ask.given)} of {ask.approvers} agree", "warn"))
    if ask.locked:
        parts.append(Span(unlocks if ask.approvers > 1 else f"read-only: {unlocks} it", "warn"))
    return tuple(span for part in parts for span in (Span(" · ", "dim"), part))[1:]


def _afterwards(ask: Ask) -> str:
    if ask.can_undo:
        return "u asks for its undo"
    if ask.state == "done":
        return clip(ask.undo, AFTERWARDS_WIDTH)
    return "[ ] other approvals"


def body(ask: Ask, now: datetime) -> list[Block]:
    """Everything else: the part that scrolls. What is done and lost comes first: it has to be in sight at 80×24."""
    undo = str(ask.preview.get("reversible", ""))
    return [
        *_note(ask),
        *(field("target", *_plain_target(ask)) if ask.state_at(now) != "pending" else ()),
        *decided(ask),
        *(edits(ask.before, _arguments(ask)) if ask.before is not None else ()),
        *items("effect", [Span(line, _weight(line)) for line in ask.preview.get("effect", ())]),
        *field("undo", Span(undo, _weight(undo))),
        *_victims(ask),
        *_call(ask),
        *items("instead", [Span(line) for line in ask.preview.get("alternatives", ())]),
        *_why(ask),
        *people(ask, now),
    ]


def _weight(line: str) -> str:
    """The tone of an effect: what cannot be had back stands out."""
    return "warn" if line.startswith(_GRAVE) else ""


def _result(ask: Ask, state: str) -> Iterator[Block]:
    mark = marks.APPROVAL[state]
    outcome, decision = ask.outcome, ask.decision
    text = str(outcome.get("text") or outcome.get("reason") or decision.get("reason") or "")
    who = f" by {decision['by']}" if decision.get("by") else ""
    yield block(Span(f"{mark.glyph} {mark.word.upper()}{who}  ", f"{mark.tone} strong"), text)
    if "verified" in outcome and ask.risk != "read":
        words_of = {
            True: ("✓ verified by reading again", "good"),
            False: ("✗ the evidence does not confirm it", "bad"),
        }
        said, tone = words_of.get(outcome["verified"], ("? it could not be read again", "warn"))
        freed = outcome.get("freed") or ()
        pids = f" · {words.count(len(freed), 'waiter')} freed: {' '.join(map(str, freed))}" if freed else ""
        yield block(Span(said, tone), pids or (" · no waiter freed" if _had_waiters(ask) else ""))


def _plain_target(ask: Ask) -> list[Span]:
    target = ask.approval.get("target") or {}
    where = f" {_address(ask)} · {target.get('environment') or ''}".removesuffix(" · ")
    return [Span(str(target.get("name", ""))), Span(where, "dim")]


def _had_waiters(ask: Ask) -> bool:
    return any((victim.get("facts") or {}).get("waiters") for victim in ask.preview.get("victims", ()))


def _note(ask: Ask) -> Iterator[Block]:
    if ask.note:
        refused = ask.note.startswith("decision not accepted")
        yield block(Span(f"{'✗' if refused else '◆'} {ask.note}", "bad" if refused else "warn"))
        yield BLANK


def _call(ask: Ask) -> Iterator[Block]:
    """The call, verbatim; an argument of several words or lines has lines of its own."""
    call = ask.approval.get("call") or {}
    short: list[tuple[str, str]] = []
    long: list[tuple[str, str]] = []
    for name, value in pid_first(_arguments(ask)):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        (long if "\n" in text or len(text) > LONG_ARGUMENT else short).append((name, text))
    tool = Span(f"{call.get('tool', '')}  ", "code")
    yield from field("call", tool, *dotted(short))
    for name, text in long:
        yield from field("", Span(f"{name} ", "dim"), Span(text, "code"))


def _arguments(ask: Ask) -> Mapping[str, Any]:
    return (ask.approval.get("call") or {}).get("arguments") or {}


def _victims(ask: Ask) -> Iterator[Block]:
    victims = ask.preview.get("victims", ())
    for number, victim in enumerate(victims, 1):
        what = "victim" if "pid" in (victim.get("identity") or {}) else "object"
        yield from _victim(what if len(victims) == 1 else f"{what} {number}", victim, _arguments(ask))


def _victim(name: str, victim: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[Block]:
    """Whom it hits: the pid and what it does, then what else is known of it; nothing is said twice."""
    facts = {**(victim.get("identity") or {}), **(victim.get("facts") or {})}
    own = [(key, facts.pop(key, None)) for key in _OWN_LINE]
    said = [("pid", facts.pop("pid", None)), *((label, facts.pop(key, None)) for key, label in _FACTS)]
    said += [(key.replace("_", " "), value) for key, value in facts.items() if value != arguments.get(key)]
    yield from field(name, *dotted(pair for pair in said if pair[1] not in (None, "", [], {})))
    for key, value in own:
        yield from _own_line(key, value)


def _own_line(key: str, value: Any) -> Iterator[Block]:
    if key == "waiters":
        pids = list(value or ())
        if pids:
            listed = f" {' '.join(map(str, pids))}"
            yield from field("", Span(f"▲ {words.count(len(pids), 'session')} wait on it", "warn"), listed)
    elif key == "locks":
        items = [value] if isinstance(value, str) else list(value or ())
        if items:
            yield from field("", Span("holds ", "dim"), ", ".join(value_text(item) for item in items))
    elif value:
        yield from field("", Span(str(value), "code"))


def _why(ask: Ask) -> Iterator[Block]:
    why = ask.approval.get("why") or {}
    if why.get("title"):
        yield from field("why", str(why["title"]))
    ids = ask.evidence()
    if ids:
        yield from field("" if why.get("title") else "why", Span("evidence " + " ".join(ids), "dim"))
    for cause in why.get("causes", ()):
        yield from field("", Span("cause ", "dim"), value_text(cause))
    for item in why.get("ruled_out", ()):
        yield from field("", Span("ruled out ", "dim"), value_text(item))
