"""Reading the outer layer of a stranger's archive: bounded steps, and every byte accounted for."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bundles.compression import (
    GZIP_HEAD,
    ZSTD_MAGIC,
    ZSTD_TAIL,
    ZSTD_WINDOW_LOG,
    Compression,
    Damaged,
    zstd_library,
)

CHUNK = 1 << 16
"""Bytes that are unpacked in one step, so that a bomb costs time alone and never memory."""
_DIGEST_BYTES = 32
_GZIP_TRAILER = 8
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Outer:
    """What the outer layer says of itself."""

    compression: Compression
    sha256: str
    """Of the whole file."""
    bytes: int
    start: int
    """Where the compressed stream begins."""
    end: int
    """Where it ends, before a trailing seal."""
    problem: str
    """Why the outer seal does not hold; empty where it does."""


def outer(file: BinaryIO) -> Outer:
    """Hash the archive and check its outer seal. Raises Damaged where it is neither gzip nor zstd."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    head = file.read(len(GZIP_HEAD) + _DIGEST_BYTES)
    if head.startswith(_GZIP_MAGIC):
        return _outer_gzip(file, head, size)
    if head.startswith(ZSTD_MAGIC):
        return _outer_zstd(file, size)
    raise Damaged("not a bundle: neither gzip nor zstd" if size else "not a bundle: the file is empty")


def _outer_gzip(file: BinaryIO, head: bytes, size: int) -> Outer:
    sealed = head.startswith(GZIP_HEAD) and len(head) == len(GZIP_HEAD) + _DIGEST_BYTES
    start = len(head) if sealed else 0
    whole, part = _hashes(file, start, size)
    wrong = "" if sealed and part == head[len(GZIP_HEAD) :] else _why(sealed)
    return Outer("gzip", whole, size, start, size, wrong)


def _outer_zstd(file: BinaryIO, size: int) -> Outer:
    end = max(0, size - len(ZSTD_TAIL) - _DIGEST_BYTES)
    file.seek(end)
    tail = file.read()
    sealed = tail.startswith(ZSTD_TAIL)
    end = end if sealed else size
    whole, part = _hashes(file, 0, end)
    wrong = "" if sealed and part == tail[len(ZSTD_TAIL) :] else _why(sealed)
    return Outer("zstd", whole, size, 0, end, wrong)


def _why(sealed: bool) -> str:
    if sealed:
        return "the archive was changed after it was sealed: its bytes do not match its outer seal"
    return "the archive has no outer seal: it was cut off, compressed again or not made by helpdesk"


def _hashes(file: BinaryIO, start: int, end: int) -> tuple[str, bytes]:
    """SHA-256 of the whole file, and of the part from `start` to `end`."""
    whole, part = hashlib.sha256(), hashlib.sha256()
    file.seek(0)
    position = 0
    while data := file.read(CHUNK):
        whole.update(data)
        part.update(data[max(0, start - position) : max(0, end - position)])
        position += len(data)
    return whole.hexdigest(), part.digest()


def unpacked(file: BinaryIO, layer: Outer) -> Iterator[bytes]:
    """The tar stream in pieces of at most CHUNK bytes. Raises Damaged."""
    file.seek(layer.start)
    if layer.compression == "zstd":
        yield from _unpacked_zstd(file, layer)
    else:
        yield from _unpacked_gzip(file, sealed=layer.start > 0)


def _unpacked_gzip(file: BinaryIO, sealed: bool) -> Iterator[bytes]:
    """Sealed: the bare stream after our header, with its trailer checked here; else whatever gzip it is."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS if sealed else zlib.MAX_WBITS | 16)
    check, size = 0, 0
    data = file.read(CHUNK)
    while not stream.eof:
        try:
            piece = stream.decompress(data, CHUNK)
        except zlib.error as error:
            raise Damaged("the compressed stream is damaged") from error
        check, size = zlib.crc32(piece, check), size + len(piece)
        if piece:
            yield piece
        data = stream.unconsumed_tail or (b"" if stream.eof else file.read(CHUNK))
        if not data and not piece and not stream.eof:
            raise Damaged("the archive is cut off")
    rest = stream.unused_data + file.read(_GZIP_TRAILER + 1)
    if sealed:
        trailer = check.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
        _check_trailer(rest, trailer)
    elif rest:
        raise Damaged("there is more after the end of the compressed stream")


def _check_trailer(rest: bytes, expected: bytes) -> None:
    if len(rest) < _GZIP_TRAILER:
        raise Damaged("the archive is cut off")
    if rest[:_GZIP_TRAILER] != expected:
        raise Damaged("the compressed stream is damaged: its checksum is not that of its content")
    if len(rest) > _GZIP_TRAILER:
        raise Damaged("there is more after the end of the compressed stream")


def _unpacked_zstd(file: BinaryIO, layer: Outer) -> Iterator[bytes]:
    library = zstd_library()
    if library is None:
        raise Damaged(
            "this archive is compressed with zstd, and no library for it is installed: install zstandard"
        )
    if library.__name__ == "zstandard":
        stream = library.ZstdDecompressor(max_window_size=1 << ZSTD_WINDOW_LOG)
        source = stream.stream_reader(_Window(file, layer.end), read_across_frames=False, closefd=False)
        failure: type[Exception] = library.ZstdError
    else:
        options = {library.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
        source = library.ZstdFile(_Window(file, layer.end), options=options)
        failure = library.ZstdError
    try:
        while piece := source.read(CHUNK):
            yield piece
    except (failure, EOFError) as error:
        raise Damaged("the compressed stream is damaged or cut off") from error


class _Window:
    """The file up to a place, for libraries that read ahead."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._end - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))
