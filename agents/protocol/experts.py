"""The experts of this house, by name; found by entry, so that nothing is imported that is not served."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping

from agents.kernel.expert import Expert
from inventory.errors import UserError

EXPERTS: Mapping[str, str] = {"database": "agents.database:create"}
"""Name → `module:factory`; the factory takes nothing and returns an Expert of that name."""


CONFORMANCE = "conformance"
"""An agent for the protocol's test kit; no expert, and served only when it is asked for by name."""


def load(names: Iterable[str]) -> list[Expert]:
    """The experts of these names, or of entries written as `module:factory`; with the tools of MCP servers.

    Raises UserError where there is no such expert.
    """
    # Not above: which experts there are is known without any of them.
    from agents.mcp.equipped import equip

    return equip([_load(name) for name in names])


def _load(name: str) -> Expert:
    entry = name if ":" in name else EXPERTS.get(name)
    if entry is None:
        raise UserError(f"unknown agent {name}, expected one of {', '.join(EXPERTS)}")
    module, _, factory = entry.partition(":")
    expert: Expert = getattr(importlib.import_module(module), factory)()
    return expert
