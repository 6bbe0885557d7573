"""An event as it may be kept and shown: no text in it holds a secret, whoever put it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents.kernel.event import Event
from inventory import masking

_AS_SENT = frozenset({"model.called", "model.returned"})
"""What went to a model has passed the boundary, and is kept as it went; its own answer goes back unchanged."""
NAMES = frozenset({"relation", "index", "slot_name", "constraint_name", "trigger_name"})
"""Columns and fields whose values are handed back to the server as names: never altered."""
_BOUND = ("call", "call_sha256")
"""Of an approval: what its hash binds. Such a call is refused where it holds a secret."""


def masked(event: Event) -> Event:
    """The event without secrets; the very same one where there are none."""
    if event.kind in _AS_SENT:
        return event
    body = masking.masked(event.body, kept=NAMES)
    if event.kind == "evidence":
        _put_names_back(body, event.body)
    if event.kind.startswith("approval.") and isinstance(approval := event.body.get("approval"), Mapping):
        body["approval"] |= {key: approval[key] for key in _BOUND if key in approval}
        if isinstance(preview := approval.get("preview"), Mapping) and "victims" in preview:
            body["approval"]["preview"]["victims"] = preview["victims"]
    return event if body == event.body else replace(event, body=body)


def _put_names_back(body: dict[str, Any], before: Mapping[str, Any]) -> None:
    told, evidence = body.get("evidence"), before.get("evidence")
    if (
        not isinstance(told, dict)
        or not isinstance(evidence, Mapping)
        or not {"columns", "rows"} <= told.keys()
    ):
        return
    places = {place for place, name in enumerate(evidence["columns"]) if name in NAMES}
    if places:
        told["rows"] = type(evidence["rows"])(
            type(row)(
                old if place in places else new for place, (new, old) in enumerate(zip(row, own, strict=True))
            )
            for row, own in zip(told["rows"], evidence["rows"], strict=True)
        )


def holds_secret(value: Any) -> bool:
    """Whether a text in `value`, or one beside a name such as `password`, is a secret."""
    return bool(masking.masked(value, kept=NAMES) != value)
