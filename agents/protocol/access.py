"""Who is on the line: the owner of a private socket, or the holder of a token."""

from __future__ import annotations

import hmac
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

from starlette.authentication import SimpleUser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agents.governance.roles import Roles
from inventory.errors import UserError
from inventory.masking import remember_secret

MIN_TOKEN_CHARACTERS = 16
NAMELESS = "operator:token"
"""The principal of whoever shows the server's own token, which says no name."""


def socket_owner() -> str:
    """The principal behind a socket that only this user can reach."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        # A container may run as a user that has no name.
        name = f"uid{os.geteuid()}"
    return f"operator:{name}"


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


class Access:
    """Lets a request in and says whose it is; cards may be read by anyone who can connect."""

    def __init__(self, app: ASGIApp, *, token: str | None, callers: Callable[[], Roles]) -> None:
        """Without a token whoever shows none is the socket's owner: only for a private Unix socket.

        `callers` are those whose own token says who they are.
        """
        self._app = app
        self._token = token
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            principal = self._principal(scope)
            if principal:
                scope["user"] = SimpleUser(principal)
            elif "/.well-known/" not in scope["path"]:
                refusal = JSONResponse(
                    {"error": "a bearer token is needed"}, 401, {"WWW-Authenticate": "Bearer"}
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _principal(self, scope: Scope) -> str:
        """Whose request it is; empty where it is nobody's. A token that is wrong is never passed over."""
        given = bytes(next((value for name, value in scope["headers"] if name == b"authorization"), b""))
        if not given:
            return "" if self._token is not None else socket_owner()
        if self._token is not None and hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            return NAMELESS
        scheme, _, token = given.decode("latin-1").partition(" ")
        name = self._callers().caller(token) if scheme == "Bearer" else ""
        return f"operator:{name}" if name else ""
