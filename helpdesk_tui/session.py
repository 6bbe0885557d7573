"""The feed: the one ordered source of all that the screen shows, read from the event log."""

from __future__ import annotations

import asyncio
import getpass
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.kernel.event import Event, new_id
from agents.kernel.records import Evidence
from inventory import __version__
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.log import EventLog, StoredEvent
    from inventory.target import Target

POLL_S = 0.5
"""Longest wait for events that another process appends; our own wake the feed at once."""

Deliver = Callable[[Sequence[Event]], None]


class Feed:
    """Opens the log, replays a session, then delivers what is appended, by whomever, in the log's order."""

    def __init__(self, path: Path | None = None, *, flush_s: float = 0.1, principal: str = "") -> None:
        """`flush_s`: shortest time between two deliveries, in seconds; `principal`: who sits here, where it
        is not the user of this account."""
        self.session = ""
        self.purpose = ""
        """What the session is for, as it said last."""
        self.operator = principal or operator()
        """The principal of who sits here."""
        self.resumed = False
        self._path = path
        self._flush_s = flush_s
        self._log: EventLog | None = None
        self._seq = 0
        self._evidence: dict[str, str] = {}
        self._woken = asyncio.Event()

    async def open(self, session: str | None, target: Target | None, *, fresh: bool = False) -> list[Event]:
        """Open the log and the session, and return what happened in it so far.

        `session` opens that one; else the last one (of `target`, where given); else, or if `fresh`, a new one.
        Raises UserError: exit 2 for a session that is not there, 3 where the log cannot be used.
        """
        return await asyncio.to_thread(self._open, session, target, fresh)

    def _open(self, session: str | None, target: Target | None, fresh: bool) -> list[Event]:
        from agents.log import EventLog

        log = self._log = EventLog.open(self._path)
        described = target.describe() if target else None
        self.session = _choose(log, session, described, fresh)
        self.resumed = bool(self.session)
        if not self.session:
            self.session = new_id()
            log.append(_opened(self.session, described))
        return self._take(log.events(self.session))

    async def append(self, *events: Event) -> None:
        """Put events into the log; they come back through `follow`, in order."""
        await asyncio.to_thread(self.log.append, *events)
        self.wake()

    def event(self, kind: str, body: Mapping[str, Any], **more: str) -> Event:
        """An event of this session by the operator, not yet in the log."""
        fields = {"principal": self.operator, **more}
        return Event(kind=kind, session=self.session, body=body, **fields)

    def wake(self) -> None:
        """Say that there may be something new."""
        self._woken.set()

    async def follow(self, deliver: Deliver) -> None:
        """Deliver new events for ever; at most one delivery each `flush_s`."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_S)
            self._woken.clear()
            if events := await self.fetch():
                deliver(events)
                await asyncio.sleep(self._flush_s)

    async def fetch(self) -> list[Event]:
        """What was appended since the last look."""
        return self._take(await asyncio.to_thread(self.log.events, self.session, self._seq))

    async def evidence(self, ids: Sequence[str]) -> list[Evidence]:
        """The evidence with these ids, in this order; ids that the session does not hold are left out."""
        events = [self._evidence[id] for id in ids if id in self._evidence]
        return await asyncio.to_thread(self._read_evidence, events)

    async def whole(self, evidence: Evidence) -> Evidence | None:
        """The evidence with all that was kept of it; None where there is no more than it holds.

        Raises UserError where that is gone, or not what was kept.
        """
        return await asyncio.to_thread(self._read_whole, evidence)

    def _read_whole(self, evidence: Evidence) -> Evidence | None:
        from agents.log.outputs import read_output
        from helpdesk_tui.whole_output import unfolded

        kept = self.log.kept_output(evidence.id, self.session)
        if kept is None:
            return None
        return unfolded(evidence, read_output(self.log.path, self.session, str(kept.event.body["sha256"])))

    def _read_evidence(self, event_ids: Sequence[str]) -> list[Evidence]:
        stored = [self.log.find(event_id) for event_id in event_ids]
        # Purged meanwhile, it is an event of another kind.
        kept = [item.event for item in stored if item and item.event.kind == "evidence"]
        return [Evidence.from_json(event.body["evidence"]) for event in kept]

    def _take(self, stored: Sequence[StoredEvent]) -> list[Event]:
        for item in stored:
            self._seq = max(self._seq, item.seq)
            if item.event.kind == "session.purpose":
                self.purpose = str(item.event.body.get("purpose") or "")
            if item.event.kind == "evidence":
                self._evidence[item.event.body["evidence"]["id"]] = item.event.id
        return [item.event for item in stored]

    @property
    def log(self) -> EventLog:
        """The log; RuntimeError before `open`."""
        if self._log is None:
            raise RuntimeError("the feed is not open")
        return self._log

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def operator() -> str:
    """The principal of who sits here."""
    return f"operator:{_user()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _choose(log: EventLog, session: str | None, target: Mapping[str, Any] | None, fresh: bool) -> str:
    rows = log.sessions()
    if session is not None:
        if not any(row.id == session for row in rows):
            raise UserError(f"{session}: no such session; `helpdesk session list` shows them")
        return session
    if fresh:
        return ""
    if target is None:
        return rows[0].id if rows else ""
    return next((row.id for row in rows if row.target == target["name"] and _same(log, row.id, target)), "")


def _same(log: EventLog, session: str, target: Mapping[str, Any]) -> bool:
    """True where the session worked on this very database last, not on another one of the same name."""
    chosen = log.events(session, kinds=("session.opened", "target.selected"))
    last: Mapping[str, Any] = next(
        (item.event.body["target"] for item in reversed(chosen) if item.event.body.get("target")), {}
    )
    return all(last.get(key) == target[key] for key in ("name", "host", "port", "database"))


def _opened(session: str, target: Mapping[str, Any] | None) -> Event:
    body = {"operator": _user(), "host": socket.gethostname(), "version": __version__, "target": target}
    name = str(target["name"]) if target else ""
    return Event(kind="session.opened", session=session, body=body, principal=operator(), target=name)
