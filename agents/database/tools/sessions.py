"""Ending what a session does, or the session: cancel and terminate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.database.lock_tree import LockTree, Release
from agents.database.reading import Reader, ReadFailed, ServerLost
from agents.database.session_rules import idle_in_transaction, why_not_ended
from agents.database.snapshot import Row
from agents.database.tools.acting import ActFailed, Facts, act, failed
from agents.database.wording import briefly, duration, granted, pids, plural
from agents.kernel.canonical import utc_now
from agents.kernel.records import Risk
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim
from inventory.failure import ConnectFailed

GONE_WITHIN_MS = 5000
"""How long the server waits for a terminated session to be gone before it reports that it isn't."""
SETTLE_S = 3.0
"""How long the chain behind an ended session gets to move on before the verification is written down."""
POLL_S = 0.05
PARAMETERS = {
    "type": "object",
    "properties": {
        "pid": {"type": "integer", "minimum": 1, "description": "the session's process id"},
        "backend_start": {"type": "string", "description": "when the session started, ISO 8601"},
        "override_superuser": {"type": "boolean", "description": "also where it belongs to a superuser"},
    },
    "required": ["pid", "backend_start"],
    "additionalProperties": False,
}
TERMINATE = (
    b"SELECT pg_catalog.pg_terminate_backend(a.pid, 5000) FROM pg_catalog.pg_stat_activity a"
    b" WHERE a.pid = %s AND a.backend_start = %s::timestamptz"
)
CANCEL = (
    b"SELECT pg_catalog.pg_cancel_backend(a.pid) FROM pg_catalog.pg_stat_activity a"
    b" WHERE a.pid = %s AND a.backend_start = %s::timestamptz AND a.state = 'active'"
)


def tools(reader: Reader) -> tuple[Tool, ...]:
    terminate = SessionEnd(reader, "terminate_session", "destructive", TERMINATE)
    cancel = SessionEnd(reader, "cancel_session", "write", CANCEL)
    return (
        cancel.tool(
            "Cancels the statement that a session runs; the session stays, its transaction is rolled back"
        ),
        terminate.tool("Ends a session; its open transaction is rolled back"),
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    """The session in question and everyone who waits, read at one time."""

    session: Row
    held: Row | None
    tree: LockTree
    longest_wait_s: float
    facts: Facts

    @property
    def release(self) -> Release:
        return self.tree.without(self.session["pid"])

    @property
    def waiters(self) -> tuple[int, ...]:
        return self.tree.waiters(self.session["pid"])


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Cancel or terminate, by name."""

    reader: Reader
    name: str
    risk: Risk
    statement: bytes

    def tool(self, summary: str) -> Tool:
        return Tool(self.name, self.risk, summary, PARAMETERS, preview=self.preview, change=self.change)

    @property
    def cancels(self) -> bool:
        return self.name == "cancel_session"

    async def preview(self, arguments: Mapping[str, Any], target: str) -> Preview:
        """The session as it is now, who is freed, what is lost. Raises Refused where it is never right."""
        async with self.reader.lease(target):
            scene = await self._scene(arguments, target)
        session = scene.session
        verb = "cancel the statement of" if self.cancels else "end"
        return Preview(
            action=f"{verb} {briefly(session)} on {target}",
            victims=(_victim(scene),),
            effect=self._effect(scene),
            reversible=f"not reversible: {_gone_for_good(session, cancels=self.cancels)}",
            alternatives=self._alternatives(scene),
            confirmation=str(session["pid"]),
            captured_at=utc_now(),
            evidence=tuple(scene.facts.evidence),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Signal the very session that was previewed, then look who is free."""
        pid = arguments["pid"]
        waited = tuple(preview.victims[0].facts["waiters"])
        try:
            rows, _ = await act(target, self.statement, (pid, arguments["backend_start"]))
        except ActFailed as error:
            return failed(error)
        if not rows:
            raise Refused(f"session {pid} is gone, or no longer runs what it ran")
        if not rows[0][0]:
            return Outcome(
                ok=False,
                text=f"The signal was sent; session {pid} is still there after {GONE_WITHIN_MS / 1000:.0f} s.",
                verified=False,
            )
        try:
            return await self._verified(arguments, target, waited)
        except (ReadFailed, ServerLost, ConnectFailed) as error:
            return Outcome(ok=True, text=f"{self._done(pid)} Then reading failed: {error}.", verified=None)

    async def _scene(self, arguments: Mapping[str, Any], target: str) -> _Scene:
        facts = Facts(self.reader, target)
        pid = arguments["pid"]
        session = await facts.row("session", {"pid": pid})
        waits = await facts.rows("waiting_locks")
        held = [row for row in await facts.rows("locks_held") if row["pid"] == pid]
        self._refuse(session, arguments, await facts.server())
        assert session is not None
        tree = LockTree.of_rows(waits)
        behind = tree.waiters(pid)
        longest = max((row["wait_s"] for row in waits if row["pid"] in behind), default=0.0)
        return _Scene(session, next(iter(held), None), tree, longest, facts)

    def _refuse(self, session: Row | None, arguments: Mapping[str, Any], server: Row) -> None:
        """Raise Refused where the session isn't the one meant or must not be ended."""
        pid = arguments["pid"]
        if session is None:
            raise Refused(f"session {pid} is gone already")
        override = bool(arguments.get("override_superuser"))
        if reason := why_not_ended(session, override_superuser=override):
            raise Refused(f"session {pid} is not ended: {reason}")
        if _moment(session["backend_start"]) != _moment(arguments["backend_start"]):
            raise Refused(f"pid {pid} belongs to another session now, started {session['backend_start']}")
        if self.cancels and idle_in_transaction(session):
            raise Refused(
                f"session {pid} is idle in transaction: cancelling has no effect, terminate_session has"
            )
        if self.cancels and session["state"] != "active":
            raise Refused(f"session {pid} runs nothing that could be cancelled: it is {session['state']}")
        if not (server["superuser"] or _may_signal(session, server)):
            raise Refused(
                f"login {server['role']} may not signal sessions of {session['user']}: "
                + granted("GRANT pg_signal_backend TO {role}", server["role"])
            )

    def _effect(self, scene: _Scene) -> tuple[str, ...]:
        pid = scene.session["pid"]
        ends = f"cancels the statement of session {pid}" if self.cancels else f"ends 1 session: {pid}"
        return (ends, _freed(scene), f"work lost: {_lost(scene.session)}", "restart needed: no")

    def _alternatives(self, scene: _Scene) -> tuple[str, ...]:
        session = scene.session
        owner = session["application"] or session["user"]
        lines = [f"ask the owner of {owner} ({session['client']}) to COMMIT or ROLLBACK"]
        if not self.cancels and session["state"] == "active":
            lines.insert(
                0, "cancel_session first: its transaction aborts, its locks go, the connection stays"
            )
        elif idle_in_transaction(session):
            lines.append("cancelling is no alternative: it has no effect on an idle session")
        if scene.waiters:
            waiting = f"{plural(len(scene.waiters), 'session')} keep waiting, the longest for {duration(scene.longest_wait_s)} now"
            lines.append(f"do nothing: {waiting}")
        else:
            lines.append("do nothing: nobody waits for it")
        return tuple(lines)

    async def _verified(self, arguments: Mapping[str, Any], target: str, waited: tuple[int, ...]) -> Outcome:
        pid = arguments["pid"]
        until = time.monotonic() + SETTLE_S
        async with self.reader.lease(target):
            while True:
                facts = Facts(self.reader, target)
                session = await facts.row("session", {"pid": pid})
                tree = LockTree.of_rows(await facts.rows("waiting_locks"))
                blocked = [waiter for waiter in waited if waiter in tree.blockers]
                ended = self._ended(session, arguments)
                if (ended and not blocked) or time.monotonic() > until:
                    break
                await asyncio.sleep(POLL_S)
            left = await self._left(facts, waited)
        behind = {ahead for waiter in blocked for ahead in tree.blockers[waiter]}
        text = self._done(pid) if ended else f"Session {pid} is still there."
        if blocked:
            text += f" {plural(len(blocked), 'session')} ({pids(blocked)}) still wait behind {pids(sorted(behind))}."
        if left:
            text += f" Disconnected since: {pids(left)}."
        free = tuple(waiter for waiter in waited if waiter not in blocked)
        released = ended and pid not in behind
        return Outcome(ended, text, verified=released, freed=free, evidence=tuple(facts.evidence))

    def _ended(self, session: Row | None, arguments: Mapping[str, Any]) -> bool:
        if session is None or _moment(session["backend_start"]) != _moment(arguments["backend_start"]):
            return True
        return self.cancels and session["state"] != "active"

    def _done(self, pid: int) -> str:
        return f"Cancelled the statement of session {pid}." if self.cancels else f"Ended session {pid}."

    async def _left(self, facts: Facts, waited: tuple[int, ...]) -> list[int]:
        """Waiters whose session isn't there any more: they finished and left, or they were lost."""
        there = {row["pid"] for row in await facts.rows("sessions")}
        return [waiter for waiter in waited if waiter not in there]


def _victim(scene: _Scene) -> Victim:
    session, held = scene.session, scene.held
    identity = {key: session[key] for key in ("pid", "backend_start", "xact_start", "query_id")}
    shown = ("user", "database", "application", "client", "state", "query", "xact_s")
    idle = session["state_s"] if session["state"] != "active" else None
    facts = {key: session[key] for key in shown} | {
        "idle_s": idle,
        "wrote": session["wrote"],
        "locks": held["locks"] if held else None,
        "waiters": list(scene.waiters),
    }
    return Victim(identity, facts)


def _freed(scene: _Scene) -> str:
    release, behind = scene.release, len(scene.waiters)
    if not behind:
        return "frees nobody: nobody waits for it"
    parts = [
        f"unblocks {len(release.freed)} of {behind}: {len(release.at_once)} at once ({pids(release.at_once)})"
    ]
    if release.following:
        parts.append(f"{len(release.following)} as those ahead finish")
    for blocker in sorted(set(release.staying.values())):
        count = sum(1 for ahead in release.staying.values() if ahead == blocker)
        parts.append(
            f"{count} {'stays' if count == 1 else 'stay'} behind {blocker or 'a prepared transaction'}"
        )
    return "; ".join(parts)


def _gone_for_good(session: Row, *, cancels: bool) -> str:
    if session["wrote"]:
        return "what it wrote and did not commit is rolled back"
    return "what the statement has worked out is lost" if cancels else "the client loses its connection"


def _lost(session: Row) -> str:
    if session["wrote"]:
        return "yes, what it wrote and did not commit"
    if session["xact_start"] is None:
        return "no, it is in no transaction"
    return "no, its transaction has written nothing"


def _may_signal(session: Row, server: Row) -> bool:
    return not session["superuser"] and (server["signals_sessions"] or session["same_role"])


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"backend_start: {text!r} is no ISO 8601 time") from None
