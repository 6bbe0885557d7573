"""The targets this process knows: those it was told, and those in the inventory file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from inventory.errors import UserError

if TYPE_CHECKING:
    from inventory.registry import Inventory
    from inventory.target import Target

_told: dict[str, Target] = {}
_others: dict[str, Mapping[str, Any]] = {}


def tell(target: Target) -> None:
    """Make a target known that no inventory file names; it goes before one of the same name."""
    _told[target.name] = target


def tell_other(described: Mapping[str, Any]) -> None:
    """Make known what is no database, such as the server of some tools: `describe` tells of it what is given here."""
    _others[str(described["name"])] = dict(described)


def find(name: str) -> Target:
    """The target with this name, told or from the inventory file. Raises UserError where there is none."""
    if name in _told:
        return _told[name]
    from inventory.registry import resolve

    return resolve(name, _inventory())


def describe(name: str) -> Mapping[str, Any]:
    """`name`, `host`, `port`, `database`, `user`, `environment`, … of a target; only its name where it is unknown."""
    if name in _others:
        return dict(_others[name])
    try:
        return dict(_described(find(name), int(time.monotonic())))
    except UserError:
        return {"name": name}


@lru_cache(maxsize=64)
def _described(target: Target, second: int) -> Mapping[str, Any]:
    """Described anew each second at most: service files and the environment are read for it."""
    return target.describe()


def _inventory() -> Inventory:
    from inventory.registry import default_path

    path = default_path()
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _load(str(path), changed)


@lru_cache(maxsize=1)
def _load(path: str, changed: int) -> Inventory:
    """The file is read again only once it changed: reads are judged many times in a second."""
    from pathlib import Path

    from inventory.registry import load

    return load(Path(path))
