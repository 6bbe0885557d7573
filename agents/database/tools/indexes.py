"""Dropping and rebuilding an index without blocking anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import (
    NO_LIMIT_MS,
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

OLD_TRANSACTIONS_MS = 60_000
"""CONCURRENTLY waits for transactions older than itself; after this it gives up."""
PARAMETERS = {
    "type": "object",
    "properties": {
        "index": {"type": "string", "minLength": 1, "description": "schema-qualified, quoted as SQL needs it"}
    },
    "required": ["index"],
    "additionalProperties": False,
}
LOCK = "takes ShareUpdateExclusiveLock on the table: reads and writes go on"


def tools(reader: Reader) -> tuple[Tool, ...]:
    drop, rebuild = IndexDrop(reader), IndexRebuild(reader)
    return (
        Tool(
            "drop_index_concurrently",
            "destructive",
            "Drops an index without blocking writes; its definition is kept for the undo",
            PARAMETERS,
            preview=drop.preview,
            change=drop.change,
        ),
        Tool(
            "reindex_concurrently",
            "write",
            "Builds an index anew without blocking writes",
            PARAMETERS,
            preview=rebuild.preview,
            change=rebuild.change,
        ),
    )


async def _index(facts: Facts, name: str) -> Row:
    not_on_standby(await facts.server())
    row = await table_row(facts, "index", {"index": name})
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


async def oldest_transaction(facts: Facts) -> str:
    """Whether CONCURRENTLY can start at once, or whom it waits for."""
    holders = [row for row in await facts.rows("horizon") if row["kind"] == "session"]
    if not holders:
        return "no older transaction is open: it can start at once"
    return (
        f"waits for older transactions, the oldest is of session {holders[0]['pid']}, open for "
        f"{duration(holders[0]['held_s'])}; gives up after {OLD_TRANSACTIONS_MS // 1000} s"
    )


@dataclass(frozen=True, slots=True)
class IndexDrop:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The index with its definition. Raises Refused where a constraint needs it."""
        facts = Facts(self.reader, target)
        row = await _index(facts, arguments["index"])
        name = row["index"]
        if row["backs_constraint"]:
            raise Refused(f"{name} backs a constraint of {row['relation']}: reindex_concurrently instead")
        use = "it is valid: queries may use it" if row["valid"] else "it is invalid: no query uses it"
        return Preview(
            action=f"drop index {name} of {row['relation']} on {target}",
            victims=(_victim(row),),
            effect=(
                _drop(name).decode(),
                LOCK,
                f"{use}; frees {size(row['bytes'])}",
                await oldest_transaction(facts),
                "restart needed: no",
            ),
            reversible=f"run its definition again: {row['definition']}",
            alternatives=(
                "reindex_concurrently: keeps the index, valid",
                "do nothing: every write pays for it",
            ),
            confirmation=name,
            captured_at=utc_now(),
            undo={"statement": row["definition"]},
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Drop it and look whether it is gone."""
        name = preview.victims[0].identity["index"]
        try:
            await act(target, _drop(name), limit_ms=NO_LIMIT_MS, lock_timeout_ms=OLD_TRANSACTIONS_MS)
        except ActFailed as error:
            return failed(error)

        async def look(facts: Facts) -> tuple[bool, str]:
            return await facts.row("index", {"index": name}) is None, ""

        return await confirmed(self.reader, target, f"Dropped index {name}.", look)


@dataclass(frozen=True, slots=True)
class IndexRebuild:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The index and what rebuilding it takes."""
        facts = Facts(self.reader, target)
        row = await _index(facts, arguments["index"])
        name = row["index"]
        unique = (
            ("fails where the table holds duplicates, and leaves another invalid index",)
            if row["unique"]
            else ()
        )
        return Preview(
            action=f"rebuild index {name} of {row['relation']} on {target}",
            victims=(_victim(row),),
            effect=(
                _rebuild(name).decode(),
                LOCK,
                f"needs about {size(row['bytes'])} more disk while it runs",
                await oldest_transaction(facts),
                *unique,
                "restart needed: no",
            ),
            reversible="nothing to undo: the index stays, built anew",
            alternatives=(
                "drop_index_concurrently: where no query misses it",
                "do nothing: every write pays for it",
            ),
            confirmation=name,
            captured_at=utc_now(),
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Rebuild it and look whether it is valid."""
        name = preview.victims[0].identity["index"]
        try:
            await act(target, _rebuild(name), limit_ms=NO_LIMIT_MS, lock_timeout_ms=OLD_TRANSACTIONS_MS)
        except ActFailed as error:
            text = f"Rebuilding {name} failed: {error}. A half-built copy with the suffix _ccnew may be left; drop it."
            return Outcome(False, text, verified=False)

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await facts.row("index", {"index": name})
            return row is not None and bool(row["valid"]), ""

        return await confirmed(self.reader, target, f"Rebuilt index {name}.", look)


def _drop(name: str) -> bytes:
    return f"DROP INDEX CONCURRENTLY {name}".encode()


def _rebuild(name: str) -> bytes:
    return f"REINDEX INDEX CONCURRENTLY {name}".encode()
