"""A trigger that was disabled: enabled again, and disabled as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.tools.acting import RELATION, Facts, change_tool, composed, parameters
from agents.database.tools.constraints import NAME
from agents.database.tools.locking import in_the_way
from agents.database.tools.tables import found, relation_victim
from agents.database.tools.under_lock import Locked, carried_out_locked
from agents.kernel.tool import Outcome, Preview, Refused, Tool

LOCK = "ShareRowExclusiveLock"


def tools(reader: Reader) -> tuple[Tool, ...]:
    enable, disable = TriggerSwitch(reader, "enable"), TriggerSwitch(reader, "disable")
    names = parameters(relation=RELATION, trigger_name=NAME)
    return (
        change_tool(enable, "enable_trigger", "write", "Enables a disabled trigger of a table", names),
        change_tool(
            disable,
            "disable_trigger",
            "destructive",
            "Disables a trigger of a table: undoes enable_trigger",
            names,
            by_hand=True,
        ),
    )


@dataclass(frozen=True, slots=True)
class TriggerSwitch:
    """ALTER TABLE … ENABLE TRIGGER or DISABLE TRIGGER, by `verb`."""

    reader: Reader
    verb: str

    @property
    def inverse(self) -> TriggerSwitch:
        return TriggerSwitch(self.reader, "disable" if self.verb == "enable" else "enable")

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The trigger. Raises Refused where its state is not the one that this undoes."""
        facts, name = Facts(self.reader, target), arguments["trigger_name"]
        row = await found(facts, "table_trigger", arguments, f"trigger {name} on {arguments['relation']}")
        relation, before = row["relation"], f"{self.inverse.verb}d"
        if row["state"] != before:
            raise Refused(f"{name} is not {before}: {row['state']}")
        enables = self.verb == "enable"
        return facts.preview(
            f"{self.verb} trigger {name} of {relation}",
            relation_victim(row, "trigger_name", "state", shown=("constraint_name", "definition")),
            (
                self.statement(relation, name).decode(),
                f"takes {LOCK} for a moment: writes to the table wait, reads go on",
                *await in_the_way(facts, relation, LOCK),
                "fires for what is written from then on; rows from before are not checked"
                if enables
                else "no longer fires: what it checks or copies is neither checked nor copied",
            ),
            reversible=f"{self.inverse.statement(relation, name).decode()}; what is written meanwhile stays",
            alternatives=(
                "ask who disabled it first" if enables else "ask who relies on it first",
                "do nothing: it doesn't fire" if enables else "do nothing: it goes on firing",
            ),
            confirmation=name,
            undo={
                "tool": f"{self.inverse.verb}_trigger",
                "arguments": {"relation": relation, "trigger_name": name},
            },
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Switch it and read it again."""
        (victim,) = preview.victims
        relation, name = victim.identity["relation"], victim.identity["trigger_name"]
        what = Locked(LOCK, "table_trigger", {"relation": relation, "trigger_name": name})
        return await carried_out_locked(
            self.reader,
            target,
            victim,
            self.statement(relation, name),
            what,
            f"Trigger {name} of {relation} is {self.verb}d.",
            lambda row: bool(row["state"] == f"{self.verb}d"),
        )

    def statement(self, relation: str, name: str) -> bytes:
        """`relation` comes quoted from the server."""
        from psycopg import sql

        table, trigger = sql.SQL(relation), sql.Identifier(name)
        if self.verb == "enable":
            return composed("ALTER TABLE {table} ENABLE TRIGGER {name}", table=table, name=trigger)
        return composed("ALTER TABLE {table} DISABLE TRIGGER {name}", table=table, name=trigger)
