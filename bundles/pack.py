"""Make a bundle: redact, lay out, check what is left, seal, write."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bundles import tar
from bundles.compression import SUFFIXES, Compression, compression_of, has_zstd, write
from bundles.content import BundleContent
from bundles.layout import documents, rendered
from bundles.limits import BUNDLE_BYTES, FILES
from bundles.manifest import build, with_checksums
from bundles.naming import bundle_name, moment
from bundles.redaction import redact
from bundles.redaction.residual import require_clean
from bundles.writing import write_new
from inventory.errors import NOT_COMPLETED, UserError


@dataclass(frozen=True, slots=True)
class Sealed:
    """A bundle on disk."""

    path: Path
    sha256: str
    """Of the archive: the number for the ticket."""
    bytes: int
    files: tuple[str, ...]
    """Paths inside the archive, below its one directory."""
    redacted: int
    """Secrets that were taken out."""


def create(
    content: BundleContent,
    path: Path | str,
    *,
    compression: Compression | None = None,
    overwrite: bool = False,
    max_bytes: int = BUNDLE_BYTES,
) -> Sealed:
    """Write the bundle to `path`; an existing directory gets a file with the bundle's own name.

    `compression` follows the name (`.tar.gz`, `.tgz`, `.tar.zst`), or is gzip; zstd without a library becomes gzip
    where the name is ours to choose. `max_bytes` is for all files together, before compression.
    Raises UserError: exit 2 for a name that contradicts `compression`, exit 3 where the file cannot be written or
    the last check still finds a secret.
    """
    name, files, redacted = _sealed_files(content, max_bytes)
    where, kind = _destination(Path(path), name, compression)
    mtime = int(moment(content.created_at).timestamp())
    named = {f"{name}/{inside}": data for inside, data in files.items()}

    def fill(out: BinaryIO) -> None:
        write(out, kind, tar.blocks(named, mtime))

    write_new(where, fill, overwrite=overwrite)
    with where.open("rb") as archive:
        whole = hashlib.file_digest(archive, "sha256").hexdigest()
        return Sealed(where, whole, archive.tell(), tuple(files), redacted)


def _sealed_files(content: BundleContent, max_bytes: int) -> tuple[str, dict[str, bytes], int]:
    """The bundle's name, its files in order, and how often something was taken out of them."""
    if len(content.evidence) > FILES - 20:
        raise UserError(
            f"session {content.session}: {len(content.evidence)} pieces of evidence; expected at most {FILES - 20}:"
            " bundle a part of the session",
            exit_code=NOT_COMPLETED,
        )
    redacted = redact(content)
    listed = {document.path: document for document in documents(redacted)}
    kept = rendered(list(listed.values()), max_bytes)
    manifest = build(redacted, listed, kept)
    files = with_checksums(manifest, kept)
    name = bundle_name(str(manifest["target"].get("name", "")), content.created_at, manifest["id"])
    require_clean({**files, name: b""}, redacted.secrets)
    return name, files, sum(redacted.totals().values())


def _destination(path: Path, name: str, asked: Compression | None) -> tuple[Path, Compression]:
    if path.is_dir():
        kind: Compression = "zstd" if asked == "zstd" and has_zstd() else "gzip"
        suffix = next(suffix for suffix, fitting in SUFFIXES.items() if fitting == kind)
        return path / f"{name}{suffix}", kind
    named = compression_of(path)
    if named and asked and named != asked:
        raise UserError(f"{path}: the name says {named}, and {asked} is asked for; expected one of the two")
    kind = asked or named or "gzip"
    if kind == "zstd" and not has_zstd():
        raise UserError(
            f"{path}: zstd needs the package zstandard, which is not installed; use a name in .tar.gz"
        )
    return path, kind
