"""Which sessions may be ended, and how: the same rules for what is offered and for what is done."""

from __future__ import annotations

from agents.database.snapshot import Row
from agents.kernel.records import Remedy

IDLE_IN_TRANSACTION = ("idle in transaction", "idle in transaction (aborted)")
OWN_APPLICATIONS = "helpdesk/"
"""Start of the application_name of every connection that this program makes."""

_NEVER = {
    "walsender": "it streams WAL to a standby or subscriber; ending it breaks replication",
    "autovacuum worker": "autovacuum gives way by itself unless it prevents wraparound, and then it must finish",
    "parallel worker": "it works for another session: end its leader instead",
}


def idle_in_transaction(session: Row) -> bool:
    return session["state"] in IDLE_IN_TRANSACTION


def ours(session: Row) -> bool:
    """True for a connection that this program made, here or elsewhere."""
    return bool(session["own"]) or (session["application"] or "").startswith(OWN_APPLICATIONS)


def why_not_ended(session: Row, *, override_superuser: bool = False) -> str:
    """Why this session must not be ended; empty where it may be."""
    if session["hidden"]:
        return "this login can't see whose it is: GRANT pg_monitor to it"
    if ours(session):
        return "it is one of helpdesk's own connections"
    kind = session["type"]
    if kind != "client backend":
        return f"it is a {kind}: {_NEVER.get(kind, 'it belongs to the server itself')}"
    if session["superuser"] and not override_superuser:
        return f"it belongs to the superuser {session['user']}, whose sessions are ended only with override_superuser"
    return ""


def why_not_offered(session: Row, server: Row | None) -> str:
    """Why ending this session isn't offered to the login that `server` describes; empty where it is."""
    if session["superuser"] and not (server and server["superuser"]) and not session["hidden"]:
        return f"it belongs to the superuser {session['user']}, and this login is none"
    return why_not_ended(session, override_superuser=True)


def end_session(session: Row | None, why: str, server: Row | None) -> tuple[Remedy, ...]:
    """The remedy that ends what this session is doing: cancel where that works, terminate where it doesn't."""
    if session is None or why_not_offered(session, server):
        return ()
    arguments = {"pid": session["pid"], "backend_start": session["backend_start"]}
    if session["superuser"]:
        arguments["override_superuser"] = True
        why = f"{why} It belongs to the superuser {session['user']}: make sure that it is no maintenance."
    if session["state"] == "active":
        undo = "not reversible: the statement's transaction is rolled back; the client can run it again"
        return (Remedy("cancel_session", arguments, "write", why, undo),)
    undo = "not reversible: the open transaction is rolled back and the client loses its connection"
    return (Remedy("terminate_session", arguments, "destructive", why, undo),)
