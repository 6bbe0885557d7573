"""Replay of WAL on a standby: going on where it is paused, and paused as it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader
from agents.database.snapshot import Row
from agents.database.tools.acting import Facts, carried_out, change_tool, parameters
from agents.database.wording import size
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

RESUME = b"SELECT pg_catalog.pg_wal_replay_resume() WHERE pg_catalog.pg_is_wal_replay_paused()"
PAUSE = b"SELECT pg_catalog.pg_wal_replay_pause() WHERE NOT pg_catalog.pg_is_wal_replay_paused()"
CHANGED = "replay is not as it was a moment ago"
TAKES_EFFECT_S = 5.0
POLL_S = 0.05


def tools(reader: Reader) -> tuple[Tool, ...]:
    return (
        change_tool(
            ReplayResume(reader),
            "resume_replay",
            "write",
            "Lets a standby whose replay is paused go on replaying WAL",
            parameters(),
        ),
        change_tool(
            ReplayPause(reader),
            "pause_replay",
            "write",
            "Pauses the replay of WAL on a standby: undoes resume_replay",
            parameters(),
            by_hand=True,
        ),
    )


@dataclass(frozen=True, slots=True)
class ReplayResume:
    reader: Reader

    async def preview(self, _: Mapping[str, Any], target: str) -> Preview:
        """What waits to be replayed. Raises Refused where nothing is paused, or resuming would promote."""
        facts = Facts(self.reader, target)
        row = await _standby(facts)
        if not row["paused"]:
            raise Refused("replay isn't paused here")
        if row["recovery_target"]:
            raise Refused(
                f"it stands at its recovery target ({row['recovery_target']}): resuming would promote it"
            )
        return facts.preview(
            "resume replay",
            _victim(row, "replayed_lsn"),
            (
                RESUME.decode(),
                f"replays {size(row['gap_bytes'])} that have arrived, and what follows",
                "queries here that conflict with it are cancelled after max_standby_streaming_delay",
                "if it paused because a setting is lower than on the primary (the server log says so), the server "
                "stops instead: raise the setting first",
            ),
            reversible=f"{PAUSE.decode()}; what was replayed stays",
            alternatives=("do nothing: data here grow old and pg_wal grows",),
            confirmation="resume",
            undo={"tool": "pause_replay", "arguments": {}},
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Resume, and wait until the server says that replay goes on."""

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await _once(facts, lambda row: not row["paused"] and not row["gap_bytes"])
            if row is None:
                return True, "The server is no standby any more."
            arrived = f"Replayed up to {row['replayed_lsn']}; {size(row['gap_bytes'])} still wait."
            return not row["paused"], arrived

        return await carried_out(self.reader, target, RESUME, "Replay resumed.", look, otherwise=CHANGED)


@dataclass(frozen=True, slots=True)
class ReplayPause:
    reader: Reader

    async def preview(self, _: Mapping[str, Any], target: str) -> Preview:
        """How far replay is. Raises Refused where it is paused already."""
        facts = Facts(self.reader, target)
        row = await _standby(facts)
        if row["paused"]:
            raise Refused("replay is paused here already")
        return facts.preview(
            "pause replay",
            _victim(row),
            (
                PAUSE.decode(),
                f"it stays at about {row['replayed_lsn']}: queries here see no newer data",
                "WAL goes on arriving, and pg_wal grows here until replay goes on",
            ),
            reversible=RESUME.decode(),
            alternatives=("do nothing: replay goes on",),
            confirmation="pause",
            undo={"tool": "resume_replay", "arguments": {}},
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Pause, and wait until the server says that it has."""

        async def look(facts: Facts) -> tuple[bool, str]:
            row = await _once(facts, lambda row: row["pause_state"] == "paused")
            if row is None:
                return False, "The server is no standby any more."
            return row["pause_state"] == "paused", f"Replayed up to {row['replayed_lsn']}."

        return await carried_out(self.reader, target, PAUSE, "Replay paused.", look, otherwise=CHANGED)


async def _standby(facts: Facts) -> Row:
    row = await facts.row("recovery")
    if row is None:
        raise Refused("this server is no standby: it has nothing to replay")
    return row


async def _once(facts: Facts, holds: Callable[[Row], bool]) -> Row | None:
    """The state once `holds` is true of it, or as it is after `TAKES_EFFECT_S`; None where it is no standby."""
    until = time.monotonic() + TAKES_EFFECT_S
    while True:
        row = await facts.row("recovery")
        if row is None or holds(row) or time.monotonic() > until:
            return row
        await asyncio.sleep(POLL_S)


def _victim(row: Row, *bound: str) -> Victim:
    return Victim({key: row[key] for key in ("paused", "recovery_target", *bound)}, dict(row))
