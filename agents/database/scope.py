"""What a triage is asked to look at: which conditions, by which thresholds, over which interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.database.condition import Condition
from agents.database.thresholds import Overrides, figure, known, read_overrides
from inventory.errors import UserError

INTERVAL_S = 0.5
"""Default time between two samples of cumulative counters: a whole sweep of a quiet server ends within a second."""
SHORTEST_S, LONGEST_S = 0.1, 600.0


@dataclass(frozen=True, slots=True)
class Scope:
    """One triage's conditions, thresholds and interval."""

    conditions: Mapping[str, Condition]
    overrides: Overrides
    interval_s: float


def read_scope(request: Mapping[str, Any], catalogue: Mapping[str, Condition]) -> Scope:
    """The scope that a request asks for. Raises UserError naming what isn't understood.

    `only` is a group (`lock`), an id (`lock.blocking_tree`) or a list of them; `interval` is in seconds or a
    text with a unit (`"500 ms"`); `thresholds` as in `read_overrides`.
    """
    return Scope(
        conditions=_selected(request.get("only"), catalogue),
        overrides=read_overrides(request.get("thresholds"), catalogue),
        interval_s=_interval(request.get("interval")),
    )


def _interval(given: Any) -> float:
    if given is None:
        return INTERVAL_S
    seconds = figure(given, "s", "interval")
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise UserError(f"interval: expected {SHORTEST_S:g} to {LONGEST_S:g} seconds, got {seconds:g}")
    return seconds


def _selected(only: Any, catalogue: Mapping[str, Condition]) -> Mapping[str, Condition]:
    names = [only] if isinstance(only, str) else only
    if not names:
        return {id_: _set_aside(one) if one.on_request else one for id_, one in catalogue.items()}
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise UserError(f"only: expected groups or ids of conditions, got {only!r}")
    wanted = {id_ for name in names for id_ in _ids(name, catalogue)}
    selected = (_as_asked(one, asked=one.id in wanted) for one in catalogue.values())
    return {
        one.id: _set_aside(one) if one.on_request and one.id not in names else one
        for one in selected
        if one is not None
    }


def _as_asked(condition: Condition, *, asked: bool) -> Condition | None:
    """Where connecting fails that is the finding, whatever was asked for."""
    if asked or condition.refused is None:
        return condition if asked else None
    return _set_aside(condition)


def _set_aside(condition: Condition) -> Condition:
    """The condition without anything to read or to judge."""
    return replace(condition, find=None, needs=(), wants=(), rates=(), look_again=None, causes=(), blind=None)


def _ids(name: str, catalogue: Mapping[str, Condition]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for id_ in catalogue:
        groups.setdefault(id_.partition(".")[0], []).append(id_)
    if name in groups and name not in catalogue:
        yield from groups[name]
    else:
        known(name, {**catalogue, **groups}, "only: no condition or group")
        yield name
