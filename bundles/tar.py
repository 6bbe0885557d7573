"""The tar layer, written and read in one canonical form: plain files, zero owners, one mode, one time.

The header is built here byte by byte, so that it is the same with every version of Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

BLOCK = 512
END = bytes(2 * BLOCK)
"""Two empty blocks end an archive; nothing may follow."""

_NAME_BYTES = 100
_CHECKSUM = slice(148, 156)


def header(name: str, size: int, mtime: int) -> bytes:
    """The one header block (POSIX ustar) that a file of this name, size and time may have.

    Raises ValueError for a name that does not fit: up to 100 ASCII characters after a directory part.
    """
    prefix, short = _split(name.encode("ascii"))
    fields = (
        short.ljust(_NAME_BYTES, b"\0"),
        b"0000644\0",
        b"0000000\0" * 2,
        b"%011o\0" % size,
        b"%011o\0" % mtime,
        b" " * 8,
        b"0",
        bytes(_NAME_BYTES),
        b"ustar\x0000",
        bytes(64),
        bytes(16),
        prefix.ljust(155, b"\0"),
    )
    block = bytearray(b"".join(fields).ljust(BLOCK, b"\0"))
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block)


def padding(size: int) -> bytes:
    """The zero bytes that fill the last block of a file."""
    return bytes(-size % BLOCK)


def blocks(files: Mapping[str, bytes], mtime: int) -> Iterator[bytes]:
    """The archive of `files`, in the order given."""
    for name, data in files.items():
        yield header(name, len(data), mtime)
        yield data
        yield padding(len(data))
    yield END


def _split(name: bytes) -> tuple[bytes, bytes]:
    if len(name) <= _NAME_BYTES:
        return b"", name
    prefix, slash, short = name.partition(b"/")
    if not slash or len(short) > _NAME_BYTES:
        raise ValueError(f"name too long for the archive: {name[:40]!r}…")
    return prefix, short
