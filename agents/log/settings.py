"""`audit.toml`: how long sessions are kept, where heads of the log are sent, and the key that signs purges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from inventory.errors import UserError
from inventory.masking import mask
from inventory.paths import config_dir
from inventory.secrets import FORMS, SecretRef, keep_secret, read_secret, reference
from inventory.toml_file import line_of, parse_toml, read_text, write_text
from inventory.toml_table import with_table

SIGNING = ("signing", "key")
"""The table that is written by `signing_key`; the rest of the file is the operator's."""
KEY_NAME = "audit-signing-key"
KEEP = "keep_days"
_TABLES: Mapping[str, tuple[str, ...]] = {
    "signing": ("key",), "anchors": ("every_minutes", "file", "syslog", "webhook", "bearer")
}  # fmt: skip


_SYSLOG = re.compile(r"(?P<socket>/.+)|(?P<tcp>tcp:)?(?P<host>[^\s/]+):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Syslog:
    """Where a syslog takes messages: a socket of this host, or a port."""

    socket: str = ""
    host: str = ""
    port: int = 0
    tcp: bool = False

    @classmethod
    def read(cls, text: str) -> Self:
        """A socket, host:port (UDP) or tcp:host:port. Raises ValueError with what was expected."""
        found = _SYSLOG.fullmatch(text)
        port = int(found["port"] or 0) if found else 0
        if found is None or (found["host"] and not 0 < port < 65_536):
            raise ValueError("expected a socket such as /dev/log, or [tcp:]HOST:PORT")
        return cls(found["socket"] or "", (found["host"] or "").strip("[]"), port, bool(found["tcp"]))


@dataclass(frozen=True, slots=True)
class AnchorPlaces:
    """Where heads of the log go by themselves; without any, nowhere."""

    every_s: float = 3600.0
    file: Path | None = None
    syslog: str = ""
    webhook: str | SecretRef = ""
    """Its URL; by reference where that holds a secret."""
    bearer: SecretRef | None = None

    def __bool__(self) -> bool:
        return bool(self.file or self.syslog or self.webhook)


@dataclass(frozen=True, slots=True)
class AuditSettings:
    keep_days: int | None = None
    """Days after which a session may be purged; None keeps all."""
    anchors: AnchorPlaces = AnchorPlaces()
    key: SecretRef | None = None
    public_key: str = ""
    """Of the key that signs purges here, in hex; empty where there is none yet."""


def audit_path() -> Path:
    return config_dir() / "audit.toml"


def load_audit(path: Path | None = None) -> AuditSettings:
    """The settings in the file at `path`; a file that is not there has none.

    Raises UserError (exit 2) with file, line and what was expected.
    """
    path = path or audit_path()
    if not path.exists():
        return AuditSettings()
    text = read_text(path)
    data = parse_toml(text, path)
    _check_keys(data, path, text)
    days = data.get(KEEP)
    if days is not None and (not isinstance(days, int) or isinstance(days, bool) or days < 1):
        raise UserError(f"{path}:{line_of(text, KEEP)}: {KEEP} is {days!r}, expected days from 1")
    signing = data.get("signing", {}).get("key", {})
    key = reference(signing.get("secret"), path) if signing else None
    if signing and (key is None or not isinstance(signing.get("public"), str)):
        raise UserError(
            f"{path}:{line_of(text, *SIGNING)}: the key is not understood, expected public and secret"
        )
    return AuditSettings(days, _places(data.get("anchors", {}), path, text), key, signing.get("public", ""))


def signing_key(path: Path | None = None) -> tuple[str, bytes]:
    """Public key (hex) and private key of this account, made and kept (keyring, else a 0600 file) at first use.

    Raises UserError where it cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = path or audit_path()
    settings = load_audit(path)
    if settings.key is not None:
        private = bytes.fromhex(read_secret(settings.key))
        return settings.public_key, private
    made = Ed25519PrivateKey.generate()
    private, public = made.private_bytes_raw(), made.public_key().public_bytes_raw().hex()
    kept = keep_secret(KEY_NAME, private.hex())
    text = read_text(path) if path.exists() else ""
    write_text(path, with_table(text, path, SIGNING, {"public": public, "secret": kept.to_toml()}))
    return public, private


def sign(data: bytes) -> tuple[str, str]:
    """Public key and signature of `data` by the key of this account. Raises UserError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public, private = signing_key()
    return public, Ed25519PrivateKey.from_private_bytes(private).sign(data).hex()


def _check_keys(data: dict[str, Any], path: Path, text: str) -> None:
    for key, value in data.items():
        known = _TABLES.get(key, ())
        if key != KEEP and (not known or not isinstance(value, dict)):
            raise UserError(
                f"{path}:{line_of(text, key)}: {key!r} is not known, expected {KEEP}, {', '.join(_TABLES)}"
            )
        for inner in value if known else ():
            if inner not in known:
                raise UserError(
                    f"{path}:{line_of(text, key, inner)}: {inner!r} is not known, expected {', '.join(known)}"
                )


def _places(table: dict[str, Any], path: Path, text: str) -> AnchorPlaces:
    for key in ("file", "syslog"):
        if not isinstance(table.get(key, ""), str):
            raise UserError(f"{path}:{line_of(text, 'anchors', key)}: {key} is no text")
    try:
        if table.get("syslog"):
            Syslog.read(table["syslog"])
    except ValueError as error:
        where = f"{path}:{line_of(text, 'anchors', 'syslog')}"
        raise UserError(f"{where}: syslog is {table['syslog']!r}, {error}") from None
    minutes = table.get("every_minutes", 60)
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= 10_080:
        where = f"{path}:{line_of(text, 'anchors', 'every_minutes')}"
        raise UserError(f"{where}: every_minutes is {minutes!r}, expected up to 10080, a week")
    bearer, webhook = reference(table.get("bearer"), path), table.get("webhook", "")
    if not isinstance(webhook, str) or mask(webhook) != webhook:
        webhook = reference(webhook, path)
    for key, found in (("bearer", bearer), ("webhook", webhook)):
        if key in table and found is None:
            raise UserError(
                f"{path}:{line_of(text, 'anchors', key)}: {key} is not understood, expected {FORMS}"
            )
    file = path.parent / Path(table["file"]).expanduser() if table.get("file") else None
    return AnchorPlaces(minutes * 60.0, file, table.get("syslog", ""), webhook, bearer)
