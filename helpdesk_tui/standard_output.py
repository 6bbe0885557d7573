"""Standard output that tells when it takes nothing: the disk is full, or nobody reads any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, cast


class NotWritten(Exception):
    """What was printed did not go out. No OSError: nobody on the way may take it for one of a file."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output cannot be written: {error.strerror}")
        self.reader_left = isinstance(error, BrokenPipeError)


class _Telling:
    """A text stream that raises NotWritten where it can't write; in all else the stream that it was."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _told():
            return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with _told():
            self._stream.flush()


@contextmanager
def telling_output() -> Iterator[None]:
    """Raise NotWritten for what is printed within and does not go out; a closed output takes all, and keeps nothing."""
    stream = sys.stdout or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    with redirect_stdout(cast(TextIO, _Telling(stream))):
        try:
            yield
            # Here, and not as the interpreter ends: what is left in the buffer is written, or told of.
            sys.stdout.flush()
        except NotWritten:
            to_nowhere(stream)
            raise


def to_nowhere(stream: TextIO) -> None:
    """Let what is left in the stream's buffer go: as the interpreter ends it is not tried again, and not told."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotWritten(error) from error
