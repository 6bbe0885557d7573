"""Dropping a replication slot that nobody uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import ActFailed, Facts, act, confirmed, failed
from agents.database.wording import duration, size
from agents.kernel.canonical import utc_now
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

PARAMETERS = {
    "type": "object",
    "properties": {"slot_name": {"type": "string", "minLength": 1, "description": "name of the slot"}},
    "required": ["slot_name"],
    "additionalProperties": False,
}
DROP = (
    b"SELECT pg_catalog.pg_drop_replication_slot(s.slot_name) FROM pg_catalog.pg_replication_slots s"
    b" WHERE s.slot_name = %s AND NOT s.active"
)


def tools(reader: Reader) -> tuple[Tool, ...]:
    drop = SlotDrop(reader)
    summary = "Drops a replication slot that is not in use, so that its WAL can be removed"
    return (
        Tool(
            "drop_inactive_slot", "destructive", summary, PARAMETERS, preview=drop.preview, change=drop.change
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
        return Preview(
            action=f"drop the inactive {slot['slot_type']} replication slot {name} on {target}",
            victims=(_victim(slot),),
            effect=(
                f"lets {size(slot['retained_bytes'])} of WAL go at the next checkpoint",
                f"whoever used {name} can't go on and must be rebuilt from a base backup or initial copy",
                "restart needed: no",
            ),
            reversible="not reversible: a slot of the same name can be made again, the WAL it kept can't",
            alternatives=(
                "start the consumer again: it catches up and the WAL goes by itself",
                "max_slot_wal_keep_size limits what slots may keep (reload)",
                "do nothing: WAL grows until the disk is full or the limit invalidates the slot",
            ),
            confirmation=name,
            captured_at=utc_now(),
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Drop it, if it is still inactive."""
        name = arguments["slot_name"]
        try:
            rows, _ = await act(target, DROP, (name,))
        except ActFailed as error:
            return failed(error)
        if not rows:
            raise Refused(f"slot {name} is gone, or somebody uses it now")

        async def look(facts: Facts) -> tuple[bool, str]:
            return await facts.row("replication_slot", dict(arguments)) is None, ""

        text = f"Dropped slot {name}. Its WAL goes at the next checkpoint."
        return await confirmed(self.reader, target, text, look)


def _victim(slot: Row) -> Victim:
    identity = {
        key: slot[key] for key in ("slot_name", "slot_type", "plugin", "database", "restart_lsn", "active")
    }
    inactive = duration(slot["inactive_s"]) if slot["inactive_s"] is not None else "unknown"
    facts = {
        "retained_bytes": slot["retained_bytes"],
        "wal_status": slot["wal_status"],
        "inactive_for": inactive,
        "plugin": slot["plugin"],
        "database": slot["database"],
    }
    return Victim(identity, facts)
