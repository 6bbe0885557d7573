"""Settings that remedies change: set and reset with ALTER SYSTEM and a reload, without a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader, ReadFailed
from agents.database.snapshot import Row
from agents.database.tools.acting import (
    ActFailed,
    Facts,
    act,
    change_tool,
    composed,
    confirmed,
    failed,
    parameters,
)
from agents.database.tools.reloading import RELOAD
from agents.database.tools.setting_values import same_value, why_not
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
FROM_FILES = ("default", "configuration file")
"""Sources of a value that this login shares with the rest of the server."""
NAME = {"type": "string", "enum": list(NAMES), "description": "name of the setting"}
ANY_NAME = {
    "type": "string",
    "pattern": "^[A-Za-z_][A-Za-z0-9_.]{0,62}$",
    "description": "name of the setting; beside those that may be set, one whose change waits for a restart",
}
VALUE = {"type": "string", "maxLength": 200, "description": "its new value, with a unit where it has one"}


def tools(reader: Reader) -> tuple[Tool, ...]:
    change = SettingChange(reader)
    setting = "ALTER SYSTEM SET and reload, for settings that need no restart"
    resetting = "ALTER SYSTEM RESET and reload: back to what the configuration files say"
    return (
        change_tool(change, "set_setting", "write", setting, parameters(name=NAME, value=VALUE)),
        change_tool(change, "reset_setting", "write", resetting, parameters(name=ANY_NAME)),
    )


@dataclass(frozen=True, slots=True)
class _Setting:
    """A setting as this login has it, and as the files set it."""

    row: Row
    auto: str | None
    """Its value in the file that ALTER SYSTEM writes, to the letter; None where that does not set it."""
    files: str | None
    """Its value in the other files; None where they do not set it."""
    readable: bool
    """False where the login may not read the files: `auto` is what the running value tells of it."""

    @property
    def own(self) -> bool:
        """Whether the value is this login's alone, set for its role, its database or its connection."""
        return self.row["source"] not in FROM_FILES

    @property
    def value(self) -> str:
        """What the server as a whole has; for a login with a value of its own, what the files say."""
        if not self.own:
            return str(self.row["setting"])
        said = (one for one in (self.auto, self.files, self.row["default_value"]) if one is not None)
        return str(next(said, ""))

    @property
    def words(self) -> str:
        if not self.own:
            unit = self.row["unit"] if self.value.lstrip("-").isdigit() else None
            return f"{_shown(self.value)}{f' {unit}' if unit else ''} (from {self.row['source']})"
        return f"{_shown(self.value)} (this login has {_shown(self.row['setting'])} of its own, from {self.row['source']})"

    @property
    def known(self) -> bool:
        """Whether it can be told what ALTER SYSTEM has set; without pg_monitor a login doesn't see the file."""
        return self.readable or self.row["source"] == "default" or self.row["source_file"] is not None

    def applied(self, value: str | None) -> bool:
        """Whether ALTER SYSTEM sets this value now (None: no value), and the server runs with it."""
        if self.row["pending_restart"] or (self.known and (self.auto is None) != (value is None)):
            return False
        if self.readable and value is not None and self.auto != value:
            return False
        return value is None or self.own or same_value(self.row, value)


@dataclass(frozen=True, slots=True)
class SettingChange:
    """Set where the arguments hold a value, reset where they don't."""

    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The setting as it is. Raises Refused where ALTER SYSTEM can't change it."""
        facts = Facts(self.reader, target)
        setting = await _read(facts, arguments["name"])
        row, wanted = setting.row, arguments.get("value")
        if reason := _why_not_changed(setting, wanted):
            raise Refused(reason)
        name, pending = row["name"], row["pending_restart"]
        verb = f"set {name} = {_shown(wanted)}" if wanted is not None else f"reset {name}"
        reversible, undo = _undo(setting)
        return facts.preview(
            verb,
            _victim(setting),
            (
                f"now: {name} = {setting.words}",
                f"{_statement(arguments).decode()}, then reload: {_reach(row)}",
            ),
            restart="no" + (", the change that waits for one is withdrawn" if pending else ""),
            reversible=reversible,
            alternatives=(
                *(("SET it for the one role or session that needs it",) if _for_sessions(row) else ()),
                "do nothing: the setting stays as it is",
            ),
            confirmation=name,
            undo=undo,
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Write it, reload, and wait until the server shows it."""
        before = preview.victims[0].identity
        try:
            await act(target, _statement(arguments))
        except ActFailed as error:
            return failed(error)
        try:
            await act(target, RELOAD)
        except ActFailed as error:
            text = f"{_statement(arguments).decode()} is written and takes effect with the next reload; ours was refused: {error}."
            return Outcome(True, text, verified=False)

        async def look(facts: Facts) -> tuple[bool, str]:
            setting = await _once(facts, before["name"], lambda one: one.applied(arguments.get("value")))
            return setting.applied(arguments.get("value")), f"Now {setting.words}."

        text = f"{before['name']} was {_shown(before['value'])}."
        return await confirmed(self.reader, target, text, look)


async def _read(facts: Facts, name: str) -> _Setting:
    """The setting. Raises Refused where the server has none of that name."""
    row = await facts.row("setting", {"name": name.lower()})
    if row is None:
        raise Refused(f"this server has no setting {name}")
    try:
        lines = await facts.rows("setting_in_files", {"name": name})
    except ReadFailed:
        by_command = (row["source_file"] or "").endswith(AUTO_FILE)
        return _Setting(row, row["setting"] if by_command else None, None, readable=False)
    last = {str(line["file"]).endswith(AUTO_FILE): line["setting"] for line in lines}
    return _Setting(row, last.get(True), last.get(False), readable=True)


def _why_not_changed(setting: _Setting, wanted: str | None) -> str:
    row, name = setting.row, setting.row["name"]
    if row["source"] == "command line":
        return f"{name} was set on the server's command line: it takes a restart without it"
    if setting.own and not setting.readable:
        return (
            f"{name} is set for this login alone ({row['source']}): what the server has can't be read by it"
        )
    if wanted is None:
        return _why_not_reset(setting)
    if row["context"] in ("postmaster", "internal"):
        return f"{name} takes a restart on this server, which this tool doesn't do"
    reason = why_not(row, wanted)
    held = setting.auto == wanted if setting.own else same_value(row, wanted)
    if not reason and held and setting.auto is not None:
        return f"{name} is {_shown(wanted)} already"
    return reason


def _why_not_reset(setting: _Setting) -> str:
    name = setting.row["name"]
    if name not in NAMES and not setting.row["pending_restart"]:
        return f"{name} is not one of the settings that may be reset: {', '.join(NAMES)}"
    if setting.readable and setting.auto is None:
        return f"ALTER SYSTEM doesn't set {name}: there is nothing to reset"
    return ""


def _victim(setting: _Setting) -> Victim:
    bound = {key: setting.row[key] for key in ("name", "source", "pending_restart")}
    shown = {key: setting.row[key] for key in ("unit", "default_value", "source_file", "context")}
    return Victim({**bound, "value": setting.value, "by_alter_system": setting.auto}, shown)


async def _once(facts: Facts, name: str, holds: Callable[[_Setting], bool]) -> _Setting:
    """The setting once `holds` is true of it, or as it is after `TAKES_EFFECT_S`."""
    until = time.monotonic() + TAKES_EFFECT_S
    while True:
        setting = await _read(facts, name)
        if holds(setting) or time.monotonic() > until:
            return setting
        await asyncio.sleep(POLL_S)


def _reach(row: Row) -> str:
    if row["pending_restart"]:
        return "the running value stays"
    return "all sessions take it up" + (
        ", but those whose role, database or own SET says otherwise" if _for_sessions(row) else ""
    )


def _for_sessions(row: Row) -> bool:
    """Whether a role, a database or a session can have a value of its own."""
    return row["context"] in ("user", "superuser")


def _shown(value: str) -> str:
    return value if value else "''"


def _statement(arguments: Mapping[str, Any]) -> bytes:
    from psycopg import sql

    name = sql.Identifier(arguments["name"].lower())
    if "value" in arguments:
        value = sql.Literal(arguments["value"])
        return composed("ALTER SYSTEM SET {name} = {value}", name=name, value=value)
    return composed("ALTER SYSTEM RESET {name}", name=name)


def _undo(setting: _Setting) -> tuple[str, dict[str, Any] | None]:
    """What puts the old state back, in words and as a call: the old value where ALTER SYSTEM had set it, else a reset.

    No call where none may be made: a value that takes effect with a restart, or that is no longer taken.
    """
    name, old = setting.row["name"], setting.auto
    if not setting.known:
        return (
            "not reversible from here: this login doesn't see what ALTER SYSTEM had set (pg_monitor does)",
            None,
        )
    if old is None:
        return f"ALTER SYSTEM RESET {name}", {"tool": "reset_setting", "arguments": {"name": name}}
    back = _statement({"name": name, "value": old}).decode()
    if name not in NAMES or setting.row["context"] == "postmaster" or why_not(setting.row, old):
        return f"not reversible from here; by hand: {back}", None
    return back, {"tool": "set_setting", "arguments": {"name": name, "value": old}}
