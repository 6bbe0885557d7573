"""What an agent wants to see of us: a bearer token, an API key, a password or a client certificate, by reference."""

from __future__ import annotations

import base64
import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inventory.errors import NOT_COMPLETED, UserError
from inventory.masking import remember_secret
from inventory.secrets import SecretRef, read_secret

Kind = Literal["bearer", "api_key", "basic"]
API_KEY_HEADER = "X-API-Key"


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret, and how it is shown to the agent. The secret itself is read when a connection is made."""

    kind: Kind
    secret: SecretRef
    header: str = API_KEY_HEADER
    """Name of the header of an API key."""
    user: str = ""
    """User name, for a password."""

    def headers(self) -> dict[str, str]:
        """Headers for every request. Blocks where a keyring is asked. Raises UserError (exit 3)."""
        value = read_secret(self.secret)
        if not value.isascii() or not value.isprintable():
            raise UserError(
                f"the secret in {self.where} cannot be sent: expected printable ASCII characters",
                NOT_COMPLETED,
            )
        if self.kind == "api_key":
            return {self.header: value}
        if self.kind == "bearer":
            return {"Authorization": f"Bearer {value}"}
        pair = base64.b64encode(f"{self.user}:{value}".encode()).decode()
        remember_secret(pair)
        return {"Authorization": f"Basic {pair}"}

    @property
    def where(self) -> str:
        """Where the secret is, never what it is."""
        return str(self.secret)

    def __str__(self) -> str:
        named = {"bearer": "bearer", "api_key": f"API key {self.header}", "basic": f"password of {self.user}"}
        return f"{named[self.kind]} ({self.where})"


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Certificates for the connection: whom we trust, and who we are."""

    authority: Path | None = None
    """PEM file of the authority that signed the server's certificate; None trusts what the system trusts."""
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """A context that checks the server's certificate and name. Raises UserError (exit 3)."""
        if self.key is not None:
            _check_private(self.key)
        try:
            made = ssl.create_default_context(cafile=str(self.authority) if self.authority else None)
            if self.certificate is not None:
                made.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except (OSError, ValueError) as error:
            named = ", ".join(str(path) for path in (self.authority, self.certificate, self.key) if path)
            raise UserError(
                f"the certificates in {named} cannot be used ({error}); expected PEM files, the key without"
                " a password",
                NOT_COMPLETED,
            ) from error
        return made


def _check_private(key: Path) -> None:
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
        owner = key.stat().st_uid
    except OSError as error:
        raise UserError(f"the key {key} cannot be read ({error.strerror})", NOT_COMPLETED) from error
    if mode & 0o077 or owner not in (0, os.geteuid()):
        raise UserError(f"others can read the key {key}; run chmod 600 {key}", NOT_COMPLETED)
