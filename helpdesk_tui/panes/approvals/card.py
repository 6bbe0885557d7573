"""The card an operator decides from: what, to whom, to what effect, why, and what else could be done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from helpdesk_tui import marks, words
from helpdesk_tui.marks import ENVIRONMENT_TONE
from helpdesk_tui.panes.approvals.state import Ask
from helpdesk_tui.paper import BLANK, Block, Line, Span, block

LABEL = 10
"""Width of the column of field names."""

LONG_ARGUMENT = 60

_FACTS = (
    ("application", "app"),
    ("user", "user"),
    ("database", "db"),
    ("client", "client"),
    ("state", ""),
    ("xact_s", "transaction"),
    ("idle_s", "idle"),
    ("wrote", "wrote"),
)
"""Facts shown first, in this order, with the word before them."""
_OWN_LINE = ("query", "locks", "waiters")


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
    address = f"{target.get('host', '')}:{target.get('port', '')}/{target.get('database', '')}"
    sensitive = target.get("sensitivity") or ()
    yield block(
        *((Span(f" {environment.upper()} ", tone), " ") if environment else ()),
        Span(str(target.get("name", "")), "strong"),
        Span(f" {address} · {ask.approval.get('role') or 'role unknown'}", "dim"),
        Span(f" · {', '.join(sensitive)}" if sensitive else "", "warn"),
    )


def status(ask: Ask, now: datetime) -> Line:
    """Age of the facts, time left, and what a yes would unlock: one line that stays in sight."""
    if ask.state_at(now) != "pending":
        return (marks.APPROVAL[ask.state_at(now)].span(), Span("  [ ] other approvals", "dim"))
    age = words.since(str(ask.preview.get("captured_at", "")), now)
    parts = [
        Span(f"facts {words.seconds(age) or '?'} old", "warn" if age is not None and age > 60 else "dim"),
        Span(" · ", "dim"),
        Span(f"expires {words.countdown(ask.left(now))}", "warn" if ask.left(now) < 60 else "dim"),
    ]
    if ask.locked:
        parts += [Span(" · ", "dim"), Span("read-only: a yes unlocks it", "warn")]
    return tuple(parts)


def body(ask: Ask, now: datetime) -> list[Block]:
    """Everything else: the part that scrolls."""
    return [
        *_note(ask),
        *(_field("target", *_plain_target(ask)) if ask.state_at(now) != "pending" else ()),
        *_call(ask),
        *_victims(ask),
        *_list("effect", ask.preview.get("effect", ())),
        *_field("undo", Span(str(ask.preview.get("reversible", "")))),
        *_list("instead", ask.preview.get("alternatives", ())),
        *_why(ask),
        *_policy(ask, now),
    ]


def _result(ask: Ask, state: str) -> Iterator[Block]:
    mark = marks.APPROVAL[state]
    outcome, decision = ask.outcome, ask.decision
    text = str(outcome.get("text") or outcome.get("reason") or decision.get("reason") or "")
    who = f" by {decision['by']}" if decision.get("by") else ""
    yield block(Span(f"{mark.glyph} {mark.word.upper()}{who}  ", f"{mark.tone} strong"), text)
    if "verified" in outcome:
        words_of = {
            True: ("✓ verified by reading again", "good"),
            False: ("✗ the evidence does not confirm it", "bad"),
        }
        said, tone = words_of.get(outcome["verified"], ("? it could not be read again", "warn"))
        freed = outcome.get("freed") or ()
        pids = f": {' '.join(map(str, freed[:20]))}" if freed else ""
        yield block(Span(said, tone), f" · {words.count(len(freed), 'waiter')} freed{pids}")


def _plain_target(ask: Ask) -> list[Span]:
    target = ask.approval.get("target") or {}
    address = f"{target.get('host', '')}:{target.get('port', '')}/{target.get('database', '')}"
    return [Span(str(target.get("name", ""))), Span(f" {address} · {target.get('environment') or ''}", "dim")]


def _note(ask: Ask) -> Iterator[Block]:
    if ask.note:
        yield block(Span(f"✗ {ask.note}", "bad"))
        yield BLANK


def _field(name: str, *parts: Span | str) -> Iterator[Block]:
    yield Block(
        tuple(part if isinstance(part, Span) else Span(part) for part in parts),
        name.ljust(LABEL),
        " " * LABEL,
    )


def _list(name: str, items: Sequence[str]) -> Iterator[Block]:
    for number, item in enumerate(items):
        yield Block((Span(str(item)),), ("" if number else name).ljust(LABEL) + "• ", " " * (LABEL + 2))


def _call(ask: Ask) -> Iterator[Block]:
    """The call, verbatim; an argument of several words or lines has lines of its own."""
    call = ask.approval.get("call") or {}
    short: list[tuple[str, str]] = []
    long: list[tuple[str, str]] = []
    for name, value in _pid_first(call.get("arguments") or {}):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        (long if "\n" in text or len(text) > LONG_ARGUMENT else short).append((name, text))
    tool = Span(f"{call.get('tool', '')}  ", "code")
    yield from _field("call", tool, *_dotted(short))
    for name, text in long:
        yield from _field("", Span(f"{name} ", "dim"), Span(text, "code"))


def _pid_first(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(values.items(), key=lambda item: item[0] != "pid")


def _victims(ask: Ask) -> Iterator[Block]:
    victims = ask.preview.get("victims", ())
    for number, victim in enumerate(victims):
        name = "victim" if len(victims) == 1 else f"victim {number + 1}"
        yield from _victim(name, victim)


def _victim(name: str, victim: Mapping[str, Any]) -> Iterator[Block]:
    identity, facts = victim.get("identity") or {}, dict(victim.get("facts") or {})
    yield from _field(
        name, *_dotted((key, value) for key, value in _pid_first(identity) if value is not None)
    )
    known = [(label, facts.pop(key)) for key, label in _FACTS if key in facts]
    yield from _field("", *_dotted((label, value) for label, value in known if value not in (None, "")))
    own = [(key, facts.pop(key)) for key in _OWN_LINE if key in facts]
    rest = [(key.replace("_", " "), value) for key, value in facts.items() if value not in (None, "", [], {})]
    if rest:
        yield from _field("", *_dotted(rest))
    for key, value in own:
        yield from _own_line(key, value)


def _own_line(key: str, value: Any) -> Iterator[Block]:
    if key == "waiters":
        pids = list(value or ())
        if pids:
            listed = " ".join(str(pid) for pid in pids[:40]) + (" …" if len(pids) > 40 else "")
            yield from _field(
                "", Span(f"▲ {words.count(len(pids), 'session')} wait on it", "warn"), f" {listed}"
            )
    elif key == "locks":
        items = [value] if isinstance(value, str) else list(value or ())
        if items:
            yield from _field("", Span("holds ", "dim"), ", ".join(_text("", item) for item in items))
    elif value:
        yield from _field("", Span(str(value), "code"))


def _dotted(pairs: Any) -> Iterator[Span]:
    for number, (label, value) in enumerate(pairs):
        if number:
            yield Span(" · ", "dim")
        if label:
            yield Span(f"{label.removesuffix(' s')} ", "dim")
        yield Span(_text(label, value))


def _text(label: str, value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float() if label in {"transaction", "idle"} or label.endswith(" s"):
            return words.seconds(value)
        case str():
            return value
        case {"mode": mode, "relation": relation}:
            return f"{mode} on {relation}"
        case _:
            return json.dumps(value, ensure_ascii=False, default=str)


def _why(ask: Ask) -> Iterator[Block]:
    why = ask.approval.get("why") or {}
    if why.get("title"):
        yield from _field("why", str(why["title"]))
    ids = ask.evidence()
    if ids:
        yield from _field(
            "" if why.get("title") else "why",
            Span("evidence " + " ".join(ids), "dim"),
            Span("  e opens it", "dim"),
        )
    for cause in why.get("causes", ()):
        yield from _field("", Span("cause ", "dim"), _text("", cause))
    for item in why.get("ruled_out", ()):
        yield from _field("", Span("ruled out ", "dim"), _text("", item))


def _policy(ask: Ask, now: datetime) -> Iterator[Block]:
    approval = ask.approval
    policy = approval.get("policy") or {}
    yield from _field("policy", str(policy.get("text", "")), Span(f" ({policy.get('rule', '')})", "dim"))
    created = str(approval.get("created_at", ""))
    parked = words.seconds(words.since(created, now)) if ask.state_at(now) == "pending" else ""
    waits = f", waits for {parked}" if parked else ""
    yield from _field(
        "asked by", str(approval.get("requester", "")), Span(f" at {words.clock(created)}{waits}", "dim")
    )
    yield from _field(
        "binds",
        Span(f"this call on these victims, once: {str(approval.get('call_sha256', ''))[:16]}…", "dim"),
    )
