"""Making the server read its configuration files again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.database.reading import Reader, ReadFailed
from agents.database.snapshot import Row
from agents.database.tools.acting import Facts, carried_out, change_tool, parameters
from agents.database.wording import plural
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

RELOAD = b"SELECT pg_catalog.pg_reload_conf()"
TAKES_EFFECT_S = 5.0
POLL_S = 0.05
LISTED = 5


def tools(reader: Reader) -> tuple[Tool, ...]:
    summary = "Makes the server read postgresql.conf and pg_hba.conf again, where they have no error"
    return (change_tool(Reload(reader), "reload_configuration", "write", summary, parameters()),)


@dataclass(frozen=True, slots=True)
class Reload:
    reader: Reader

    async def preview(self, _: Mapping[str, Any], target: str) -> Preview:
        """When it last read them. Raises Refused where a file has an error that would make it ignore them."""
        facts = Facts(self.reader, target)
        uptime = await _uptime(facts)
        checked = await _errors(facts)
        if checked:
            raise Refused(f"the files have {plural(len(checked), 'error')}: {'; '.join(checked[:LISTED])}")
        return facts.preview(
            "reload the configuration",
            Victim({"started": uptime["started"]}, dict(uptime)),
            (
                f"last read at {uptime['configuration_loaded']}; changed lines take effect in all sessions",
                "rules of pg_hba.conf hold for new connections only",
                "no error that this login can see in the files",
            ),
            restart="no; settings that need one stay as they are and show as pending",
            reversible="not reversible from here: put the files back and reload again",
            alternatives=("do nothing: the server goes on with what it has read",),
            confirmation="reload",
        )

    async def change(self, _: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Reload, and wait until the server says that it has read them."""
        before = preview.victims[0].facts["configuration_loaded"]

        async def look(facts: Facts) -> tuple[bool, str]:
            until = time.monotonic() + TAKES_EFFECT_S
            while True:
                row = await _uptime(facts)
                if row["configuration_loaded"] != before or time.monotonic() > until:
                    return row["configuration_loaded"] != before, f"Read at {row['configuration_loaded']}."
                await asyncio.sleep(POLL_S)

        return await carried_out(self.reader, target, RELOAD, "The server was told to reload.", look)


async def _uptime(facts: Facts) -> Row:
    row = await facts.row("uptime")
    if row is None:
        raise Refused("the server doesn't say when it read its configuration")
    return row


async def _errors(facts: Facts) -> list[str]:
    """What is wrong in the files, as far as the login may see it."""
    found: list[str] = []
    try:
        rows = await facts.rows("file_errors")
        found += [f"{row['file']}:{row['line']} {row['error']}" for row in rows if not row["needs_restart"]]
        rules = await facts.rows("hba_rules")
        found += [
            f"{row['file']}:{row['line']} {row['error']}"
            for row in rules
            if row["error"] and row["method"] is None
        ]
    except ReadFailed:
        return found
    return found
