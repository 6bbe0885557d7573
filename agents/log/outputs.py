"""Whole outputs of tools, where the evidence holds a part of them: compressed, beside the log, bound by their hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.kernel.event import Event
from inventory.errors import NOT_COMPLETED, UserError
from inventory.masking import mask
from inventory.paths import ensure_private

KEPT = "output.kept"
DIRECTORY = "outputs"
"""Beside the log."""
MOST_CHARACTERS = 4_000_000
"""Of one output: some ten thousand rows; what is longer is cut, and said to be."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An output that is to be kept, with the event that will tell of it: its body names the evidence."""

    event: Event
    text: str


def kept_or_said(
    log: Path, session: str, evidence: str, whole: Callable[[], str]
) -> tuple[str, dict[str, Any]]:
    """Keep an output; kind and body of the event that tells of it, which is a note where that failed. Blocks."""
    try:
        return KEPT, keep_output(log, session, evidence, whole())
    except (OSError, UserError) as error:
        why = getattr(error, "strerror", None) or error
        return "note", {"text": f"the whole output of {evidence} was not kept: {why}"}


def keep_output(log: Path, session: str, evidence: str, text: str) -> dict[str, Any]:
    """Write an output, without secrets that we know, and give the body of its `output.kept` event.

    Blocks: masking takes about a second for the longest. Raises OSError or UserError where it cannot be written.
    """
    kept = mask(text[:MOST_CHARACTERS])
    content = zlib.compress(kept.encode("utf-8", "replace"), level=6)
    digest = hashlib.sha256(content).hexdigest()
    path = _path(log, session, digest)
    ensure_private(ensure_private(log.parent / DIRECTORY) / path.parent.name)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return {
        "evidence": evidence, "sha256": digest, "characters": len(kept), "bytes": len(content),
        "cut": len(text) > MOST_CHARACTERS,
    }  # fmt: skip


def read_output(log: Path, session: str, digest: str) -> str:
    """The output with this hash. Raises UserError (exit 3) where it is gone, or not what was kept."""
    path = _path(log, session, digest)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", NOT_COMPLETED) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError(f"{path}: is not what was kept: its hash is another one", NOT_COMPLETED)
    # Every character takes four bytes at most: nothing unpacks beyond that.
    return zlib.decompressobj().decompress(content, MOST_CHARACTERS * 4).decode()


def fault_of_output(log: Path, session: str, digest: str) -> str:
    """Why the output with this hash is not there as it was kept, in words; empty where it is."""
    path = _path(log, session, digest)
    try:
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError as error:
        return f"its output {path.name} cannot be read ({error.strerror})"
    return "" if same else f"its output {path.name} is not what was kept"


def forget_outputs(log: Path, session: str) -> None:
    """Remove what was kept of a session."""
    shutil.rmtree(_path(log, session, "").parent, ignore_errors=True)


def _path(log: Path, session: str, digest: str) -> Path:
    # The id of a session may come from another host: it is never part of a path.
    name = hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()[:26]
    return log.parent / DIRECTORY / name / f"{digest}.z"
