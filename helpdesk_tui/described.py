"""A target that only a session knows, made again from what the log tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inventory.errors import UserError

if TYPE_CHECKING:
    from inventory.target import Target


def told_again(described: Mapping[str, Any]) -> Target:
    """A target that only the session knows, as it was described; its secret is not in the log.

    Raises UserError where the log says what no target can be.
    """
    from inventory.dsn import to_conninfo
    from inventory.target import Target

    where = f"target {described.get('name') or '(no name)'} of this session"
    parts = {"host": "host", "port": "port", "dbname": "database", "user": "user"}
    values = {key: str(described[name]) for key, name in parts.items() if described.get(name)}
    try:
        return Target.from_dsn(
            to_conninfo(values),
            name=str(described["name"]),
            where=where,
            environment=str(described.get("environment") or ""),
            sensitivity=tuple(described.get("sensitivity") or ()),
            tags=tuple(described.get("tags") or ()),
        )
    except (KeyError, TypeError):
        raise UserError(f"{where}: the log does not describe it as a target is") from None
