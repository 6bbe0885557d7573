"""Dropping and rebuilding an index without blocking anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import NO_LIMIT_MS, RELATION, Facts, carried_out, change_tool, parameters
from agents.database.tools.locking import in_the_way, oldest_snapshot
from agents.database.wording import size
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim
from inventory.masking import HIDDEN

PATIENCE_MS = 60_000
"""CONCURRENTLY waits for transactions older than itself; after this it gives up."""
LONGEST_DEFINITION = 20_000
"""Characters; what is longer is not brought back from here."""
LOCK = "takes ShareUpdateExclusiveLock on the table: reads and writes go on"


def tools(reader: Reader) -> tuple[Tool, ...]:
    dropping = "Drops an index without blocking writes; its definition is kept for the undo"
    building = "Builds an index anew without blocking writes"
    one = parameters(index=RELATION)
    return (
        change_tool(IndexDrop(reader), "drop_index_concurrently", "destructive", dropping, one),
        change_tool(IndexRebuild(reader), "reindex_concurrently", "write", building, one),
    )


async def _index(facts: Facts, name: str) -> Row:
    await facts.primary()
    row = await facts.named("index", {"index": name})
    if row is None:
        raise Refused(f"there is no index {name} here")
    if row["on_toast"]:
        raise Refused(f"{name} belongs to a TOAST table: the server looks after it")
    if row["being_built"]:
        raise Refused(f"{name} or another index of {row['relation']} is being built right now")
    return row


def _victim(row: Row) -> Victim:
    identity = {key: row[key] for key in ("index", "oid", "definition", "valid")}
    return Victim(identity, {key: row[key] for key in ("relation", "bytes", "valid", "unique", "definition")})


@dataclass(frozen=True, slots=True)
class IndexDrop:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The index with its definition. Raises Refused where something needs it."""
        facts = Facts(self.reader, target)
        row = await _index(facts, arguments["index"])
        name = row["index"]
        if reason := _needed(row):
            raise Refused(f"{name} {reason}: reindex_concurrently instead")
        reversible, undo = _undo(row)
        return facts.preview(
            f"drop index {name} of {row['relation']}",
            _victim(row),
            (
                _drop(name).decode(),
                LOCK,
                *await in_the_way(facts, row["relation"], "AccessExclusiveLock", PATIENCE_MS),
                f"{_use(row)}; frees {size(row['bytes'])}",
            ),
            reversible=reversible,
            alternatives=(
                "reindex_concurrently: keeps the index, valid",
                "do nothing: every write pays for it",
            ),
            confirmation=name,
            undo=undo,
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Drop it and look whether it is gone."""
        name = preview.victims[0].identity["index"]

        async def look(facts: Facts) -> tuple[bool, str]:
            return await facts.row("index", {"index": name}) is None, ""

        return await carried_out(
            self.reader,
            target,
            _drop(name),
            f"Dropped index {name}.",
            look,
            limit_ms=NO_LIMIT_MS,
            lock_timeout_ms=PATIENCE_MS,
        )


@dataclass(frozen=True, slots=True)
class IndexRebuild:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The index and what rebuilding it takes."""
        facts = Facts(self.reader, target)
        row = await _index(facts, arguments["index"])
        name = row["index"]
        unique = "fails where the table holds duplicates, and leaves another invalid index"
        return facts.preview(
            f"rebuild index {name} of {row['relation']}",
            _victim(row),
            (
                _rebuild(name).decode(),
                LOCK,
                *await in_the_way(facts, row["relation"], "AccessExclusiveLock", PATIENCE_MS),
                *oldest_snapshot(await facts.rows("horizon"), PATIENCE_MS),
                f"needs about {size(row['bytes'])} more disk while it runs",
                *((unique,) if row["unique"] else ()),
            ),
            reversible="nothing to undo: the index stays, built anew",
            alternatives=(
                "drop_index_concurrently: where no query misses it",
                "do nothing: every write pays for it",
            ),
            confirmation=name,
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Rebuild it and look whether it is valid."""
        name = preview.victims[0].identity["index"]

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("index", {"index": name})
            return row is not None and bool(row["valid"]), ""

        return await carried_out(
            self.reader,
            target,
            _rebuild(name),
            f"Rebuilt index {name}.",
            look,
            hint="A half-built copy with the suffix _ccnew may be left; drop it.",
            limit_ms=NO_LIMIT_MS,
            lock_timeout_ms=PATIENCE_MS,
        )


def _needed(row: Row) -> str:
    """What of the table would not go on without the index; empty where all would."""
    if row["backs_constraint"]:
        return f"backs a constraint of {row['relation']}"
    if row["replica_identity"]:
        return f"is the replica identity of {row['relation']}"
    return "belongs to an index of a partitioned table" if row["partition"] else ""


def _use(row: Row) -> str:
    use = "it is valid: queries may use it" if row["valid"] else "it is invalid: no query uses it"
    return f"{use}; it no longer refuses duplicates" if row["unique"] and row["ready"] else use


def _undo(row: Row) -> tuple[str, dict[str, Any] | None]:
    """How the index comes back, in words and as a call; no call where its definition can't be handed on as it is."""
    definition = row["definition"]
    if HIDDEN in definition or len(definition) > LONGEST_DEFINITION:
        why = "holds what is not shown" if HIDDEN in definition else "is too long"
        return f"not reversible from here: its definition {why}; take it from the server first", None
    lost = f"; without its {' and '.join(row['extras'])}" if row["extras"] else ""
    arguments = {"definition": definition, "tablespace": row["tablespace"]}
    return f"create it again: {definition}{lost}", {"tool": "restore_index", "arguments": arguments}


def _drop(name: str) -> bytes:
    return f"DROP INDEX CONCURRENTLY {name}".encode()


def _rebuild(name: str) -> bytes:
    return f"REINDEX INDEX CONCURRENTLY {name}".encode()
