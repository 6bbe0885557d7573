"""What a killed process of the local experts left in the log, settled before anything is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from functools import partial

from agents.log import EventLog
from inventory.errors import UserError


def settle_left(log: EventLog) -> None:
    """Where a process of theirs was killed at work, start the local experts once: they record what is in doubt."""
    from agents.kernel.recovery import left
    from agents.protocol.experts import EXPERTS
    from agents.protocol.life import alive, lives_of

    if agents := {event.agent for event in left(log, EXPERTS, partial(alive, lives_of(log.path)))}:
        # Where they do not start, what the log says is still true.
        with suppress(UserError):
            asyncio.run(_started(agents))


async def _started(agents: Collection[str]) -> None:
    from agents.protocol.host import LocalHost

    async with LocalHost(sorted(agents)):
        pass
