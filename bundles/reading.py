"""Reading the tar layer of a stranger's archive: nothing is unpacked to disk, and only plain files are known."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bundles import tar
from bundles.compression import Damaged
from bundles.limits import FILE_BYTES, FILES, READ_BYTES
from bundles.naming import is_safe_path

_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.DIRTYPE: "a directory",
    tarfile.FIFOTYPE: "a named pipe",
}


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive, by its header."""

    name: str
    size: int
    mtime: int
    canonical: bool
    """False where the header differs from the one that a bundle has for this name, size and time."""


class TarReader:
    """Walks a tar stream once. Every method raises Damaged at the first thing that no bundle has."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = b""
        self._read = 0

    def members(self) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Each file and its content in pieces; what the caller leaves of the content is skipped."""
        count = 0
        while any(block := self._exactly(tar.BLOCK)):
            count += 1
            if count > FILES:
                raise Damaged(f"more than {FILES} files; expected a bundle")
            member = _member(block)
            content = self._content(member)
            yield member, content
            for _ in content:
                pass
        if any(self._exactly(tar.BLOCK)):
            raise Damaged("the end of the archive is damaged")
        if self._buffer or any(self._pieces):
            raise Damaged("there is more after the end of the archive")

    def _content(self, member: Member) -> Iterator[bytes]:
        left = member.size
        while left:
            piece = self._upto(left)
            left -= len(piece)
            yield piece
        if any(self._exactly(-member.size % tar.BLOCK)):
            raise Damaged(f"{member.name}: the padding after the file was changed")

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._upto(size)
            size -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _upto(self, size: int) -> bytes:
        if not self._buffer:
            self._buffer = next(self._pieces, b"")
            self._read += len(self._buffer)
        if not self._buffer:
            raise Damaged("the archive is cut off")
        if self._read > READ_BYTES:
            raise Damaged(f"more than {READ_BYTES} bytes when unpacked; expected a bundle")
        part, self._buffer = self._buffer[:size], self._buffer[size:]
        return part


def _member(block: bytes) -> Member:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError) as error:
        raise Damaged("a header inside is damaged, or this is no tar archive") from error
    if info.type != tarfile.REGTYPE:
        kind = _KINDS.get(info.type, "an entry of a special kind")
        raise Damaged(f"{info.name}: {kind}; a bundle has plain files alone")
    if not is_safe_path(info.name):
        raise Damaged(f"{info.name}: an unsafe path; expected plain names below one directory")
    if not 0 <= info.size <= FILE_BYTES:
        raise Damaged(f"{info.name}: {info.size} bytes; expected at most {FILE_BYTES}")
    return Member(info.name, info.size, int(info.mtime), _is_canonical(block, info))


def _is_canonical(block: bytes, info: tarfile.TarInfo) -> bool:
    try:
        return block == tar.header(info.name, info.size, int(info.mtime))
    except (ValueError, OverflowError):
        return False
