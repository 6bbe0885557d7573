"""The certificate that a server shows, and the authority whose clients it lets in."""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inventory.errors import NOT_COMPLETED, UserError


@dataclass(frozen=True, slots=True)
class ServerTls:
    """PEM files."""

    certificate: Path
    key: Path
    clients: Path | None = None
    """Authority of client certificates: with it, a client without one is turned away before it says a word."""

    def check(self) -> None:
        """Raise UserError (exit 3) where the files cannot be used."""
        try:
            status = self.key.stat()
            if stat.S_IMODE(status.st_mode) & 0o077 or status.st_uid not in (0, os.geteuid()):
                raise UserError(
                    f"others can read the key {self.key}; run chmod 600 {self.key}", NOT_COMPLETED
                )
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, self.key, password=lambda: "")
            if self.clients is not None:
                context.load_verify_locations(self.clients)
        except (OSError, ValueError) as error:
            named = ", ".join(str(path) for path in (self.certificate, self.key, self.clients) if path)
            raise UserError(
                f"the certificates in {named} cannot be used ({error}); expected PEM files, the key without"
                " a password",
                NOT_COMPLETED,
            ) from error

    def options(self) -> dict[str, Any]:
        """For uvicorn."""
        return {
            "ssl_certfile": str(self.certificate),
            "ssl_keyfile": str(self.key),
            "ssl_ca_certs": str(self.clients) if self.clients else None,
            "ssl_cert_reqs": ssl.CERT_REQUIRED if self.clients else ssl.CERT_NONE,
        }
