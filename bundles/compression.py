"""The outer layer: gzip or zstd, each with a SHA-256 over its own bytes where other tools skip it.

A compressed stream can be changed in ways that unpack to the same bytes (unused bits, another distance to the same
text), so the checksums inside cannot see every change. The outer seal does: in gzip it is an extra field of the header,
in zstd a skippable frame at the end. Both unpack with the usual tools.
"""

from __future__ import annotations

import hashlib
import importlib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from inventory.errors import UserError

Compression = Literal["gzip", "zstd"]

SUFFIXES: dict[str, Compression] = {".tar.gz": "gzip", ".tgz": "gzip", ".tar.zst": "zstd"}

_DIGEST_BYTES = 32
GZIP_HEAD = b"\x1f\x8b\x08\x04\0\0\0\0\x02\xff" + (4 + _DIGEST_BYTES).to_bytes(2, "little") + b"HD\x20\0"
"""Deflate, an extra field, no time, best compression, no system; then the field `HD` of 32 bytes."""
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_TAIL = b"\x5a\x2a\x4d\x18" + _DIGEST_BYTES.to_bytes(4, "little")
"""A skippable frame of 32 bytes."""

_ZSTD_LEVEL = 10
ZSTD_WINDOW_LOG = 27
"""128 MiB: what `zstd -d` accepts without being asked."""


class Damaged(Exception):
    """The stream cannot be unpacked, or holds what does not belong there; the text is one line."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def compression_of(path: Path) -> Compression | None:
    """By the end of the name; None for another one."""
    return next((kind for suffix, kind in SUFFIXES.items() if path.name.lower().endswith(suffix)), None)


def has_zstd() -> bool:
    """True where a zstd library is there: Python's own (3.14) or the `zstandard` package."""
    return zstd_library() is not None


def write(out: BinaryIO, compression: Compression, blocks: Iterable[bytes]) -> None:
    """Write `blocks` compressed and sealed to `out`, which must be empty and seekable.

    Raises UserError (exit 2) where zstd is asked for and no library for it is there.
    """
    if compression == "gzip":
        out.write(GZIP_HEAD + bytes(_DIGEST_BYTES))
        seal = _write_gzip(out, blocks)
        out.seek(len(GZIP_HEAD))
        out.write(seal)
        out.seek(0, 2)
    else:
        out.write(ZSTD_TAIL + _write_all(out, _zstd_compressor(), blocks))


def _write_gzip(out: BinaryIO, blocks: Iterable[bytes]) -> bytes:
    check, size = 0, 0

    def counted() -> Iterator[bytes]:
        nonlocal check, size
        for block in blocks:
            check, size = zlib.crc32(block, check), size + len(block)
            yield block

    sealing = hashlib.sha256()
    for part in _compressed(zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS), counted()):
        sealing.update(part)
        out.write(part)
    trailer = check.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    sealing.update(trailer)
    out.write(trailer)
    return sealing.digest()


def _write_all(out: BinaryIO, compressor: _Compressor, blocks: Iterable[bytes]) -> bytes:
    sealing = hashlib.sha256()
    for part in _compressed(compressor, blocks):
        sealing.update(part)
        out.write(part)
    return sealing.digest()


def _compressed(compressor: _Compressor, blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        yield compressor.compress(block)
    yield compressor.flush()


def zstd_library() -> Any:
    """The module that is there, or None."""
    for name in ("compression.zstd", "zstandard"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _zstd_compressor() -> _Compressor:
    library = zstd_library()
    if library is None:
        raise UserError(
            "zstd: no library for it is installed; expected the package zstandard; use .tar.gz instead"
        )
    if library.__name__ == "zstandard":
        compressor: _Compressor = library.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj()
        return compressor
    options = {
        library.CompressionParameter.compression_level: _ZSTD_LEVEL,
        library.CompressionParameter.checksum_flag: 1,
    }
    own: _Compressor = library.ZstdCompressor(options=options)
    return own
