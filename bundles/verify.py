"""Verify a bundle that came from anywhere: every byte is accounted for, and nothing is unpacked to disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bundles.compression import Damaged
from bundles.inspection import Contents, contents_of, problems_of
from bundles.limits import READ_PROBLEMS
from bundles.unpacking import outer
from inventory.errors import NOT_COMPLETED, UserError
from inventory.masking import inert_line

_LINE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying a bundle found."""

    problems: tuple[str, ...]
    """One line each, safe to print; empty where the bundle is as it was sealed."""
    manifest: Mapping[str, Any] | None
    """As read, a stranger's data; None where there is none."""
    sha256: str
    """Of the archive."""
    bytes: int
    chain: str
    """What the log slice's hash chain says, in one line; empty where there is no slice to check."""

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(path: Path | str) -> Verdict:
    """Check the archive at `path`. Raises UserError (exit 2) where it is no readable file."""
    with _opened(Path(path)) as file:
        return _verdict(file)


def _verdict(file: BinaryIO) -> Verdict:
    problems: list[str] = []
    found = Contents()
    sha256, size = "", os.fstat(file.fileno()).st_size
    try:
        layer = outer(file)
        sha256 = layer.sha256
        if layer.problem:
            problems.append(layer.problem)
        problems.extend(contents_of(file, layer, found))
        problems.extend(problems_of(found))
    except Damaged as error:
        problems.append(str(error))
    return Verdict(_shown(problems), found.manifest, sha256, size, found.chain)


def _shown(problems: list[str]) -> tuple[str, ...]:
    lines = [inert_line(problem)[:_LINE_CHARACTERS] for problem in problems[:READ_PROBLEMS]]
    if len(problems) > READ_PROBLEMS:
        lines.append(f"and {len(problems) - READ_PROBLEMS} more")
    return tuple(lines)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file, if it is a plain one: opening a pipe or a device must not block or act."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise UserError(f"{path}: cannot be read: {reason}; expected a bundle") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UserError(f"{path}: not a plain file; expected a bundle (.tar.gz or .tar.zst)")
    with os.fdopen(handle, "rb") as file:
        try:
            yield file
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}", exit_code=NOT_COMPLETED) from error
