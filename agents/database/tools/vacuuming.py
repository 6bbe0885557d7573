"""VACUUM, VACUUM (FREEZE) and ANALYZE of one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.catalogue.horizon import hidden
from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import NO_LIMIT_MS, RELATION, Facts, carried_out, change_tool, parameters
from agents.database.tools.locking import in_the_way
from agents.database.tools.tables import relation_victim, user_table
from agents.database.wording import duration, plural, sentence, size
from agents.kernel.tool import Outcome, Preview, Refused, Tool

LOCK = "ShareUpdateExclusiveLock"
LOCK_WORDS = f"takes {LOCK}: reads and writes go on, other VACUUM and DDL on the table wait"
TAIL = "empty pages at the end of the file go back to the disk under a short AccessExclusiveLock, given up where somebody waits"
"""What `vacuum_truncate` does where it is on, as it is by default."""


def tools(reader: Reader) -> tuple[Tool, ...]:
    freezing = "Vacuums one table and freezes its rows, so that its transaction ids can't wrap around"
    table = parameters(relation=RELATION)
    return (
        change_tool(Vacuum(reader), "vacuum_table", "write", "Vacuums and analyzes one table", table),
        change_tool(Freeze(reader), "freeze_table", "write", freezing, table),
        change_tool(
            Analyze(reader), "analyze_table", "write", "Renews the planner's statistics of one table", table
        ),
    )


@dataclass(frozen=True, slots=True)
class Vacuum:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table's dead rows and who keeps them. Raises Refused where it is being vacuumed."""
        facts = Facts(self.reader, target)
        row = await user_table(facts, arguments["relation"])
        name = row["relation"]
        _refuse_second(row)
        return facts.preview(
            f"vacuum and analyze {name}",
            relation_victim(row),
            (
                _vacuum(name).decode(),
                LOCK_WORDS,
                *await in_the_way(facts, name, LOCK),
                f"removes up to {row['dead_rows']} dead rows of {size(row['bytes'])}; {TAIL}",
                _horizon(await facts.rows("horizon")),
            ),
            reversible="nothing to undo: VACUUM changes no data",
            alternatives=(
                "let autovacuum do it, where it is on",
                "do nothing: queries read ever more dead rows",
            ),
            confirmation=name,
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Vacuum, then compare the dead rows."""
        name, before = preview.victims[0].identity["relation"], preview.victims[0].facts["dead_rows"]

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("table_to_vacuum", {"relation": name})
            now = row["dead_rows"] if row else 0
            kept = now > 0 and now >= before
            held = f" {sentence(_horizon(await facts.rows('horizon')))}." if kept else ""
            return not kept, f"{before} dead rows before, {now} now.{held}"

        return await carried_out(
            self.reader, target, _vacuum(name), f"Vacuumed {name}.", look, skips=True, limit_ms=NO_LIMIT_MS
        )


@dataclass(frozen=True, slots=True)
class Freeze:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table's age and who stands in the way. Raises Refused where a vacuum is at it already."""
        facts = Facts(self.reader, target)
        await facts.primary()
        row = await facts.named("table_freeze_age", {"relation": arguments["relation"]})
        if row is None:
            raise Refused(f"there is no table {arguments['relation']} here")
        _refuse_second(row)
        name = row["relation"]
        return facts.preview(
            f"freeze {name}",
            relation_victim(row, shown=("xid_age", "mxid_age", "bytes", "freeze_max_age")),
            (
                _freeze(name).decode(),
                LOCK_WORDS,
                *await in_the_way(facts, name, LOCK),
                f"reads the whole table ({size(row['bytes'])}) and writes every page with unfrozen rows; {TAIL}",
                _horizon(await facts.rows("horizon"), row["xid_age"]),
            ),
            reversible="nothing to undo: VACUUM changes no data",
            alternatives=(
                "let autovacuum do it, where it has the time",
                "do nothing: at autovacuum_freeze_max_age autovacuum does it, wanted or not",
            ),
            confirmation=name,
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Freeze, then compare the age."""
        name, before = preview.victims[0].identity["relation"], preview.victims[0].facts["xid_age"]

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("table_freeze_age", {"relation": name})
            if row is None:
                return False, "The table is gone."
            age = row["xid_age"]
            kept = age > 0 and age >= before
            held = f" {sentence(_horizon(await facts.rows('horizon'), age))}." if kept else ""
            return not kept, f"Its age was {before:,}, now {age:,}.{held}"

        return await carried_out(
            self.reader, target, _freeze(name), f"Froze {name}.", look, skips=True, limit_ms=NO_LIMIT_MS
        )


@dataclass(frozen=True, slots=True)
class Analyze:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The table and how old its statistics are. Raises Refused where it is being analyzed."""
        facts = Facts(self.reader, target)
        row = await user_table(facts, arguments["relation"], "table_facts")
        name = row["relation"]
        if row["being_analyzed"]:
            raise Refused(f"{name} is being analyzed right now")
        shown = ("planner_rows", "live_rows", "heap_bytes", "modified_since_analyze", "last_analyze")
        return facts.preview(
            f"analyze {name}",
            relation_victim(row, shown=shown),
            (
                _analyze(name).decode(),
                LOCK_WORDS,
                *await in_the_way(facts, name, LOCK),
                f"reads a sample of {size(row['heap_bytes'])}; new plans are made with the new figures at once",
            ),
            reversible="not reversible: the statistics from before are gone; no row changes",
            alternatives=(
                "let autovacuum do it, where it is on",
                "do nothing: plans stay as wrong as they are",
            ),
            confirmation=name,
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Analyze, then look whether the time of the last ANALYZE moved."""
        victim = preview.victims[0]
        name, before = victim.identity["relation"], victim.facts["last_analyze"]

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("table_facts", {"relation": name})
            done = row is not None and row["last_analyze"] not in (None, before)
            return done, f"The planner counts on {plural(row['planner_rows'], 'row')} now." if row else ""

        return await carried_out(
            self.reader, target, _analyze(name), f"Analyzed {name}.", look, skips=True, limit_ms=NO_LIMIT_MS
        )


def _refuse_second(row: Row) -> None:
    if row["being_vacuumed"]:
        raise Refused(f"{row['relation']} is being vacuumed right now")


def _vacuum(name: str) -> bytes:
    return f"VACUUM (ANALYZE) {name}".encode()


def _freeze(name: str) -> bytes:
    return f"VACUUM (FREEZE) {name}".encode()


def _analyze(name: str) -> bytes:
    return f"ANALYZE {name}".encode()


def _horizon(holders: list[Row], age: int | None = None) -> str:
    """Who keeps dead rows; with the `age` of a table, only who holds so much that it can't go down by half."""
    oldest = (one for one in holders if one["kind"] != "hidden")
    first = next((one for one in oldest if age is None or 2 * (one["horizon_age"] or 0) >= age), None)
    if first is None:
        free = "nobody keeps dead rows from being removed" if age is None else "the age can go down"
        why = hidden(holders)
        return f"horizon not known: {why}" if why else f"horizon free: {free}"
    name = first["pid"] if first["kind"] == "session" else first["name"]
    lasting = f" for {duration(first['held_s'])}" if first["held_s"] is not None else ""
    kept = "dead rows it may still see stay"
    if age is not None:
        kept = f"the age can't go below {first['horizon_age']:,}"
    return f"horizon held by {first['kind']} {name}{lasting}: {kept}"
