"""TOML files of the operator: read with errors that name file and line, written whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inventory.errors import NOT_COMPLETED, UserError
from inventory.paths import ensure_private


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of the file at `path`.

    Raises `UserError` (exit 2) that names file, line and what was expected.
    """
    return parse_toml(read_text(path), path)


def read_text(path: Path) -> str:
    """The text of the file at `path`; `UserError` (exit 2) where it cannot be read or is not UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}), expected a TOML file") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}:{line}: byte 0x{content[error.start]:02x} is not UTF-8, expected a text file in UTF-8"
        ) from error


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """The tables in `text`, which came from `path`; errors as in `read_toml`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, line = _reason(str(error), text)
        raise UserError(f'{path}:{line}: {what}, expected TOML such as  name = "text"') from error


def write_toml(path: Path, data: Mapping[str, Any]) -> None:
    """Replace the file at `path` by `data` as TOML: atomically, readable by its owner alone (0600)."""
    import tomli_w

    write_text(path, tomli_w.dumps(data))


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text`: atomically, 0600, through a symbolic link to its target.

    Raises `UserError` (exit 3) where that fails; the old file is then as it was.
    """
    real = path.resolve()
    if not real.parent.is_dir():
        ensure_private(real.parent)
    try:
        _replace(real, text)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); make its directory writable for you",
            NOT_COMPLETED,
        ) from error


def line_of(text: str, *keys: str) -> int:
    """The line (from 1) of the innermost of nested `keys` that shows in TOML `text`; 1 where none does."""
    start, inner = _table_of(text, keys)
    end = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, text.find("\n", start) + 1 or len(text))
    part = text[: end.start()] if end and inner != keys else text
    for key in inner:
        named = re.compile(
            rf"^[ \t]*(?:\[[^\]\n]*{_named(key)}[ \t]*\]|(?:[^=\n#]*\.)?{_named(key)}[ \t]*[=.])", re.M
        )
        if match := named.search(part, start):
            start = match.start()
    return text.count("\n", 0, start) + 1


def _table_of(text: str, keys: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Where the table of the longest part of `keys` that has a header begins, and the keys below it."""
    for depth in range(len(keys), 0, -1):
        name = r"[ \t]*\.[ \t]*".join(map(_named, keys[:depth]))
        if match := re.search(rf"^[ \t]*\[[ \t]*{name}[ \t]*\]", text, re.MULTILINE):
            return match.start(), keys[depth:]
    return 0, keys


def _named(key: str) -> str:
    return rf"(?:{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')"


def _reason(message: str, text: str) -> tuple[str, int]:
    match = re.search(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$", message)
    if match is None:
        return message, 1
    line = int(match[1]) if match[1] else text.count("\n") + 1
    return message[: match.start()], line


def _replace(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
