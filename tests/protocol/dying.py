"""The ledger in a process that is killed (SIGKILL, by its own hand) at one chosen write to the log, once.

`DIE_AT` is `before KIND` or `after KIND`: the event of that kind which comes first once the kind in `DIE_ARMED`
was written; `DIE_MARK` is a file that says it has happened.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from agents.kernel.event import Event
from agents.log import EventLog
from tests.protocol.ledger import Ledger


def create() -> Ledger:
    when, kind = os.environ["DIE_AT"].split()
    armed_by = os.environ["DIE_ARMED"]
    mark = Path(os.environ["DIE_MARK"])
    append, claim = EventLog.append, EventLog.claim
    armed = [False]

    def die(now: str, events: tuple[Event, ...]) -> None:
        kinds = [event.kind for event in events]
        if now == "before" and armed_by in kinds and kind in kinds[kinds.index(armed_by) :]:
            armed[0] = True
        if now == when and kind in kinds and armed[0] and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        armed[0] = armed[0] or (now == "after" and armed_by in kinds)

    def dying_append(log: EventLog, *events: Event) -> Any:
        die("before", events)
        stored = append(log, *events)
        die("after", events)
        return stored

    def dying_claim(log: EventLog, approval_id: str, started: Event) -> bool:
        die("before", (started,))
        used = claim(log, approval_id, started)
        die("after", (started,))
        return used

    EventLog.append, EventLog.claim = dying_append, dying_claim  # type: ignore[method-assign]
    return Ledger()
