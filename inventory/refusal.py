"""What a server's error at the start of a session means, in whatever language it speaks.

The SQLSTATE and the source routine are the same in every language; words decide only where two
conditions share both, or where a pooler answers that sends no routine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_HBA_REJECTS = re.compile(r"^pg_hba\.conf[ ,](?!.*エントリ)|거부|拒", re.DOTALL)
"""A reject rule in the languages that PostgreSQL speaks: its sentence starts with the file's name, save in
Korean, Japanese and Chinese; the one on a missing entry never does, save in Japanese."""
_ROLE_GONE = re.compile(r'role ".*" (?:does not exist|is not permitted to log in)|no such user')
_ROLE_LIMIT = re.compile(r"too many connections for (?:role|database)")


@dataclass(frozen=True, slots=True)
class Meaning:
    """The condition, and one line on what it means."""

    condition: str
    detail: str


def meaning(fields: Mapping[str, str]) -> Meaning:
    """What an error with these `fields` (by their protocol letter) says about the server."""
    code = fields.get("C", "")
    exact = {
        "28000": _not_authorised,
        "28P01": _wrong_password,
        "53300": _too_many,
        "55000": _database_closed,
    }
    if code in exact:
        return exact[code](fields)
    for start, found in _BY_CODE:
        if code.startswith(start):
            return found
    return Meaning("server.unreachable", "the server answers, but does not start a session")


def refused_by_hba(condition: str) -> bool:
    """True where another encryption could lead to another rule."""
    return condition in ("server.hba_reject", "server.hba_no_entry")


_BY_CODE: tuple[tuple[str, Meaning], ...] = (
    ("28", Meaning("server.password_failed", "the server does not accept who we say we are")),
    ("3D", Meaning("server.database_missing", "there is no database of that name")),
    ("53", Meaning("conn.exhaustion", "the server has no room for another session")),
    ("57", Meaning("server.not_accepting", "the server is starting up, shutting down or recovering")),
    ("42501", Meaning("access.insufficient_privilege", "the role has no CONNECT privilege on the database")),
)


def _not_authorised(fields: Mapping[str, str]) -> Meaning:
    routine, words = fields.get("R", ""), fields.get("M", "")
    if routine == "InitializeSessionUserId" or _ROLE_GONE.search(words):
        return Meaning("server.role_missing", "the role does not exist, or has no LOGIN")
    if routine == "auth_failed":
        return Meaning(
            "server.hba_reject",
            "the rule that matches asks for another proof (peer, ident, certificate …) and refuses",
        )
    if "pg_hba.conf" in words:
        if _HBA_REJECTS.search(words):
            return Meaning("server.hba_reject", "a reject rule matches")
        return Meaning("server.hba_no_entry", "no rule matches this host, role, database and encryption")
    if routine == "ClientAuthentication":
        return Meaning(
            "server.tls_mismatch",
            "the rule that matches asks for a client certificate that the server trusts",
        )
    return Meaning("server.password_failed", "the server does not accept who we say we are")


def _wrong_password(fields: Mapping[str, str]) -> Meaning:
    return Meaning(
        "server.password_failed",
        "the password is wrong or expired, or the role does not exist or has no password",
    )


def _too_many(fields: Mapping[str, str]) -> Meaning:
    limited = fields.get("R") in ("InitializeSessionUserId", "CheckMyDatabase")
    if limited or _ROLE_LIMIT.search(fields.get("M", "")):
        return Meaning("conn.role_db_limit", "the role's or the database's own CONNECTION LIMIT is reached")
    return Meaning("conn.exhaustion", "all slots that are open to this role are taken")


def _database_closed(fields: Mapping[str, str]) -> Meaning:
    return Meaning(
        "server.database_missing", "the database is there, but takes no connections or is half dropped"
    )
