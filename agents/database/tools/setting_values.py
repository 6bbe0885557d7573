"""Values of settings with units, as the server understands them."""

from __future__ import annotations

import re

from agents.database.snapshot import Row

_VALUE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_BYTES = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "8kB": 8 << 10}
_MILLISECONDS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_TRUTH = dict.fromkeys(("on", "true", "yes", "1"), "on") | dict.fromkeys(("off", "false", "no", "0"), "off")


def same_value(row: Row, wanted: str) -> bool:
    """Whether a setting, as pg_settings shows it, has the value that was asked for."""
    if row["type"] == "bool":
        return bool(_TRUTH.get(wanted.lower()) == row["setting"])
    if row["type"] not in ("integer", "real"):
        return bool(row["setting"] == wanted)
    figure = in_unit(wanted, row["unit"] or "")
    # The server rounds to whole units where the setting is an integer.
    near = 0.51 if row["type"] == "integer" else 1e-6
    return figure is not None and abs(figure - float(row["setting"])) < near


def in_unit(value: str, unit: str) -> float | None:
    """`2GB` in a setting's own unit (`MB`): 2048; None where it isn't a figure of that kind."""
    found = _VALUE.fullmatch(value)
    if found is None:
        return None
    figure, given = float(found[1]), found[2]
    if not given or figure < 0:  # -1 is a word of its own: unlimited, or off
        return figure
    for table in (_BYTES, _MILLISECONDS):
        if unit in table and given in table:
            return figure * table[given] / table[unit]
    return None


def why_not(row: Row, wanted: str) -> str:
    """Why the server would refuse the value; empty where nothing speaks against it."""
    name, kind = row["name"], row["type"]
    if kind == "bool" and wanted.lower() not in _TRUTH:
        return f"{name} is on or off, not {wanted}"
    if kind == "enum" and wanted not in (row["choices"] or ()):
        return f"{name} is one of {', '.join(row['choices'] or ())}, not {wanted}"
    if kind in ("integer", "real"):
        figure = in_unit(wanted, row["unit"] or "")
        if figure is None:
            return f"{name} is a number{' in ' + row['unit'] if row['unit'] else ''}, not {wanted}"
        if not float(row["minimum"]) <= figure <= float(row["maximum"]):
            return f"{name} goes from {row['minimum']} to {row['maximum']} {row['unit'] or ''}, not {wanted}".replace(
                " ,", ","
            )
    return ""
