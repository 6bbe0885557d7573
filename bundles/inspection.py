"""What verifying looks at inside an archive: names, headers, checksums, the manifest and the log slice."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from bundles.canonical import canonical_json
from bundles.compression import Damaged
from bundles.limits import SMALL_FILE_BYTES
from bundles.manifest import SCHEMA, identity
from bundles.naming import EVENTS, MANIFEST, SEAL, SUMS, bundle_name, moment
from bundles.reading import Member, TarReader
from bundles.slice import SliceCheck
from bundles.unpacking import Outer, unpacked

_SUM_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)")


@dataclass(slots=True)
class Contents:
    """What was read of an archive."""

    top: str = ""
    """The one directory; empty before the first file."""
    order: list[str] = field(default_factory=list)
    """Paths below `top`, in the order of the archive."""
    digests: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    mtimes: set[int] = field(default_factory=set)
    texts: dict[str, bytes] = field(default_factory=dict)
    """The manifest, the sums and the seal."""
    manifest: Mapping[str, Any] | None = None
    chain: str = ""


def contents_of(file: BinaryIO, layer: Outer, found: Contents) -> Iterator[str]:
    """Read the whole archive into `found`; yields what is wrong on the way. Raises Damaged where it cannot go on."""
    for member, content in TarReader(unpacked(file, layer)).members():
        top, _, path = member.name.partition("/")
        if not path or found.top not in ("", top):
            raise Damaged(f"{member.name}: outside of the bundle's one directory")
        found.top = top
        if path in found.digests:
            raise Damaged(f"{path}: there twice")
        if not member.canonical:
            yield f"{path}: its header in the archive was changed"
        yield from _read(path, member, content, found)


def _read(path: str, member: Member, content: Iterator[bytes], found: Contents) -> Iterator[str]:
    digest = hashlib.sha256()
    kept: list[bytes] | None = [] if path in (MANIFEST, SUMS, SEAL) else None
    if kept is not None and member.size > SMALL_FILE_BYTES:
        raise Damaged(f"{path}: {member.size} bytes; expected at most {SMALL_FILE_BYTES}")
    events = SliceCheck() if path == EVENTS else None
    for piece in content:
        digest.update(piece)
        if kept is not None:
            kept.append(piece)
        if events is not None:
            events.feed(piece)
    found.order.append(path)
    found.digests[path], found.sizes[path] = digest.hexdigest(), member.size
    found.mtimes.add(member.mtime)
    if kept is not None:
        found.texts[path] = b"".join(kept)
    if events is not None:
        yield from (f"{path}: {problem}" for problem in events.finish())
        found.chain = events.summary()


def problems_of(found: Contents) -> Iterator[str]:
    """What does not fit together in an archive that could be read to its end."""
    missing = [path for path in (MANIFEST, SUMS, SEAL) if path not in found.texts]
    if missing:
        yield f"not a bundle, or not a whole one: {', '.join(missing)} missing"
    if found.order != sorted(found.order, key=lambda path: (path == SEAL, path)):
        yield "the files are not in the order of a bundle"
    if SEAL in found.texts:
        wanted = {path for path in (MANIFEST, SUMS) if path in found.digests}
        yield from _compared(SEAL, found, wanted)
    if SUMS in found.texts:
        yield from _compared(SUMS, found, found.digests.keys() - {SUMS, SEAL})
    if MANIFEST in found.texts:
        yield from _manifest_problems(found)


def _compared(name: str, found: Contents, wanted: set[str]) -> Iterator[str]:
    """What a list of checksums says against what is there."""
    listed: dict[str, str] = {}
    for number, line in enumerate(found.texts[name].decode("utf-8", "replace").splitlines(), 1):
        match = _SUM_LINE.fullmatch(line)
        if not match:
            yield f"{name}: line {number} is damaged"
            break
        listed[match[2]] = match[1]
    expected = "".join(f"{listed[path]}  {path}\n" for path in sorted(listed)).encode()
    if expected != found.texts[name]:
        yield f"{name}: its lines are not as they were written"
    for path in sorted(wanted - listed.keys()):
        yield f"{path}: extra: {name} does not know it"
    for path in sorted(listed):
        actual = found.digests.get(path)
        if actual is None:
            yield f"{path}: missing: {name} lists it"
        elif actual != listed[path]:
            yield f"{path}: changed: its SHA-256 is {actual[:12]}…, {name} says {listed[path][:12]}…"


def _manifest_problems(found: Contents) -> Iterator[str]:
    try:
        manifest = json.loads(found.texts[MANIFEST])
    except (ValueError, RecursionError):
        yield f"{MANIFEST}: not readable as JSON"
        return
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        yield f"{MANIFEST}: not of the schema {SCHEMA}: made by a newer version, or no bundle of ours"
        return
    found.manifest = manifest
    try:
        yield from _against(manifest, found)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        yield f"{MANIFEST}: damaged: {type(error).__name__} at {error}"


def _against(manifest: Mapping[str, Any], found: Contents) -> Iterator[str]:
    if f"{canonical_json(manifest)}\n".encode() != found.texts[MANIFEST]:
        yield f"{MANIFEST}: its text is not as it was written"
    if identity(manifest) != manifest["id"]:
        yield f"{MANIFEST}: its id does not follow from its content"
    name = bundle_name(str(manifest["target"].get("name", "")), manifest["created_at"], str(manifest["id"]))
    if found.top != name:
        yield f"the directory inside is {found.top}; expected {name}"
    if found.mtimes != {int(moment(manifest["created_at"]).timestamp())}:
        yield "time stamps inside are not those of the manifest"
    yield from _entries(manifest["entries"], found)


def _entries(entries: list[Mapping[str, Any]], found: Contents) -> Iterator[str]:
    listed = {str(entry["path"]): entry for entry in entries}
    if len(listed) != len(entries):
        yield f"{MANIFEST}: lists a file twice"
    for path in sorted(found.digests.keys() - listed.keys() - {MANIFEST, SUMS, SEAL}):
        yield f"{path}: extra: {MANIFEST} does not know it"
    for path, entry in listed.items():
        if path not in found.digests:
            yield f"{path}: missing: {MANIFEST} lists it"
        elif (entry["sha256"], entry["bytes"]) != (found.digests[path], found.sizes[path]):
            yield f"{path}: changed: {MANIFEST} says otherwise"
