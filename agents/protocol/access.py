"""Who is on the line: the owner of a private socket, or the holder of a token."""

from __future__ import annotations

import hmac
import os
import pwd
import stat
from pathlib import Path

from starlette.authentication import SimpleUser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from inventory.errors import UserError
from inventory.masking import remember_secret

MIN_TOKEN_CHARACTERS = 16


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

    def __init__(self, app: ASGIApp, *, token: str | None) -> None:
        """Without a token everyone is the socket's owner: only for a private Unix socket."""
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if self._token is None:
                scope["user"] = SimpleUser(socket_owner())
            elif _bearer(scope, self._token):
                scope["user"] = SimpleUser("operator:token")
            elif "/.well-known/" not in scope["path"]:
                refusal = JSONResponse(
                    {"error": "a bearer token is needed"}, 401, {"WWW-Authenticate": "Bearer"}
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _bearer(scope: Scope, token: str) -> bool:
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return hmac.compare_digest(bytes(given), f"Bearer {token}".encode())
