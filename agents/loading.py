"""Experts made ready to serve: found by entry, so that nothing is imported that is not served."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from agents.kernel.expert import Expert
from agents.mcp.equipped import equip
from agents.protocol.experts import EXPERTS
from inventory.errors import UserError


def load(names: Iterable[str]) -> list[Expert]:
    """The experts of these names, or of entries written as `module:factory`; with the tools of MCP servers.

    Raises UserError where there is no such expert.
    """
    return equip([_load(name) for name in names])


def _load(name: str) -> Expert:
    entry = name if ":" in name else EXPERTS.get(name)
    if entry is None:
        raise UserError(f"unknown agent {name}, expected one of {', '.join(EXPERTS)}")
    module, _, factory = entry.partition(":")
    expert: Expert = getattr(importlib.import_module(module), factory)()
    return expert
