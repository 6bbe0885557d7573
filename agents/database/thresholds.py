"""Thresholds from a request or a file, checked against the catalogue before anything is read."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.database.condition import Condition, Unit
from inventory.errors import UserError

Overrides = Mapping[str, Mapping[str, float]]
"""Condition id → threshold name → value in the threshold's own unit."""

_UNITS: Mapping[Unit, Mapping[str, float]] = {
    "s": {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400},
    "bytes": {
        "bytes": 1, "b": 1, "kb": 1 << 10, "kib": 1 << 10, "mb": 1 << 20, "mib": 1 << 20, "gb": 1 << 30,
        "gib": 1 << 30, "tb": 1 << 40, "tib": 1 << 40,
    },
    "rows": {"rows": 1},
    "percent": {"percent": 1, "%": 1},
    "count": {"count": 1},
    "ratio": {"ratio": 1},
}  # fmt: skip
_FIGURE = re.compile(r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([A-Za-z%]*)\s*")


def read_overrides(given: Any, conditions: Mapping[str, Condition]) -> Overrides:
    """The thresholds that `given` overrides.

    `given` maps a condition id to its thresholds; ids may also be nested tables, as TOML reads
    `[lock.blocking_tree]`. A value is a number in the threshold's unit, a text with a unit (`"5 min"`,
    `"1 GiB"`, `"80 %"`), or `{value, unit}`. Raises UserError naming what isn't known and what is near it.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UserError(f"thresholds: expected a table for each condition, got {given!r}")
    found: dict[str, dict[str, float]] = {}
    for name, values in _tables(given, conditions):
        condition = known(name, conditions, "thresholds: no condition")
        if not isinstance(values, Mapping):
            raise UserError(f"thresholds: {name}: expected a table of thresholds, got {values!r}")
        for key, value in values.items():
            known(key, condition.thresholds, f"thresholds: {name} has no threshold")
            unit = condition.thresholds[key].unit
            found.setdefault(name, {})[key] = figure(value, unit, f"thresholds: {name}.{key}")
    return found


def _tables(given: Mapping[str, Any], conditions: Mapping[str, Condition]) -> Iterator[tuple[str, Any]]:
    """Pairs of a condition id and its table, with TOML's dotted tables put together again."""
    groups = {name.partition(".")[0] for name in conditions}
    for name, values in given.items():
        if name in groups and name not in conditions and isinstance(values, Mapping):
            yield from ((f"{name}.{rest}", inner) for rest, inner in values.items())
        else:
            yield name, values


def known(name: str, names: Mapping[str, Any], what: str) -> Any:
    """What `names` has under `name`; UserError saying what is near it."""
    if name in names:
        return names[name]
    raise UserError(f"{what} {name!r}; {_near(name, names)}")


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known: {', '.join(names)}" if names else "it has none"


def figure(value: Any, unit: Unit, where: str) -> float:
    """`value` in `unit`; UserError where it is no figure of that kind."""
    if isinstance(value, Mapping) and value.keys() == {"value", "unit"}:
        value = f"{value['value']} {value['unit']}"
    if isinstance(value, str):
        return _text_figure(value, unit, where)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{where}: expected a number of {unit}, got {value!r}")
    return _sane(float(value), where)


def _text_figure(text: str, unit: Unit, where: str) -> float:
    found = _FIGURE.fullmatch(text)
    if found is None:
        raise UserError(f"{where}: expected a number of {unit}, got {text!r}")
    factors = _UNITS[unit]
    if found[2] and found[2].lower() not in factors:
        raise UserError(f"{where}: unknown unit {found[2]!r}, expected one of {', '.join(factors)}")
    return _sane(float(found[1]) * factors.get(found[2].lower(), 1), where)


def _sane(value: float, where: str) -> float:
    if not math.isfinite(value) or value < 0:
        raise UserError(f"{where}: expected a number from 0 up, got {value}")
    return value
