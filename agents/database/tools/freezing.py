"""VACUUM (FREEZE) of one table, against wraparound."""

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


def tools(reader: Reader) -> tuple[Tool, ...]:
    freeze = FreezeNow(reader)
    summary = "Vacuums one table and freezes its rows, so that its transaction ids can't wrap around"
    return (
        Tool("freeze_table", "write", summary, ONE_RELATION, preview=freeze.preview, change=freeze.change),
    )


@dataclass(frozen=True, slots=True)
class FreezeNow:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table's age and who stands in the way. Raises Refused where a vacuum is at it already."""
        facts = Facts(self.reader, target)
        not_on_standby(await facts.server())
        row = await table_row(facts, "table_freeze_age", {"relation": arguments["relation"]})
        if row is None:
            raise Refused(f"there is no table {arguments['relation']} here")
        if row["being_vacuumed"]:
            raise Refused(f"{row['relation']} is being vacuumed right now")
        return Preview(
            action=f"freeze {row['relation']} on {target}",
            victims=(_victim(row),),
            effect=(
                _statement(row["relation"]).decode(),
                "takes ShareUpdateExclusiveLock: reads and writes go on, other VACUUM and DDL on the table wait",
                f"reads the whole table ({size(row['bytes'])}) and writes every page with unfrozen rows",
                _horizon(await facts.rows("horizon"), row),
                "restart needed: no",
            ),
            reversible="nothing to undo: VACUUM changes no data",
            alternatives=(
                "let autovacuum do it, where it has the time",
                "do nothing: at autovacuum_freeze_max_age autovacuum does it, wanted or not",
            ),
            confirmation=row["relation"],
            captured_at=utc_now(),
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Freeze, then compare the age."""
        name, before = preview.victims[0].identity["relation"], preview.victims[0].facts["xid_age"]
        try:
            _, warnings = await act(target, _statement(name), limit_ms=NO_LIMIT_MS)
        except ActFailed as error:
            return failed(error)
        if warnings:
            return Outcome(False, f"Not frozen: {warnings[0]}.", verified=False)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("table_freeze_age", {"relation": name})
            if row is None:
                return False, "The table is gone."
            holders = await facts.rows("horizon")
            kept = row["xid_age"] > 0 and row["xid_age"] >= before
            held = f" {_horizon(holders, row).capitalize()}." if kept else ""
            return not kept, f"Its age was {before:,}, now {row['xid_age']:,}.{held}"

        return await confirmed(self.reader, target, f"Froze {name}.", look)


def _victim(row: Row) -> Victim:
    return Victim(
        {key: row[key] for key in ("relation", "oid")},
        {key: row[key] for key in ("xid_age", "mxid_age", "bytes", "freeze_max_age")},
    )


def _statement(name: str) -> bytes:
    return f"VACUUM (FREEZE) {name}".encode()


def _horizon(holders: list[Row], row: Row) -> str:
    oldest = next((one for one in holders if 2 * (one["horizon_age"] or 0) >= row["xid_age"]), None)
    if oldest is None:
        why = hidden(holders)
        return f"horizon not known: {why}" if why else "horizon free: the age can go down"
    name = oldest["pid"] if oldest["kind"] == "session" else oldest["name"]
    lasting = f" for {duration(oldest['held_s'])}" if oldest["held_s"] is not None else ""
    return (
        f"horizon held by {oldest['kind']} {name}{lasting}: the age can't go below {oldest['horizon_age']:,}"
    )
