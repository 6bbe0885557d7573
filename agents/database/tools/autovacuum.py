"""Autovacuum of one table: on again, and off as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import RELATION, Facts, change_tool, parameters
from agents.database.tools.locking import in_the_way
from agents.database.tools.tables import relation_victim, user_table
from agents.database.tools.under_lock import Locked, carried_out_locked
from agents.database.wording import size
from agents.kernel.tool import Outcome, Preview, Refused, Tool

OPTION = "autovacuum_enabled"
LOCK = "ShareUpdateExclusiveLock"
LOCK_WORDS = f"takes {LOCK} for a moment: reads and writes go on"
OFF = {
    "type": "string",
    "pattern": "(?i)^(f|fa|fal|fals|false|of|off|n|no|0)$",
    "description": "how the storage option says off: `off`, or the word that stood there before",
}


def tools(reader: Reader) -> tuple[Tool, ...]:
    return (
        change_tool(
            AutovacuumOn(reader),
            "enable_autovacuum",
            "write",
            "Resets a table's autovacuum_enabled, so that autovacuum takes care of it again",
            parameters(relation=RELATION),
        ),
        change_tool(
            AutovacuumOff(reader),
            "disable_autovacuum",
            "write",
            "Switches autovacuum off for a table: undoes enable_autovacuum",
            parameters(relation=RELATION, value=OFF),
            by_hand=True,
        ),
    )


@dataclass(frozen=True, slots=True)
class AutovacuumOn:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table and its storage options. Raises Refused where autovacuum isn't switched off for it."""
        facts = Facts(self.reader, target)
        row = await user_table(facts, arguments["relation"])
        name = row["relation"]
        if not row["autovacuum_disabled"]:
            raise Refused(f"autovacuum is not switched off for {name}")
        undo = {"relation": name, "value": _option(row)}
        return facts.preview(
            f"switch autovacuum on again for {name}",
            relation_victim(row, "reloptions"),
            (
                _reset(name).decode(),
                LOCK_WORDS,
                *await in_the_way(facts, name, LOCK),
                f"autovacuum vacuums it within autovacuum_naptime: {row['dead_rows']} dead rows, {size(row['bytes'])}",
            ),
            reversible=f"{_set(name, undo['value']).decode()}; what was vacuumed meanwhile stays so",
            alternatives=(
                "vacuum_table alone: removes the dead rows once and leaves autovacuum off",
                "do nothing: dead rows grow until wraparound forces a vacuum",
            ),
            confirmation=name,
            undo={"tool": "disable_autovacuum", "arguments": undo},
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Reset the option and read the table again."""
        name = preview.victims[0].identity["relation"]
        return await _changed(
            self.reader, target, preview, _reset(name), f"Autovacuum is on again for {name}.", ""
        )


@dataclass(frozen=True, slots=True)
class AutovacuumOff:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table and its storage options. Raises Refused where the option is set already."""
        facts = Facts(self.reader, target)
        row = await user_table(facts, arguments["relation"])
        name, value = row["relation"], arguments["value"]
        if _option(row):
            raise Refused(f"{name} has {OPTION}={_option(row)} already")
        return facts.preview(
            f"switch autovacuum off for {name}",
            relation_victim(row, "reloptions"),
            (
                _set(name, value).decode(),
                LOCK_WORDS,
                *await in_the_way(facts, name, LOCK),
                "nothing vacuums or analyzes it by itself any more, until wraparound forces a vacuum",
            ),
            reversible=_reset(name).decode(),
            alternatives=("do nothing: autovacuum goes on looking after it",),
            confirmation=name,
            undo={"tool": "enable_autovacuum", "arguments": {"relation": name}},
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Set the option and read the table again."""
        name, value = preview.victims[0].identity["relation"], arguments["value"]
        return await _changed(
            self.reader, target, preview, _set(name, value), f"Autovacuum is off for {name}.", value
        )


async def _changed(
    reader: Reader, target: str, preview: Preview, statement: bytes, text: str, wanted: str
) -> Outcome:
    """Run the statement, and look whether the option reads as wanted; empty where it must not be set."""
    (victim,) = preview.victims
    what = Locked(LOCK, "table_to_vacuum", {"relation": victim.identity["relation"]})
    return await carried_out_locked(
        reader, target, victim, statement, what, text, lambda row: _option(row) == wanted
    )


def _option(row: Row) -> str:
    """What the storage options say about autovacuum; empty where they say nothing."""
    options = dict(option.split("=", 1) for option in row["reloptions"] or ())
    return str(options.get(OPTION, ""))


def _reset(name: str) -> bytes:
    return f"ALTER TABLE {name} RESET ({OPTION})".encode()


def _set(name: str, value: str) -> bytes:
    return f"ALTER TABLE {name} SET ({OPTION} = '{value}')".encode()
