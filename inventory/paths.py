"""Where the product keeps its files, and how they are kept private."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from platformdirs import user_config_path, user_state_path

from inventory.errors import NOT_COMPLETED, UserError

APP_NAME = "helpdesk"
SOCKET_PATH_LIMIT = 100
"""Bytes of a Unix socket's path that every platform takes (`sun_path` has 104 on macOS, 108 on Linux)."""
_SOCKET_NAME_ROOM = 40
"""Bytes kept free below the runtime directory for a socket's own name."""


def config_dir() -> Path:
    """Settings and `inventory.toml`; `HELPDESK_CONFIG_DIR` overrides the platform's place."""
    return _override("HELPDESK_CONFIG_DIR") or user_config_path(APP_NAME, appauthor=False)


def state_dir() -> Path:
    """The event log and what else must survive; `HELPDESK_STATE_DIR` overrides the platform's place."""
    return _override("HELPDESK_STATE_DIR") or user_state_path(APP_NAME, appauthor=False)


def runtime_dir() -> Path:
    """Sockets; `HELPDESK_RUNTIME_DIR` overrides the platform's place.

    A place that is not ours, or too long for a socket's path, gives way to a directory of its own
    below the temporary directory. The directory may not exist yet: see `ensure_private`.
    """
    override = _override("HELPDESK_RUNTIME_DIR")
    if override is not None:
        return override if _fits(override) else _below_temp(f"-{_digest(override)}")
    session = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}")
    ours = session / APP_NAME
    return ours if _is_ours(session) and _fits(ours) else _below_temp("")


def ensure_private(path: Path) -> Path:
    """Make `path` a directory that nobody else can enter (0700), and return it.

    Raises `UserError` (exit 3) where it cannot be made, belongs to someone else, or is no directory.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        link, real = path.lstat(), path.stat()
        if {link.st_uid, real.st_uid} != {os.geteuid()}:
            raise UserError(
                f"{path}: belongs to another user (uid {real.st_uid}), expected a directory of your own; "
                "move it away or set HELPDESK_CONFIG_DIR, HELPDESK_STATE_DIR or HELPDESK_RUNTIME_DIR",
                NOT_COMPLETED,
            )
        if stat.S_IMODE(real.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be used as a private directory ({error.strerror}); make it writable for you or set "
            "HELPDESK_CONFIG_DIR, HELPDESK_STATE_DIR or HELPDESK_RUNTIME_DIR to another place",
            NOT_COMPLETED,
        ) from error
    return path


def _override(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    return Path(value).expanduser().absolute() if value else None


def _fits(directory: Path) -> bool:
    return len(os.fsencode(directory)) + _SOCKET_NAME_ROOM <= SOCKET_PATH_LIMIT


def _is_ours(directory: Path) -> bool:
    try:
        return directory.stat().st_uid == os.geteuid() and os.access(directory, os.W_OK | os.X_OK)
    except OSError:
        return False


def _below_temp(suffix: str) -> Path:
    name = f"{APP_NAME}-{os.geteuid()}{suffix}"
    usual = Path(tempfile.gettempdir()) / name
    return usual if _fits(usual) else Path("/tmp") / name  # noqa: S108 - private, owner checked


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]
