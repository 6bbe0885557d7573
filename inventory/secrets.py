"""Where a secret comes from, and reading it. Every value read is masked in all text from then on."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from inventory.errors import NOT_COMPLETED, UserError
from inventory.host_keyring import INSTEAD, SERVICE, ask_keyring
from inventory.libpq import Endpoint
from inventory.masking import remember_secret
from inventory.passfile import password_from_file
from inventory.paths import config_dir, ensure_private
from inventory.secret_command import first_line_of
from inventory.toml_file import write_text

SecretKind = Literal["env", "keyring", "file", "command", "memory"]
STORED_KINDS: tuple[SecretKind, ...] = ("env", "keyring", "file")
"""Kinds that one name is enough for; a command has an argument list."""
FORMS = (
    '{ env = "VARIABLE" }, { keyring = "entry" }, { file = "/path" } or { command = ["program", "argument"] }'
)
"""How a secret is named in a TOML file of ours."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is: an environment variable, the keyring, a file, a program's output, or this process's memory."""

    kind: SecretKind
    name: str = ""
    """The variable, the entry of the keyring (service `helpdesk`), the file or the program; for memory the TOML file
    that holds the secret itself, or nothing."""
    value: str = field(default="", repr=False)
    """The secret itself, for memory alone."""
    argv: tuple[str, ...] = ()
    """Program and arguments, for a command alone."""

    def to_toml(self) -> dict[str, str | list[str]]:
        """As it stands in a TOML file of ours."""
        return {self.kind: list(self.argv) if self.kind == "command" else self.name}

    def __str__(self) -> str:
        """Where it is, for people."""
        return f"{self.kind} {self.name}" if self.kind != "memory" else self.name or "memory"


def reference(value: object, file: Path) -> SecretRef | None:
    """The secret that `value` in the TOML `file` names, or is; None where it is neither.

    One that stands there itself works; `inventory.literal_secrets` warns of it and moves it out.
    """
    if isinstance(value, str) and value:
        return in_memory(value, f"{file.name} itself")
    kind, where = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else ("", "")
    if kind == "command":
        texts = isinstance(where, list) and all(isinstance(item, str) for item in where)
        return SecretRef("command", where[0], argv=tuple(where)) if texts and where and where[0] else None
    if kind not in STORED_KINDS or not isinstance(where, str) or not where:
        return None
    return SecretRef(kind, str(file.parent / Path(where).expanduser()) if kind == "file" else where)


def in_memory(value: str, where: str = "") -> SecretRef:
    """A secret that lives in this process alone; `where` it was found."""
    remember_secret(value)
    return SecretRef("memory", where, value=value)


def named_secret(text: str) -> SecretRef:
    """The secret that an option of a command names: `env:VARIABLE`, `command:PROGRAM ARGUMENT` and so on.

    Raises UserError (exit 2), which does not repeat `text`: it may well be the secret itself.
    """
    kind, _, where = text.partition(":")
    if kind == "command":
        # Quoted as a shell would want it; nothing is expanded.
        with suppress(ValueError):
            if argv := tuple(shlex.split(where)):
                return SecretRef("command", argv[0], argv=argv)
    if kind not in STORED_KINDS or not where:
        remember_secret(text)
        raise UserError(
            "a secret is given by reference: env:VARIABLE, keyring:ENTRY, file:/path or 'command:PROGRAM ARGUMENT'"
        )
    return SecretRef(kind, str(Path(where).expanduser().absolute()) if kind == "file" else where)


def read_secret(ref: SecretRef) -> str:
    """The secret that `ref` names. Blocks (the keyring for up to `host_keyring.TIMEOUT_S`).

    Raises `UserError` (exit 3) that says what is missing and what else would do.
    """
    readers: Mapping[str, Callable[[SecretRef], str]] = {
        "env": _from_environment,
        "keyring": _from_keyring,
        "file": _from_file,
        "command": lambda command: first_line_of(command.argv),
        "memory": lambda memory: memory.value,
    }
    value = readers[ref.kind](ref)
    remember_secret(value)
    return value


def keep_secret(name: str, value: str) -> SecretRef:
    """Store `value` as `name` beyond this process: in the keyring, else in a 0600 file."""
    try:
        return store_secret(SecretRef("keyring", name), value)
    except UserError:
        return store_secret(SecretRef("file", str(secret_file(name))), value)


def store_secret(ref: SecretRef, value: str) -> SecretRef:
    """Store `value` where `ref` says, in the keyring or a 0600 file. Raises UserError (exit 3)."""
    remember_secret(value)
    if ref.kind == "keyring":
        ask_keyring(ref.name, store=value)
    else:
        path = Path(ref.name)
        ensure_private(ensure_private(config_dir()) / "secrets")
        write_text(path, value + "\n")
    return ref


def secret_file(name: str) -> Path:
    """Where the secret `name` is kept on a host without a keyring."""
    return config_dir() / "secrets" / name


def password_for(ref: SecretRef | None, parameters: Mapping[str, str], endpoint: Endpoint) -> str | None:
    """The password for one endpoint: our own secret, then what libpq would take (PGPASSWORD, password file)."""
    if ref is not None:
        return read_secret(ref)
    found = parameters.get("password") or password_from_file(parameters, endpoint)
    if found:
        remember_secret(found)
    return found


def _from_environment(ref: SecretRef) -> str:
    value = os.environ.get(ref.name, "")
    if not value:
        raise UserError(
            f"the secret's environment variable {ref.name} is not set; export it before you start",
            NOT_COMPLETED,
        )
    return value


def _from_file(ref: SecretRef) -> str:
    path = Path(ref.name).expanduser()
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UserError(
                f"the secret's file {path} is no plain file; name a file that holds it", NOT_COMPLETED
            )
        if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid not in (0, os.geteuid()):
            raise UserError(
                f"the secret's file {path} is open to others (mode {stat.S_IMODE(found.st_mode):04o}, "
                f"uid {found.st_uid}), expected your own with 0600: chmod 600 {path}",
                NOT_COMPLETED,
            )
        value = path.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UserError(f"the secret's file {path} cannot be read ({reason})", NOT_COMPLETED) from None
    if not value:
        raise UserError(
            f"the secret's file {path} is empty, expected the secret on its first line", NOT_COMPLETED
        )
    return value


def _from_keyring(ref: SecretRef) -> str:
    value = ask_keyring(ref.name)
    if not value:
        raise UserError(
            f'the keyring holds no secret "{ref.name}"; store it with: keyring set {SERVICE} {ref.name}; or '
            + INSTEAD,
            NOT_COMPLETED,
        )
    return value
