"""The forms of a card: other arguments, and a yes that holds for the next calls as well."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from agents.governance.approval import Terms, confirms
from agents.governance.grant import LONGEST_S, MOST_CALLS
from helpdesk_tui.messages import Decided
from helpdesk_tui.panes.approvals.fields import pid_first
from helpdesk_tui.panes.approvals.people import edits
from helpdesk_tui.panes.approvals.state import Ask
from helpdesk_tui.paper import Block, Span, block
from helpdesk_tui.screens.form import Field, FormScreen, Values
from helpdesk_tui.spans import seconds_of
from inventory.errors import UserError
from inventory.masking import inert

CALLS, TIME, TYPED = "calls", "for", "type"
DEFAULT_CALLS, DEFAULT_TIME = "3", "30m"


def edit_form(
    ask: Ask, draft: Mapping[str, str], send: Callable[[dict[str, Any], Values], None]
) -> FormScreen:
    """Other arguments for the call, each in the form the tool's schema asks for; an empty one is left out.

    `send` gets them, and what was typed; `draft` is what was typed before and not accepted. The executor checks them again.
    """
    call = ask.approval.get("call") or {}
    before = dict(call.get("arguments") or {})
    schemas = _schemas(ask, before)

    def accept(values: Values) -> str:
        try:
            after = _arguments(values, schemas, before)
        except UserError as error:
            return str(error)
        if after == before:
            return "nothing was changed"
        send(after, values)
        return ""

    def about(values: Values) -> Iterator[Block]:
        try:
            yield from edits(before, _arguments(values, schemas, before))
        except UserError as error:
            yield block(Span(str(error), "warn"))

    fields = [
        Field(name, draft.get(name, _shown(before.get(name), schema, before, name)), _hint(schema))
        for name, schema in schemas.items()
    ]
    return FormScreen(
        f"Edit the arguments of {call.get('tool', '')}",
        fields,
        verb="check and ask anew",
        send=accept,
        about=about,
    )


def grant_form(ask: Ask, now: datetime, send: Callable[[Decided], None]) -> FormScreen:
    """A yes to this call and to the next ones of its tool on its target, with what that reaches shown before."""
    fields = [
        Field(CALLS, DEFAULT_CALLS, f"calls after this one, 1 to {MOST_CALLS}"),
        Field(TIME, DEFAULT_TIME, f"how long: 45s, 30m, 2h; at most {LONGEST_S / 3600:.0f}h"),
    ]
    if ask.confirmation:
        fields.append(Field(TYPED, "", f"{ask.confirmation}, to unlock production"))

    def accept(values: Values) -> str:
        try:
            terms = _terms(values)
        except UserError as error:
            return str(error)
        typed = values.get(TYPED, "").strip()
        if ask.confirmation and not confirms(typed, ask.confirmation):
            return f"type {ask.confirmation}, exactly"
        send(replace(approve(ask, typed), grant=terms))
        return ""

    def about(values: Values) -> Iterable[Block]:
        try:
            return list(_reach(ask, _terms(values), now))
        except UserError as error:
            return [block(Span(str(error), "warn"))]

    return FormScreen("Approve, and grant the next calls", fields, verb="approve", send=accept, about=about)


def approve(ask: Ask, typed: str) -> Decided:
    """A yes to exactly what the card shows."""
    return Decided(
        ask.id, "approve", confirmation=typed, unlock=ask.locked,
        call_sha256=str(ask.approval.get("call_sha256", "")),
    )  # fmt: skip


def deny(ask: Ask, reason: str) -> Decided:
    """A no, with a reason or without."""
    return Decided(ask.id, "deny", reason=reason, call_sha256=str(ask.approval.get("call_sha256", "")))


def _reach(ask: Ask, terms: Terms, now: datetime) -> Iterator[Block]:
    tool = str((ask.approval.get("call") or {}).get("tool", ""))
    until = (now + timedelta(seconds=terms.seconds)).astimezone().strftime("%H:%M:%S")
    yield block("This call runs now; then, without asking again:")
    yield block(Span(f"up to {terms.count} calls of {tool} on {ask.target}", "strong"), first="  ")
    yield block(Span(f"in this session, until {until}", "strong"), first="  ")
    yield block(
        Span("whatever their arguments, within the policy; o lists grants, r there takes one back", "dim"),
        first="  ",
    )
    if ask.locked:
        yield block(Span(f"and {ask.target} is unlocked for this session", "warn"), first="  ")


def _terms(values: Values) -> Terms:
    count = values[CALLS].strip()
    if not count.isdecimal() or not 1 <= int(count) <= MOST_CALLS:
        raise UserError(f"calls: {count!r}, expected 1 to {MOST_CALLS}")
    seconds = seconds_of(values[TIME].strip(), TIME)
    if not 0 < seconds <= LONGEST_S:
        raise UserError(f"{TIME}: {values[TIME]!r}, expected at most {LONGEST_S / 3600:.0f}h")
    return Terms(int(count), seconds)


def _schemas(ask: Ask, before: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Each argument's schema, those in use first; an argument nobody described has an empty one."""
    known = (ask.approval.get("parameters") or {}).get("properties") or {}
    names = dict.fromkeys((*(name for name, _ in pid_first(before)), *known))
    return {name: known.get(name, {}) for name in names}


def _is_text(schema: Mapping[str, Any], before: Mapping[str, Any], name: str) -> bool:
    kind = schema.get("type", "string" if isinstance(before.get(name), str) else "")
    return kind == "string" or (not kind and "enum" in schema)


def _shown(value: Any, schema: Mapping[str, Any], before: Mapping[str, Any], name: str) -> str:
    if name not in before:
        return ""
    if _is_text(schema, before, name) and _is_plain(value):
        return str(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if inert(text) == text else json.dumps(value)


def _hint(schema: Mapping[str, Any]) -> str:
    kind = str(schema.get("type") or "")
    choices = ", ".join(map(str, schema.get("enum") or ()))
    bounds = [
        f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema
    ]
    said = [str(schema.get("description") or ""), f"one of {choices}" if choices else kind, *bounds]
    return " · ".join(filter(None, said))


def _arguments(
    values: Values, schemas: Mapping[str, Mapping[str, Any]], before: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments as typed. Raises UserError where one is no JSON and must be."""
    found: dict[str, Any] = {}
    for name, text in values.items():
        if not text and (
            name not in before or not _is_text(schemas[name], before, name) or before[name] != ""
        ):
            continue
        if _is_text(schemas[name], before, name) and not _quoted(text, before.get(name)):
            found[name] = text
            continue
        try:
            found[name] = json.loads(text)
        except ValueError:
            raise UserError(f"{name}: {text!r} is no JSON; text needs quotes here") from None
    return found


def _quoted(text: str, before: Any) -> bool:
    """Whether text stands as JSON here, because it holds line breaks and the like."""
    return isinstance(before, str) and not _is_plain(before) and text.startswith('"')


def _is_plain(value: Any) -> bool:
    """Whether a field shows it just as it is."""
    return isinstance(value, str) and value.isprintable() and inert(value) == value
