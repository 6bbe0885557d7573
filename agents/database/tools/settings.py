"""Settings that remedies change: set and reset with ALTER SYSTEM and a reload, without a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import ActFailed, Facts, act, composed, confirmed, failed
from agents.database.tools.setting_values import same_value, why_not
from agents.kernel.canonical import utc_now
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

NAMES = (
    "autovacuum", "autovacuum_max_workers", "autovacuum_vacuum_cost_delay", "autovacuum_vacuum_cost_limit",
    "bgwriter_delay", "bgwriter_lru_maxpages", "checkpoint_timeout", "fsync", "full_page_writes",
    "hot_standby_feedback", "idle_in_transaction_session_timeout", "idle_replication_slot_timeout",
    "log_lock_waits", "log_temp_files", "logical_decoding_work_mem", "max_parallel_workers",
    "max_slot_wal_keep_size", "max_standby_archive_delay", "max_standby_streaming_delay", "max_wal_size",
    "password_encryption", "synchronous_commit", "synchronous_standby_names", "temp_file_limit", "track_counts",
    "track_io_timing", "wal_compression",
)  # fmt: skip
"""What may be set: settings that a remedy of the catalogue needs, none of which runs or opens anything."""
TAKES_EFFECT_S = 5.0
POLL_S = 0.05
AUTO_FILE = "postgresql.auto.conf"
NAME = {"type": "string", "enum": list(NAMES), "description": "name of the setting"}
ANY_NAME = {
    "type": "string",
    "pattern": "^[A-Za-z_][A-Za-z0-9_.]{0,62}$",
    "description": "name of the setting; beside those that may be set, one whose change waits for a restart",
}
VALUE = {"type": "string", "maxLength": 200, "description": "its new value, with a unit where it has one"}


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
            _parameters(name=ANY_NAME),
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
        name, wanted, undo = row["name"], arguments.get("value"), _undo(row)
        verb = f"set {name} = {_shown(wanted)}" if wanted is not None else f"reset {name}"
        return Preview(
            action=f"{verb} on {target}",
            victims=(_victim(row),),
            effect=(
                f"now: {name} = {_shown(row['setting'])} (from {row['source']})",
                f"{_statement(arguments).decode()}, then reload: "
                + ("the running value stays" if row["pending_restart"] else "all sessions take it up"),
                "restart needed: no"
                + (", the change that waits for one is withdrawn" if row["pending_restart"] else ""),
            ),
            reversible=f"{undo['tool']} {' '.join(map(_shown, undo['arguments'].values()))}",
            alternatives=("do nothing: the setting stays as it is",),
            confirmation=name,
            captured_at=utc_now(),
            undo=undo,
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Write it, reload, and wait until the server shows it."""
        before = preview.victims[0].identity
        try:
            await act(target, _statement(arguments))
            await act(target, b"SELECT pg_catalog.pg_reload_conf()")
        except ActFailed as error:
            return failed(error)

        def holds(row: Row) -> bool:
            if row["pending_restart"]:
                return False
            # A reset is done once ALTER SYSTEM no longer sets it, also where the files say the same.
            return same_value(row, arguments["value"]) if "value" in arguments else not _by_command(row)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await _once(facts, arguments["name"], holds)
            return holds(row), f"Now {_shown(row['setting'])} (from {row['source']})."

        return await confirmed(
            self.reader, target, f"{before['name']} was {_shown(before['setting'])}.", look
        )

    async def _setting(self, facts: Facts, arguments: Mapping[str, Any]) -> Row:
        row = await facts.row("setting", {"name": arguments["name"].lower()})
        if row is None:
            raise Refused(f"this server has no setting {arguments['name']}")
        reason = _why_not_changed(row, arguments.get("value"))
        if reason:
            raise Refused(reason)
        return row


def _why_not_changed(row: Row, wanted: str | None) -> str:
    name = row["name"]
    if row["source"] == "command line":
        return f"{name} was set on the server's command line: it takes a restart without it"
    if wanted is None:
        allowed = name in NAMES or row["pending_restart"]
        return "" if allowed else f"{name} is not one of the settings that may be reset: {', '.join(NAMES)}"
    if row["context"] in ("postmaster", "internal"):
        return f"{name} takes a restart on this server, which this tool doesn't do"
    reason = why_not(row, wanted)
    if not reason and same_value(row, wanted):
        return f"{name} is {_shown(wanted)} already"
    return reason


def _victim(row: Row) -> Victim:
    identity = {key: row[key] for key in ("name", "setting", "source", "pending_restart")}
    return Victim(identity, dict(row))


async def _once(facts: Facts, name: str, holds: Callable[[Row], bool]) -> Row:
    """The setting once `holds` is true of it, or as it is after `TAKES_EFFECT_S`."""
    until = time.monotonic() + TAKES_EFFECT_S
    while True:
        row = await facts.row("setting", {"name": name.lower()})
        assert row is not None
        if holds(row) or time.monotonic() > until:
            return row
        await asyncio.sleep(POLL_S)


def _by_command(row: Row) -> bool:
    return bool((row["source_file"] or "").endswith(AUTO_FILE))


def _shown(value: str) -> str:
    return value if value else "''"


def _statement(arguments: Mapping[str, Any]) -> bytes:
    from psycopg import sql

    name = sql.Identifier(arguments["name"].lower())
    if "value" in arguments:
        value = sql.Literal(arguments["value"])
        return composed("ALTER SYSTEM SET {name} = {value}", name=name, value=value)
    return composed("ALTER SYSTEM RESET {name}", name=name)


def _undo(row: Row) -> dict[str, Any]:
    """What puts the old state back: the old value where ALTER SYSTEM had set it, else a reset."""
    if _by_command(row):
        return {"tool": "set_setting", "arguments": {"name": row["name"], "value": row["setting"]}}
    return {"tool": "reset_setting", "arguments": {"name": row["name"]}}
