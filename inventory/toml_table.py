"""Add a table to a TOML text or take one out, and leave every other line, comments too, as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from inventory.toml_file import parse_toml


def with_table(text: str, path: Path, keys: tuple[str, str], entry: Mapping[str, Any]) -> str:
    """`text` of the file at `path` with the table `keys` holding `entry`."""
    import tomli_w

    wanted = parse_toml(text, path)
    wanted.setdefault(keys[0], {})[keys[1]] = dict(entry)
    block = tomli_w.dumps({keys[0]: {keys[1]: dict(entry)}})
    return _sound(f"{text.rstrip()}\n\n{block}".lstrip(), wanted)


def without_table(text: str, path: Path, keys: tuple[str, str]) -> str:
    """`text` of the file at `path` without the table `keys`."""
    wanted = parse_toml(text, path)
    wanted[keys[0]] = {name: entry for name, entry in wanted[keys[0]].items() if name != keys[1]}
    first, second = (rf"(?:{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')" for key in keys)
    header = re.compile(rf"^[ \t]*\[[ \t]*{first}[ \t]*\.[ \t]*{second}[ \t]*(?:\.[^\]\n]*)?\]")
    kept: list[str] = []
    dropped: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            if inside:  # a comment right above the next table is that table's
                kept.extend(_last_comment(dropped))
            inside = header.match(line) is not None
            dropped = []
        (dropped if inside else kept).append(line)
    return _sound("".join(kept), wanted)


def _last_comment(lines: list[str]) -> list[str]:
    start = len(lines)
    while start > 0 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return lines[start:]


def _sound(text: str, wanted: dict[str, Any]) -> str:
    """`text` where it means `wanted`, else `wanted` written anew: its form goes, its content does not."""
    import tomllib

    import tomli_w

    try:
        found: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        found = None
    return text if _without_empty(found) == _without_empty(wanted) else tomli_w.dumps(wanted)


def _without_empty(tables: object) -> object:
    if not isinstance(tables, dict):
        return tables
    return {key: value for key, value in deepcopy(tables).items() if value != {}}
