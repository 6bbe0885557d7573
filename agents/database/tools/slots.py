"""Dropping a replication slot that nobody uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import Facts, carried_out, change_tool, parameters
from agents.database.wording import duration, size
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

SLOT_NAME = {"type": "string", "minLength": 1, "description": "name of the slot"}
DROP = (
    b"SELECT pg_catalog.pg_drop_replication_slot(s.slot_name) FROM pg_catalog.pg_replication_slots s"
    b" WHERE s.slot_name = %s AND NOT s.active"
    b" AND (s.slot_type, s.plugin, s.database, s.restart_lsn::pg_catalog.text)"
    b" IS NOT DISTINCT FROM (%s::pg_catalog.text, %s::pg_catalog.name, %s::pg_catalog.name, %s::pg_catalog.text)"
)
"""What was approved is looked at in the statement that drops it."""
BOUND = ("slot_name", "slot_type", "plugin", "database", "restart_lsn")


def tools(reader: Reader) -> tuple[Tool, ...]:
    summary = "Drops a replication slot that is not in use, so that its WAL can be removed"
    return (
        change_tool(
            SlotDrop(reader), "drop_inactive_slot", "destructive", summary, parameters(slot_name=SLOT_NAME)
        ),
    )


@dataclass(frozen=True, slots=True)
class SlotDrop:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The slot as it is now. Raises Refused where it is active or gone."""
        facts = Facts(self.reader, target)
        slot = await facts.row("replication_slot", dict(arguments))
        name = arguments["slot_name"]
        if slot is None:
            raise Refused(f"slot {name} is gone already")
        if slot["active"]:
            raise Refused(f"slot {name} is active: its consumer is connected; stop the consumer first")
        return facts.preview(
            f"drop the inactive {slot['slot_type']} replication slot {name}",
            _victim(slot),
            (
                f"lets {size(slot['retained_bytes'])} of WAL go at the next checkpoint",
                f"whoever used {name} can't go on and must be rebuilt from a base backup or initial copy",
            ),
            reversible="not reversible: a slot of the same name can be made again, the WAL it kept can't",
            alternatives=(
                "start the consumer again: it catches up and the WAL goes by itself",
                "max_slot_wal_keep_size limits what slots may keep (reload)",
                "do nothing: WAL grows until the disk is full or the limit invalidates the slot",
            ),
            confirmation=name,
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Drop it, if it is still the one that was approved, and inactive."""
        name, identity = arguments["slot_name"], preview.victims[0].identity

        async def look(facts: Facts) -> tuple[bool, str]:
            return await facts.row("replication_slot", dict(arguments)) is None, ""

        return await carried_out(
            self.reader,
            target,
            DROP,
            f"Dropped slot {name}. Its WAL goes at the next checkpoint.",
            look,
            values=[identity[key] for key in BOUND],
            otherwise=f"slot {name} is gone, another one, or somebody uses it now",
        )


def _victim(slot: Row) -> Victim:
    inactive = duration(slot["inactive_s"]) if slot["inactive_s"] is not None else "unknown"
    consumer = "a standby or pg_receivewal: the server does not keep which"
    if slot["plugin"]:
        consumer = f"a subscriber of database {slot['database']}, by {slot['plugin']}"
    shown = {key: slot[key] for key in ("retained_bytes", "wal_status")}
    return Victim(
        {key: slot[key] for key in (*BOUND, "active")},
        {"consumer": consumer, "inactive_for": inactive, **shown},
    )
