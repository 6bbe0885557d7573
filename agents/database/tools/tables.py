"""VACUUM now, and autovacuum on again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.catalogue.horizon import hidden
from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import (
    NO_LIMIT_MS,
    ONE_RELATION,
    ActFailed,
    Facts,
    act,
    confirmed,
    failed,
    not_on_standby,
    table_row,
)
from agents.database.wording import duration, size
from agents.kernel.canonical import utc_now
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

LOCK = "takes ShareUpdateExclusiveLock: reads and writes go on, other VACUUM and DDL on the table wait"


def tools(reader: Reader) -> tuple[Tool, ...]:
    enable, vacuum = AutovacuumOn(reader), VacuumNow(reader)
    return (
        Tool(
            "enable_autovacuum",
            "write",
            "Resets a table's autovacuum_enabled, so that autovacuum takes care of it again",
            ONE_RELATION,
            preview=enable.preview,
            change=enable.change,
        ),
        Tool(
            "vacuum_table",
            "write",
            "Vacuums and analyzes one table",
            ONE_RELATION,
            preview=vacuum.preview,
            change=vacuum.change,
        ),
    )


async def _table(facts: Facts, relation: str) -> Row:
    not_on_standby(await facts.server())
    row = await table_row(facts, "table_to_vacuum", {"relation": relation})
    if row is None:
        raise Refused(f"there is no user table {relation} here")
    return row


def _victim(row: Row, *bound: str) -> Victim:
    shown = (
        "dead_rows",
        "live_rows",
        "dead_percent",
        "bytes",
        "last_vacuum",
        "last_autovacuum",
        "reloptions",
    )
    return Victim(
        {key: row[key] for key in ("relation", "oid", *bound)},
        {key: row[key] for key in shown},
    )


@dataclass(frozen=True, slots=True)
class AutovacuumOn:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table and its storage options. Raises Refused where autovacuum isn't switched off for it."""
        facts = Facts(self.reader, target)
        row = await _table(facts, arguments["relation"])
        name = row["relation"]
        if not row["autovacuum_disabled"]:
            raise Refused(f"autovacuum is not switched off for {name}")
        old = next(option for option in row["reloptions"] if option.startswith("autovacuum_enabled="))
        undo = f"ALTER TABLE {name} SET ({old})"
        return Preview(
            action=f"switch autovacuum on again for {name} on {target}",
            victims=(_victim(row, "reloptions"),),
            effect=(
                _reset(name).decode(),
                LOCK,
                f"autovacuum vacuums it within autovacuum_naptime: {row['dead_rows']} dead rows, {size(row['bytes'])}",
                "restart needed: no",
            ),
            reversible=undo,
            alternatives=(
                "vacuum_table alone: removes the dead rows once and leaves autovacuum off",
                "do nothing: dead rows grow until wraparound forces a vacuum",
            ),
            confirmation=name,
            captured_at=utc_now(),
            undo={"statement": undo, "reloptions": row["reloptions"]},
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Reset the option and read the table again."""
        name = preview.victims[0].identity["relation"]
        try:
            await act(target, _reset(name))
        except ActFailed as error:
            return failed(error)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("table_to_vacuum", {"relation": name})
            return row is not None and not row["autovacuum_disabled"], ""

        return await confirmed(self.reader, target, f"Autovacuum is on again for {name}.", look)


def _reset(name: str) -> bytes:
    return f"ALTER TABLE {name} RESET (autovacuum_enabled)".encode()


@dataclass(frozen=True, slots=True)
class VacuumNow:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table's dead rows and who keeps them. Raises Refused where it is being vacuumed."""
        facts = Facts(self.reader, target)
        row = await _table(facts, arguments["relation"])
        if row["being_vacuumed"]:
            raise Refused(f"{row['relation']} is being vacuumed right now")
        return Preview(
            action=f"vacuum and analyze {row['relation']} on {target}",
            victims=(_victim(row),),
            effect=(
                _vacuum(row["relation"]).decode(),
                LOCK,
                f"removes up to {row['dead_rows']} dead rows of {size(row['bytes'])}; the file doesn't shrink",
                _horizon(await facts.rows("horizon")),
                "restart needed: no",
            ),
            reversible="nothing to undo: VACUUM changes no data",
            alternatives=(
                "let autovacuum do it, where it is on",
                "do nothing: queries read ever more dead rows",
            ),
            confirmation=row["relation"],
            captured_at=utc_now(),
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Vacuum, then compare the dead rows."""
        name, before = preview.victims[0].identity["relation"], preview.victims[0].facts["dead_rows"]
        try:
            _, warnings = await act(target, _vacuum(name), limit_ms=NO_LIMIT_MS)
        except ActFailed as error:
            return failed(error)
        if warnings:
            return Outcome(False, f"Not vacuumed: {warnings[0]}.", verified=False)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("table_to_vacuum", {"relation": name})
            now = row["dead_rows"] if row else 0
            kept = now > 0 and now >= before
            held = f" {_horizon(await facts.rows('horizon'))}." if kept else ""
            return not kept, f"{before} dead rows before, {now} now.{held}"

        return await confirmed(self.reader, target, f"Vacuumed {name}.", look)


def _vacuum(name: str) -> bytes:
    return f"VACUUM (ANALYZE) {name}".encode()


def _horizon(holders: list[Row]) -> str:
    if why := hidden(holders[:1]):
        return f"horizon not known: {why}"
    if not holders:
        return "horizon free: nobody keeps dead rows from being removed"
    first = holders[0]
    name = first["pid"] if first["kind"] == "session" else first["name"]
    lasting = f" for {duration(first['held_s'])}" if first["held_s"] is not None else ""
    return f"horizon held by {first['kind']} {name}{lasting}: dead rows it may still see stay"
