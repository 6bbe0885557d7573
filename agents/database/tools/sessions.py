"""Ending what a session does, or the session: cancel and terminate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.database.lock_tree import LockTree, Release
from agents.database.reading import Reader
from agents.database.session_rules import idle_in_transaction, why_not_ended
from agents.database.snapshot import Row
from agents.database.tools.acting import CANNOT_READ, ActFailed, Facts, act, failed, unread
from agents.database.tools.aftermath import aftermath, clients, released
from agents.database.wording import briefly, duration, granted, plural
from agents.kernel.records import Risk
from agents.kernel.tool import Outcome, Preview, Refused, Tool, Victim

GONE_WITHIN_MS = 5000
"""How long the server waits for a terminated session to be gone before it reports that it isn't."""
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
_THE_SAME = (
    b" FROM pg_catalog.pg_stat_activity a WHERE a.pid = %(pid)s AND a.backend_type = 'client backend'"
    b" AND (a.backend_start, a.xact_start, a.query_id::pg_catalog.text) IS NOT DISTINCT FROM"
    b" (%(backend_start)s::timestamptz, %(xact_start)s::timestamptz, %(query_id)s::pg_catalog.text)"
)
"""The very session that was approved, in the very transaction: looked at in the statement that signals it."""
TERMINATE = b"SELECT pg_catalog.pg_terminate_backend(a.pid, 5000)" + _THE_SAME
CANCEL = (
    b"SELECT pg_catalog.pg_cancel_backend(a.pid)"
    + _THE_SAME
    + b" AND a.state = 'active' AND a.query_start = %(query_start)s::timestamptz"
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
        return scene.facts.preview(
            f"{verb} {briefly(session)}",
            _victim(scene, *(("query_start",) if self.cancels else ())),
            self._effect(scene),
            reversible=f"not reversible: {_gone_for_good(session, cancels=self.cancels)}",
            alternatives=self._alternatives(scene),
            confirmation=str(session["pid"]),
        )

    async def change(self, arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
        """Signal the very session that was previewed, then look who is free."""
        (victim,) = preview.victims
        pid, identity = arguments["pid"], victim.identity
        try:
            before = await clients(Facts(self.reader, target))
            rows, _ = await act(target, self.statement, dict(identity))
        except ActFailed as error:
            return failed(error)
        if not rows:
            raise Refused(f"session {pid} is gone, or no longer does what it did")
        if not rows[0][0]:
            return Outcome(
                ok=False,
                text=f"The signal was sent; session {pid} is still there after {GONE_WITHIN_MS / 1000:.0f} s.",
                verified=False,
            )
        others = {key: row for key, row in before.items() if key != pid} if before is not None else None
        try:
            return await self._verified(identity, target, tuple(victim.facts["waiters"]), others)
        except CANNOT_READ as error:
            return unread(self._done(pid), error)

    async def _scene(self, arguments: Mapping[str, Any], target: str) -> _Scene:
        facts = Facts(self.reader, target)
        pid = arguments["pid"]
        session = await facts.row("session", {"pid": pid})
        waits = await facts.rows("waiting_locks")
        held = [row for row in await facts.rows("locks_held") if row["pid"] == pid]
        self._refuse(session, arguments, await facts.server())
        assert session is not None
        tree = LockTree.of_rows(waits)
        if not self.cancels and pid in tree.blockers:
            raise Refused(_waits_itself(pid, tree))
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
        return (ends, released(scene.release, len(scene.waiters)), f"work lost: {_lost(scene.session)}")

    def _alternatives(self, scene: _Scene) -> tuple[str, ...]:
        session = scene.session
        owner = session["application"] or session["user"]
        wish = "COMMIT or ROLLBACK" if idle_in_transaction(session) else "stop it"
        lines = [f"ask the owner of {owner} ({session['client']}) to {wish}"]
        if not self.cancels and session["state"] == "active":
            lines.insert(
                0, "cancel_session first: its transaction aborts, its locks go, the connection stays"
            )
        elif idle_in_transaction(session):
            lines.append(
                "cancelling is no alternative: it has no effect on a session that is idle in transaction"
            )
        if scene.waiters:
            waiting = f"{plural(len(scene.waiters), 'session')} keep waiting, the longest for {duration(scene.longest_wait_s)} now"
            lines.append(f"do nothing: {waiting}")
        else:
            lines.append("do nothing: nobody waits for it")
        return tuple(lines)

    async def _verified(
        self, identity: Mapping[str, Any], target: str, waited: tuple[int, ...], others: dict[int, Row] | None
    ) -> Outcome:
        pid = identity["pid"]

        async def over(facts: Facts) -> bool:
            return self._ended(await facts.row("session", {"pid": pid}), identity)

        after = await aftermath(self.reader, target, waited, others, over)
        done = self._done(pid) if after.over else f"Session {pid} is still there."
        return Outcome(
            after.over,
            f"{done} {after.words}".strip(),
            verified=after.over and pid not in after.behind,
            freed=after.freed,
            evidence=tuple(after.facts.evidence),
        )

    def _ended(self, session: Row | None, identity: Mapping[str, Any]) -> bool:
        if session is None or _moment(session["backend_start"]) != _moment(identity["backend_start"]):
            return True
        return self.cancels and (
            session["state"] != "active" or session["query_start"] != identity["query_start"]
        )

    def _done(self, pid: int) -> str:
        return f"Cancelled the statement of session {pid}." if self.cancels else f"Ended session {pid}."


def _waits_itself(pid: int, tree: LockTree) -> str:
    roots = [
        str(root) if root else "a prepared transaction" for root in tree.roots() if pid in tree.waiters(root)
    ]
    return (
        f"session {pid} is not ended: it waits itself; end the root of the chain ({', '.join(roots) or 'none yet'}), "
        "or cancel_session what it waits with"
    )


def _victim(scene: _Scene, *bound: str) -> Victim:
    session, held = scene.session, scene.held
    identity = {key: session[key] for key in ("pid", "backend_start", "xact_start", "query_id", *bound)}
    shown = ("user", "database", "application", "client", "state", "query", "xact_s")
    idle = session["state_s"] if session["state"] != "active" else None
    facts = {key: session[key] for key in shown} | {
        "idle_s": idle,
        "wrote": session["wrote"],
        "locks": held["locks"] if held else None,
        "waiters": list(scene.waiters),
    }
    return Victim(identity, facts)


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
