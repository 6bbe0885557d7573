"""An archive appears under its name whole, synced and private, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from inventory.errors import NOT_COMPLETED, UserError

_MODE = 0o600


def write_new(path: Path, fill: Callable[[BinaryIO], None], *, overwrite: bool = False) -> None:
    """Let `fill` write the file, then give it its name; mode 0600.

    Raises UserError (exit 3), with nothing left behind, where the directory is missing or not writable, the disk is
    full, or a file of that name is there and `overwrite` is false.
    """
    with _one_line(path):
        if not overwrite and os.path.lexists(path):
            raise FileExistsError
        with _temporary(path) as (file, temporary):
            fill(file)
            file.flush()
            os.fsync(file.fileno())
            _name(temporary, path, overwrite)
        _sync_directory(path.parent)


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}.part")
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(handle, "w+b") as file:
            os.fchmod(file.fileno(), _MODE)
            yield file, temporary
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _name(temporary: Path, path: Path, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(path)
        return
    try:
        # A link never takes the place of a file that came in the meantime.
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links.
        if os.path.lexists(path):
            raise FileExistsError from None
        temporary.replace(path)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise _cannot(
            path, "a file of that name is there; choose another name or ask to overwrite it"
        ) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _cannot(path, f"there is no directory {path.parent}; make it first") from error
    except IsADirectoryError as error:
        raise _cannot(path, "a directory of that name is there; choose another name") from error
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise _cannot(
            path, f"{reason}; nothing was left there; free some space or choose another place"
        ) from error


def _cannot(path: Path, text: str) -> UserError:
    return UserError(f"{path}: the bundle could not be written: {text}", exit_code=NOT_COMPLETED)
