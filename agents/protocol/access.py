"""Who is on the line: a user of this host on a socket, the holder of a token, or of a certificate."""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.authentication import SimpleUser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agents.governance.roles import Roles
from agents.protocol.peer import NOBODY, STATE, Peer, user_name
from inventory.errors import UserError
from inventory.masking import remember_secret

MIN_TOKEN_CHARACTERS = 16
NAMELESS = "operator:token"
"""The principal of whoever shows the server's own token, which says no name."""


def socket_owner() -> str:
    """The principal behind a socket that only this user can reach."""
    return user_name(os.geteuid())


def read_token(path: Path) -> str:
    """The token in a file that nobody else may read. Raises UserError."""
    try:
        mode = path.stat().st_mode
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"expected a text file with one token at {path}, it cannot be read ({error})"
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise UserError(f"others can read the token in {path}; run chmod 600 {path}")
    if len(token) < MIN_TOKEN_CHARACTERS or not token.isascii() or len(token.split()) != 1:
        raise UserError(f"expected one token of at least {MIN_TOKEN_CHARACTERS} ASCII characters in {path}")
    remember_secret(token)
    return token


@dataclass(frozen=True, slots=True)
class Welcome:
    """Who may come in through a door."""

    token: str | None = None
    """The server's own token, which lets in and says no name."""
    anyone: bool = False
    """True: whoever can connect counts as the owner; for what reads nothing and changes nothing."""
    local: bool = False
    """True: a Unix socket, where the kernel tells who connected."""
    shared: bool = False
    """True: other users of this host may come in too, as themselves, where `roles.toml` says what they may do."""


class Access:
    """Lets a request in and says whose it is; cards may be read by anyone who may connect."""

    def __init__(self, app: ASGIApp, welcome: Welcome, callers: Callable[[], Roles]) -> None:
        """`callers` are those whose own token or certificate says who they are."""
        self._app = app
        self._welcome = welcome
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            peer: Peer = scope.get("state", {}).get(STATE, NOBODY)
            if refusal := self._stranger(peer):
                await JSONResponse({"error": refusal}, 403)(scope, receive, send)
                return
            if principal := self._principal(scope, peer):
                scope["user"] = SimpleUser(principal)
            elif "/.well-known/" not in scope["path"]:
                error = {"error": "a bearer token is needed, or a certificate that roles.toml knows"}
                await JSONResponse(error, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _stranger(self, peer: Peer) -> str:
        """Why another user of this host is turned away; empty for our own, and elsewhere than on a Unix socket."""
        if not self._welcome.local or peer.uid == os.geteuid():
            return ""
        if not self._welcome.shared or peer.uid is None:
            return "this socket is for its owner alone"
        return "a shared socket needs a roles.toml" if self._callers().open else ""

    def _principal(self, scope: Scope, peer: Peer) -> str:
        """Whose request it is; empty where it is nobody's. A token that is wrong is never passed over."""
        named = self._callers().certified(peer.names)
        given = bytes(next((value for name, value in scope["headers"] if name == b"authorization"), b""))
        if not given:
            if self._welcome.local:
                return user_name(os.geteuid() if peer.uid is None else peer.uid)
            return socket_owner() if self._welcome.anyone else named and f"operator:{named}"
        token = self._welcome.token
        if token is not None and hmac.compare_digest(given, f"Bearer {token}".encode()):
            return f"operator:{named}" if named else NAMELESS
        scheme, _, own = given.decode("latin-1").partition(" ")
        caller = self._callers().caller(own) if scheme == "Bearer" else ""
        if not caller or named not in ("", caller):
            return ""
        return f"operator:{caller}"
