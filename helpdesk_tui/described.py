"""A target that only a session knows, made again from what the log tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inventory.target import Target


def told_again(described: Mapping[str, Any]) -> Target:
    """A target that only the session knows, as it was described; its secret is not in the log."""
    from inventory.dsn import to_conninfo
    from inventory.target import Target

    parts = {"host": "host", "port": "port", "dbname": "database", "user": "user"}
    values = {key: str(described[name]) for key, name in parts.items() if described.get(name)}
    return Target.from_dsn(
        to_conninfo(values),
        name=described["name"],
        environment=str(described.get("environment") or ""),
        sensitivity=tuple(described.get("sensitivity") or ()),
        tags=tuple(described.get("tags") or ()),
    )
