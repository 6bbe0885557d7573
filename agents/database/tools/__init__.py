"""The acts of the database expert: each with a live preview, the act, and a re-read that verifies it."""

from __future__ import annotations

from agents.database.reading import Reader
from agents.database.tools import (
    autovacuum,
    constraints,
    index_building,
    indexes,
    prepared,
    reloading,
    replay,
    sessions,
    settings,
    slots,
    triggers,
    vacuuming,
)
from agents.kernel.tool import Tool


def change_tools(reader: Reader) -> dict[str, Tool]:
    """Every tool that changes a server, by name; `reader` reads what they show and verify."""
    groups = (
        sessions.tools,
        slots.tools,
        autovacuum.tools,
        constraints.tools,
        triggers.tools,
        vacuuming.tools,
        settings.tools,
        indexes.tools,
        index_building.tools,
        prepared.tools,
        replay.tools,
        reloading.tools,
    )
    return {tool.name: tool for group in groups for tool in group(reader)}
