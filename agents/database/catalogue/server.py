"""Servers that can't be reached or don't let us in, told apart on the wire."""

from __future__ import annotations

from agents.database.condition import Cause, Condition, Match
from agents.database.snapshot import Row

UNREACHABLE = "server.unreachable"
_CHECKS = {
    "server.unreachable": (
        "Server unreachable",
        "Nothing answers at that address: the server is down, listens elsewhere, or the network is in the way.",
        "Check that the postmaster runs on that host, listen_addresses and port, then DNS and firewall.",
    ),
    "server.password_failed": (
        "Password wrong or missing",
        "The server asked for a password and didn't get the right one.",
        "Check the secret of this target and the role's password; pg_hba.conf's matching line is in the server log.",
    ),
    "server.hba_reject": (
        "Rejected by a rule in pg_hba.conf",
        "A reject rule in pg_hba.conf matches this user, database and address.",
        "Change or move the reject line, then reload.",
    ),
    "server.hba_no_entry": (
        "No entry in pg_hba.conf",
        "No line of pg_hba.conf matches this user, database and address.",
        "Add a line for exactly this user, database and address, then reload.",
    ),
    "server.tls_mismatch": (
        "TLS required or not offered",
        "Client and server don't agree on TLS.",
        "Set sslmode to what the server offers, or switch ssl on there.",
    ),
    "server.role_missing": (
        "Role missing or not allowed to log in",
        "The role doesn't exist or has NOLOGIN.",
        "Correct the user of this target, or create the role / ALTER ROLE … LOGIN.",
    ),
    "server.database_missing": (
        "Database does not exist",
        "The server answers; the database of that name isn't there.",
        "Correct the database name of this target.",
    ),
    "server.not_accepting": (
        "Server is starting up, shutting down or recovering",
        "The server runs but takes no sessions yet.",
        "Wait and watch the server log for redo progress.",
    ),
}


DOWN = tuple(
    Cause(name, lambda refused, cause: True)
    for name in ("config.prevents_start", "disk.full", "server.crashed")
)
"""What the log may say of a server that is down."""


def refusal(condition: str, row: Row, what: str, advice: str = "") -> Match:
    """The match for a connection that failed, with the server's or the system's own words."""
    place = f"{row['host']}:{row['port']}"
    state = f" (SQLSTATE {row['sqlstate']})" if row["sqlstate"] else ""
    words = str(row["message"]).rstrip(". ")
    meant = f" ({row['detail']})" if row["detail"] else ""
    return Match(
        severity="critical",
        title=f"{what}: {place}",
        summary=f"Connecting to {place} failed at stage {row['stage']}{state}: {words}{meant}."
        + (f" {advice}" if advice else ""),
        identity={"host": row["host"], "port": row["port"], "database": row["database"], "user": row["user"]},
        facts={"stage": row["stage"], "sqlstate": row["sqlstate"]},
        evidence=("probe_connection",),
    )


def _condition(name: str) -> Condition:
    title, meaning, advice = _CHECKS[name]
    return Condition(
        id=name,
        title=title,
        severity="critical",
        meaning=meaning,
        refused=lambda row: refusal(name, row, title, advice),
        causes=DOWN if name in (UNREACHABLE, "server.not_accepting") else (),
    )


CONDITIONS = tuple(_condition(name) for name in _CHECKS)
