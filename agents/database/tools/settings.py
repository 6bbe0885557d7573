"""Settings that keep data safe and tables clean: set and reset, without a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import ActFailed, Facts, act, composed, confirmed, failed
from agents.kernel.canonical import utc_now
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

NAMES = ("autovacuum", "fsync", "full_page_writes", "synchronous_commit", "track_counts")
VALUES = ("on", "off", "local", "remote_write", "remote_apply")
TAKES_EFFECT_S = 5.0
POLL_S = 0.05
AUTO_FILE = "postgresql.auto.conf"
NAME = {"type": "string", "enum": list(NAMES), "description": "name of the setting"}
VALUE = {"type": "string", "enum": list(VALUES), "description": "its new value"}


def tools(reader: Reader) -> tuple[Tool, ...]:
    change = SettingChange(reader)
    return (
        Tool(
            "set_setting",
            "write",
            "ALTER SYSTEM SET and reload, for settings that need no restart",
            _parameters(name=NAME, value=VALUE),
            preview=change.preview,
            change=change.change,
        ),
        Tool(
            "reset_setting",
            "write",
            "ALTER SYSTEM RESET and reload: back to what the configuration files say",
            _parameters(name=NAME),
            preview=change.preview,
            change=change.change,
        ),
    )


def _parameters(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class SettingChange:
    """Set where the arguments hold a value, reset where they don't."""

    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The setting as it is. Raises Refused where ALTER SYSTEM can't change it."""
        facts = Facts(self.reader, target)
        row = await self._setting(facts, arguments)
        undo = _undo(row)
        wanted = arguments.get("value")
        verb = f"set {row['name']} = {wanted}" if wanted else f"reset {row['name']}"
        return Preview(
            action=f"{verb} on {target}",
            victims=(
                Victim({"name": row["name"], "setting": row["setting"], "source": row["source"]}, dict(row)),
            ),
            effect=(
                f"now: {row['name']} = {row['setting']} (from {row['source']})",
                f"ALTER SYSTEM {'SET' if wanted else 'RESET'} {row['name']}, then reload: all sessions take it up",
                "restart needed: no",
            ),
            reversible=f"{undo['tool']} {' '.join(undo['arguments'].values())}",
            alternatives=("do nothing: the setting stays as it is",),
            confirmation=row["name"],
            captured_at=utc_now(),
            undo=undo,
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Write it, reload, and wait until the server shows it."""
        name, before = arguments["name"], preview.victims[0].facts["setting"]
        try:
            await act(target, _statement(arguments))
            await act(target, b"SELECT pg_catalog.pg_reload_conf()")
        except ActFailed as error:
            return failed(error)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await self._changed(facts, name, before)
            done = row["setting"] == arguments.get("value", row["setting"])
            return done and not row["pending_restart"], f"Now {row['setting']} (from {row['source']})."

        return await confirmed(self.reader, target, f"{name} was {before}.", look)

    async def _setting(self, facts: Facts, arguments: Mapping[str, Any]) -> Row:
        row = await facts.row("setting", {"name": arguments["name"]})
        if row is None:
            raise Refused(f"this server has no setting {arguments['name']}")
        if row["source"] == "command line":
            raise Refused(
                f"{row['name']} was set on the server's command line: it takes a restart without it"
            )
        value = arguments.get("value")
        if value and row["type"] == "bool" and value not in ("on", "off"):
            raise Refused(f"{row['name']} is on or off, not {value}")
        if value == row["setting"]:
            raise Refused(f"{row['name']} is {value} already")
        return row

    async def _changed(self, facts: Facts, name: str, before: str) -> Row:
        """The setting once it differs from `before`, or as it is after `TAKES_EFFECT_S`."""
        until = time.monotonic() + TAKES_EFFECT_S
        while True:
            row = await facts.row("setting", {"name": name})
            assert row is not None
            if row["setting"] != before or time.monotonic() > until:
                return row
            await asyncio.sleep(POLL_S)


def _statement(arguments: Mapping[str, Any]) -> bytes:
    from psycopg import sql

    name = sql.Identifier(arguments["name"])
    if "value" in arguments:
        value = sql.Literal(arguments["value"])
        return composed("ALTER SYSTEM SET {name} = {value}", name=name, value=value)
    return composed("ALTER SYSTEM RESET {name}", name=name)


def _undo(row: Row) -> dict[str, Any]:
    """What puts the old state back: the old value where ALTER SYSTEM had set it, else a reset."""
    if (row["source_file"] or "").endswith(AUTO_FILE):
        return {"tool": "set_setting", "arguments": {"name": row["name"], "value": row["setting"]}}
    return {"tool": "reset_setting", "arguments": {"name": row["name"]}}
