"""Letting a paused standby replay WAL again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import ActFailed, Facts, act, confirmed, failed
from agents.database.wording import size
from agents.kernel.canonical import utc_now
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

PARAMETERS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
RESUME = b"SELECT pg_catalog.pg_wal_replay_resume() WHERE pg_catalog.pg_is_wal_replay_paused()"
TAKES_EFFECT_S = 5.0
POLL_S = 0.05


def tools(reader: Reader) -> tuple[Tool, ...]:
    resume = ReplayResume(reader)
    return (
        Tool(
            "resume_replay",
            "write",
            "Lets a standby whose replay is paused go on replaying WAL",
            PARAMETERS,
            preview=resume.preview,
            change=resume.change,
        ),
    )


@dataclass(frozen=True, slots=True)
class ReplayResume:
    reader: Reader

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """What waits to be replayed. Raises Refused where nothing is paused, or resuming would promote."""
        facts = Facts(self.reader, target)
        row = await facts.row("recovery")
        if row is None:
            raise Refused("this server is no standby: it has nothing to replay")
        if not row["paused"]:
            raise Refused("replay isn't paused here")
        if row["recovery_target"]:
            raise Refused(
                f"it stands at its recovery target ({row['recovery_target']}): resuming would promote it"
            )
        return Preview(
            action=f"resume replay on the standby {target}",
            victims=(_victim(row),),
            effect=(
                f"replays {size(row['gap_bytes'])} that have arrived, and what follows",
                "queries here that conflict with it are cancelled after max_standby_streaming_delay",
                "if it paused because a setting is lower than on the primary (the server log says so), the server "
                "stops instead: raise the setting first",
                "restart needed: no",
            ),
            reversible="pg_wal_replay_pause() stops it again; what was replayed stays",
            alternatives=("do nothing: data here grow old and pg_wal grows",),
            confirmation="resume",
            captured_at=utc_now(),
            undo={"statement": "SELECT pg_catalog.pg_wal_replay_pause()"},
            evidence=tuple(facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Resume, and wait until the server says that replay goes on."""
        try:
            rows, _ = await act(target, RESUME)
        except ActFailed as error:
            return failed(error)
        if not rows:
            raise Refused("replay isn't paused any more")

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await self._once_running(facts)
            if row is None:
                return True, "The server is no standby any more."
            return not row[
                "paused"
            ], f"Replayed up to {row['replayed_lsn']}; {size(row['gap_bytes'])} still wait."

        return await confirmed(self.reader, target, "Replay resumed.", look)

    async def _once_running(self, facts: Facts) -> Row | None:
        """The state once something more was replayed or nothing waits, or as it is after `TAKES_EFFECT_S`."""
        until = time.monotonic() + TAKES_EFFECT_S
        while True:
            row = await facts.row("recovery")
            if row is None or (not row["paused"] and not row["gap_bytes"]) or time.monotonic() > until:
                return row
            await asyncio.sleep(POLL_S)


def _victim(row: Row) -> Victim:
    identity = {key: row[key] for key in ("paused", "recovery_target", "replayed_lsn")}
    return Victim(identity, dict(row))
