"""Archives that were made to harm whoever opens them, or that are no bundles at all."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundles import tar
from bundles.compression import write
from bundles.manifest import sums
from bundles.pack import create
from bundles.verify import verify
from inventory.errors import UserError
from tests.bundles.contents import content


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"x") -> bytes:
    """A tar archive of one entry, as a common tool writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        info.size = len(data) if kind == tarfile.REGTYPE else 0
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def huge_header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def many(count: int) -> bytes:
    return b"".join(tar.header(f"b/f{number}", 0, 0) for number in range(count)) + tar.END


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "parent": (lambda: member("b/../../etc/passwd"), "unsafe path"),
    "absolute": (lambda: member("/etc/passwd"), "unsafe path"),
    "hidden": (lambda: member("b/.bashrc"), "unsafe path"),
    "option": (lambda: member("b/-rf"), "unsafe path"),
    "newline": (lambda: member("b/a\nok: all fine"), "unsafe path"),
    "escape": (lambda: member("b/\x1b[2J\u202e"), "unsafe path"),
    "backslash": (lambda: member("b/..\\x"), "unsafe path"),
    "long name": (lambda: member("b/" + "n" * 300), "special kind"),
    "symbolic link": (lambda: member("b/x", tarfile.SYMTYPE, "/etc/passwd"), "a symbolic link"),
    "hard link": (lambda: member("b/x", tarfile.LNKTYPE, "b/manifest.json"), "a hard link"),
    "device": (lambda: member("b/x", tarfile.CHRTYPE), "a character device"),
    "block device": (lambda: member("b/x", tarfile.BLKTYPE), "a block device"),
    "named pipe": (lambda: member("b/x", tarfile.FIFOTYPE), "a named pipe"),
    "directory": (lambda: member("b", tarfile.DIRTYPE), "a directory"),
    "sparse": (lambda: member("b/x", tarfile.GNUTYPE_SPARSE), "special kind"),
    "pax": (lambda: member("b/x", tarfile.XHDTYPE), "special kind"),
    "outside": (lambda: tar.header("b/x", 0, 0) + tar.header("c/x", 0, 0) + tar.END, "outside"),
    "no directory": (lambda: tar.header("x", 0, 0) + tar.END, "outside"),
    "twice": (lambda: tar.header("b/x", 0, 0) * 2 + tar.END, "there twice"),
    "claimed size": (lambda: huge_header("b/x", 1 << 40), "expected at most"),
    "negative size": (lambda: huge_header("b/x", -5), "expected at most"),
    "many files": (lambda: many(10_001), "more than 10000 files"),
    "trailing": (lambda: many(1) + b"\0" * 512, "more after the end"),
    "no end": (lambda: tar.header("b/x", 0, 0), "cut off"),
    "half an end": (lambda: tar.header("b/x", 0, 0) + bytes(512) + b"x" * 512, "end of the archive"),
    "no tar": (lambda: b"hello world " * 100, "no tar archive"),
    "empty": (lambda: tar.END, "manifest.json, SHA256SUMS, SEAL missing"),
    "huge line": (lambda: files({"events.jsonl": b"[" * 8_100_000}), "line 1 is over"),
    "huge manifest": (lambda: files({"manifest.json": b" " * 8_100_000}), "expected at most"),
    "deep manifest": (lambda: files({"manifest.json": b"[" * 100_000}), "not readable as JSON"),
    "deep event": (lambda: files({"events.jsonl": b"[" * 100_000 + b"\n"}), "no sealed hash"),
    "other manifest": (lambda: files({"manifest.json": b'{"schema":"x/9"}'}), "not of the schema"),
    "empty manifest": (lambda: files({"manifest.json": b'{"schema":"helpdesk.bundle/1"}'}), "damaged"),
    "odd manifest": (lambda: files({"manifest.json": odd_manifest()}), "manifest.json: "),
    "binary sums": (lambda: files({"SHA256SUMS": bytes(range(256))}), "line 1 is damaged"),
}


def files(inside: dict[str, bytes]) -> bytes:
    return b"".join(tar.blocks({f"b/{path}": data for path, data in inside.items()}, 0))


def odd_manifest() -> bytes:
    manifest = {
        "schema": "helpdesk.bundle/1",
        "id": 7,
        "target": [],
        "created_at": "9999-99-99",
        "entries": {"a": 1},
    }
    return json.dumps(manifest).encode()


@pytest.mark.parametrize("sealing", ["sealed", "by a common tool"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_a_few_clear_lines(name: str, sealing: str, tmp_path: Path) -> None:
    make, words = HOSTILE[name]
    path = tmp_path / "b.tar.gz"
    if sealing == "sealed":
        with path.open("wb") as out:
            write(out, "gzip", [make()])
    else:
        path.write_bytes(gzip.compress(make(), 1, mtime=0))
    verdict = verify(path)
    assert any(words in problem for problem in verdict.problems), verdict.problems
    for problem in verdict.problems:
        assert problem.isprintable()
        assert len(problem) <= 300
    assert [item.name for item in tmp_path.iterdir() if item.name not in ("b.tar.gz", "home")] == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04 zip", "neither gzip nor zstd"),
        (b"#!/bin/sh\nrm -rf /\n", "neither gzip nor zstd"),
        (b"\x1f\x8b\x08", "cut off"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 100, "damaged"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 100, "damaged"),
        (gzip.compress(b"text", mtime=0), "cut off"),
        (gzip.compress(tar.END, mtime=0) * 2, "more after the end of the compressed stream"),
        (gzip.compress(tar.END, mtime=0) + b"tail", "more after the end of the compressed stream"),
    ],
)
def test_what_is_no_bundle_is_told(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_bytes(data)
    assert any(words in problem for problem in verify(path).problems), verify(path).problems


def bomb(path: Path, size: int) -> None:
    """A gzip file of zeros in one tar entry after another, each as large as may be."""
    squeezed = zlib.compressobj(9, zlib.DEFLATED, 31)
    with path.open("wb") as out:
        done = 0
        while done < size:
            out.write(squeezed.compress(tar.header(f"b/f{done}", 64_000_000, 0)))
            for _ in range(64):
                out.write(squeezed.compress(bytes(1_000_000)))
            done += 64_000_000
        out.write(squeezed.flush())


IN_A_CHILD = """
import resource, sys
sys.path[:0] = {path!r}
from bundles.verify import verify
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(verify({target!r}).problems)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_bomb_costs_little_memory_and_stops(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    bomb(path, 1_100_000_000)
    assert path.stat().st_size < 2_000_000
    script = IN_A_CHILD.format(path=sys.path, target=str(path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    problems, grown = done.stdout.splitlines()
    assert "more than 1000000000 bytes when unpacked" in problems
    assert int(grown) * (1 if sys.platform == "darwin" else 1024) < 30_000_000


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path, "not a plain file"),
        (tmp_path / "pipe", "not a plain file"),
        (Path("/dev/zero"), "not a plain file"),
        (tmp_path / "missing\x1b[2J", "no such file"),
    ):
        with pytest.raises(UserError, match=words) as refused:
            verify(path)
        assert refused.value.exit_code == 2
        assert str(refused.value).isprintable()


def resealed(path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> tuple[str, ...]:
    """The problems of a bundle whose files were changed by someone who also seals the outside again."""
    with tarfile.open(path) as archive:
        mtime = archive.getmembers()[0].mtime
        inside = {item.name: archive.extractfile(item).read() for item in archive}  # type: ignore[union-attr]
    top = next(iter(inside)).split("/")[0]
    changed = change({name.split("/", 1)[1]: data for name, data in inside.items()})
    other = path.with_name("other.tar.gz")
    with other.open("wb") as out:
        write(out, "gzip", tar.blocks({f"{top}/{name}": data for name, data in changed.items()}, int(mtime)))
    return verify(other).problems


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Path]:
    yield create(content(), tmp_path / "good.tar.gz").path


def test_a_missing_and_an_extra_file_are_named(bundle: Path) -> None:
    gone = resealed(
        bundle, lambda files: {name: data for name, data in files.items() if name != "transcript.md"}
    )
    assert "transcript.md: missing: SHA256SUMS lists it" in gone
    assert "transcript.md: missing: manifest.json lists it" in gone
    extra = resealed(bundle, lambda files: {**files, "zz.txt": b"boo"})
    assert "zz.txt: extra: SHA256SUMS does not know it" in extra
    assert "zz.txt: extra: manifest.json does not know it" in extra


def test_a_changed_file_with_fitting_sums_is_still_seen(bundle: Path) -> None:
    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        files["transcript.md"] += b"and the operator agreed to everything\n"
        listed = {name: data for name, data in files.items() if name not in ("SHA256SUMS", "SEAL")}
        files["SHA256SUMS"] = sums(listed)
        files["SEAL"] = sums({name: files[name] for name in ("SHA256SUMS", "manifest.json")})
        return files

    assert resealed(bundle, change) == ("transcript.md: changed: manifest.json says otherwise",)


def test_a_changed_manifest_does_not_fit_its_id(bundle: Path) -> None:
    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        files["manifest.json"] = files["manifest.json"].replace(b"PostgreSQL 18.1", b"PostgreSQL 14.1")
        return files

    problems = resealed(bundle, change)
    assert "manifest.json: its id does not follow from its content" in problems
    assert any(problem.startswith("manifest.json: changed") for problem in problems)


def test_files_in_another_order_are_seen(bundle: Path) -> None:
    problems = resealed(bundle, lambda files: dict(reversed(files.items())))
    assert problems == ("the files are not in the order of a bundle",)


def test_an_endless_list_of_problems_is_cut(bundle: Path) -> None:
    problems = resealed(bundle, lambda files: {**{f"x{number}": b"" for number in range(500)}, **files})
    assert len(problems) == 51
    assert problems[-1].endswith("more")


def test_a_damaged_slice_is_told_line_by_line(bundle: Path) -> None:
    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        lines = files["events.jsonl"].splitlines(keepends=True)
        files["events.jsonl"] = b"".join(
            [lines[0], lines[2].replace(b"4711", b"4712"), b"{}\n", *lines[3:], b"x"]
        )
        return files

    told = [problem for problem in resealed(bundle, change) if problem.startswith("events.jsonl: line")]
    assert told == [
        "events.jsonl: line 2: was changed after the bundle was sealed",
        "events.jsonl: line 3: has no sealed hash",
        "events.jsonl: line 6 is cut off",
    ]
