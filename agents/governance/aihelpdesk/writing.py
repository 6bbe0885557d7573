"""Our rules as the text of a `policy.toml`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from agents.governance.aihelpdesk.translation import Translated
from agents.governance.rule import Rule
from agents.governance.schedule import Schedule

_FIELDS = (
    ("principals", "principals"), ("kinds", "kind"), ("names", "names"), ("tags", "tags"),
    ("sensitivity", "sensitivity"), ("tools", "tools"), ("risks", "risk"), ("purposes", "purpose"),
    ("not_purposes", "not_purpose"), ("schedule", "schedule"), ("max_victims", "max_victims"),
    ("max_rows", "max_rows"), ("max_xact_age_s", "max_xact_age_s"),
)  # fmt: skip


def policy_text(translated: Translated, name: str) -> str:
    """The file for the rules that came from a file called `name`."""
    lines = [
        f"# From {name}, by `helpdesk policy import`. Nothing is allowed here that is not allowed there.",
        "# Any deny that holds wins here; there the policy of the highest priority decides alone.",
        "# An approval is for one call, once; whoever asked for it does not approve it (four_eyes).",
        "",
        "lock = true",
    ]
    for rule in translated.rules:
        lines += ["", "[[rules]]", *_rule(rule)]
    return "\n".join(lines) + "\n"


def _rule(rule: Rule) -> Iterator[str]:
    yield f"name = {_value(rule.name)}"
    yield f"comment = {_value(rule.comment)}"
    yield f"effect = {_value(rule.effect)}"
    if rule.priority:
        yield f"priority = {rule.priority}"
    for attribute, key in _FIELDS:
        value = getattr(rule, attribute)
        if value is not None and value != ():
            yield f"{key} = {_value(value)}"
    if rule.effect == "approve":
        yield f"approvers = {rule.approvers}"
        yield f"four_eyes = {_value(rule.four_eyes)}"


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Schedule():
            days = _value(value.days)
            window = f'from = "{value.start:%H:%M}", to = "{value.end:%H:%M}"'
            return f"{{ days = {days}, {window}, timezone = {_value(value.zone)} }}"
        case str():
            # JSON's escapes are TOML's; only DEL stands bare in JSON.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Sequence():
            return f"[{', '.join(_value(item) for item in value)}]"
        case _:
            return str(value)
