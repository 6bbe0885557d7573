"""The archive itself: same content same bytes, readable by common tools, and no byte can change unseen."""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.kernel.event import Event
from agents.log import EventLog
from bundles.compression import Compression
from bundles.content import BundleContent, LogEntry
from bundles.pack import Sealed, create
from bundles.verify import verify
from inventory.errors import UserError
from tests.bundles.contents import chained, content, evidence, message

ZSTD = (
    importlib.util.find_spec("zstandard") is not None or importlib.util.find_spec("compression") is not None
)
KINDS = ["gzip", pytest.param("zstd", marks=pytest.mark.skipif(not ZSTD, reason="no zstd library"))]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Compression:
    found: Compression = request.param
    return found


@pytest.fixture
def sealed(kind: Compression, tmp_path: Path) -> Sealed:
    return create(content(), tmp_path, compression=kind)


def test_a_fresh_bundle_verifies(sealed: Sealed) -> None:
    verdict = verify(sealed.path)
    assert verdict.problems == ()
    assert verdict.ok
    assert verdict.sha256 == sealed.sha256
    assert verdict.bytes == sealed.bytes == sealed.path.stat().st_size
    assert verdict.chain == "chain intact: 5 events"


def test_two_builds_are_the_same_bytes(kind: Compression, tmp_path: Path) -> None:
    made = content()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (create(made, tmp_path / name, compression=kind) for name in ("one", "two"))
    assert one.path.name == two.path.name
    assert one.path.read_bytes() == two.path.read_bytes()
    three = create(replace(made, transcript="other"), tmp_path / "one", compression=kind)
    assert three.path.name != one.path.name


def test_the_name_says_target_time_and_id(tmp_path: Path) -> None:
    made = content(target={"name": "db 1:5432/Bestellungen/../ü"})
    sealed = create(made, tmp_path)
    manifest = verify(sealed.path).manifest
    assert manifest is not None
    assert sealed.path.name == f"helpdesk-db-1-5432-Bestellungen-20261120T023109Z-{manifest['id'][:8]}.tar.gz"


def test_common_tools_unpack_and_check_it(sealed: Sealed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    program = "zstd" if sealed.path.suffix == ".zst" else "gzip"
    if not shutil.which(program) or not shutil.which("sha256sum"):
        pytest.skip(f"{program} or sha256sum is not installed")
    plain = subprocess.run([program, "-dc", sealed.path], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-xf", "-", "-C", out], check=True, input=plain)
    (inside,) = out.iterdir()
    subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS", "SEAL"], check=True, cwd=inside, capture_output=True
    )
    assert {str(path.relative_to(inside)) for path in inside.rglob("*") if path.is_file()} == set(
        sealed.files
    )


def test_the_manifest_tells_what_was_collected(sealed: Sealed) -> None:
    manifest = verify(sealed.path).manifest
    assert manifest is not None
    assert manifest["schema"] == "helpdesk.bundle/1"
    assert manifest["clock"]["skew_ms"] == 12.5
    assert manifest["servers"] == {"orders-prod": "PostgreSQL 18.1"}
    assert manifest["tool"] == {"name": "helpdesk-tui", "version": "0.1.0"}
    assert [item["error"] for item in manifest["collectors"]] == [
        "",
        "canceling statement due to statement timeout",
    ]
    assert {entry["path"] for entry in manifest["entries"]} == set(sealed.files) - {
        "manifest.json",
        "SHA256SUMS",
        "SEAL",
    }


def test_every_changed_byte_is_seen(sealed: Sealed, tmp_path: Path) -> None:
    good = sealed.path.read_bytes()
    bad = tmp_path / f"bad{''.join(sealed.path.suffixes[-2:])}"
    for place in range(0, len(good), 3):
        data = bytearray(good)
        data[place] ^= 1 << place % 8
        bad.write_bytes(data)
        verdict = verify(bad)
        assert not verdict.ok, f"byte {place}"
        assert all("\n" not in problem for problem in verdict.problems)


def test_any_change_anywhere_is_seen(sealed: Sealed, tmp_path: Path) -> None:
    good = sealed.path.read_bytes()
    bad = tmp_path / "bad"

    @settings(max_examples=300)
    @given(st.integers(0, len(good) - 1), st.binary(max_size=4), st.integers(0, 4))
    def change(place: int, new: bytes, gone: int) -> None:
        data = good[:place] + new + good[place + gone :]
        bad.write_bytes(data)
        assert verify(bad).ok == (data == good)

    change()


def test_a_changed_byte_inside_names_the_file(sealed: Sealed, tmp_path: Path) -> None:
    """Every byte of the tar stream, compressed again by a common tool."""
    if sealed.path.suffix != ".gz":
        pytest.skip("the tar layer is the same for both")
    stream = gzip.decompress(sealed.path.read_bytes())
    bad = tmp_path / "bad.tar.gz"
    for place in range(0, len(stream), 37):
        data = bytearray(stream)
        data[place] ^= 1 << place % 8
        bad.write_bytes(gzip.compress(data, 1))
        problems = verify(bad).problems
        assert len(problems) > 1, f"byte {place} of the tar stream"
    place = stream.index(b"4711 holds a lock") if b"4711 holds a lock" in stream else stream.index(b"4711")
    bad.write_bytes(gzip.compress(stream[:place] + b"4712" + stream[place + 4 :]))
    assert any(problem.startswith("REPORT.md: changed") for problem in verify(bad).problems)


def test_compressed_again_is_told_apart_from_changed(tmp_path: Path) -> None:
    sealed = create(content(), tmp_path)
    again = tmp_path / "again.tar.gz"
    again.write_bytes(gzip.compress(gzip.decompress(sealed.path.read_bytes())))
    (problem,) = verify(again).problems
    assert "no outer seal" in problem


@pytest.mark.parametrize("length", [0, 1, 9, 40, 60, 500, -40, -8, -1])
def test_a_cut_archive_is_one_or_two_clear_lines(sealed: Sealed, tmp_path: Path, length: int) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(sealed.path.read_bytes()[:length])
    verdict = verify(cut)
    assert not verdict.ok
    assert len(verdict.problems) <= 2


def test_the_log_own_chain_is_checked_offline(tmp_path: Path) -> None:
    """Events of a real log, between those of another session."""
    with EventLog.open(tmp_path / "log.sqlite") as log:
        for number in range(6):
            log.append(
                Event(
                    "note",
                    "mine" if number % 2 else "other",
                    {"text": f"ä\ud800 {number} {0.1 * number}"},
                    "x",
                )
            )
        events = slice_of(log, "mine")
    sealed = create(content(session="mine", events=events), tmp_path)
    assert verify(sealed.path).chain == "chain intact: 3 events"
    assert verify(sealed.path).ok


def slice_of(log: EventLog, session: str) -> tuple[LogEntry, ...]:
    return tuple(
        LogEntry(item.seq, item.n, item.event.to_json(), item.hash, in_session, in_log)
        for item, in_session, in_log in log.chained(session)
    )


def forged(events: tuple[LogEntry, ...], place: int, text: str) -> tuple[LogEntry, ...]:
    event = {**events[place].event, "body": {"role": "operator", "text": text}}
    return (*events[:place], replace(events[place], event=event), *events[place + 1 :])


@pytest.mark.parametrize("what", ["changed", "gone", "reordered"])
def test_a_log_that_was_tampered_with_before_is_named(what: str, tmp_path: Path) -> None:
    events = chained([message("s", f"line {number}") for number in range(4)], other_sessions=1)
    tampered = {
        "changed": forged(events, 2, "I never said this"),
        "gone": events[:1] + events[2:],
        "reordered": (events[0], events[2], events[1], events[3]),
    }[what]
    verdict = verify(create(content(session="s", events=tampered), tmp_path).path)
    assert verdict.problems[0].startswith("events.jsonl: line ")
    assert verdict.chain.startswith("chain broken")


def big(rows: int) -> BundleContent:
    item = evidence(["n", "query"], [[number, f"SELECT {number} " + "x" * 90] for number in range(rows)])
    events = chained([message("s", f"{number} " + "y" * 200) for number in range(rows // 10)])
    return content(session="s", events=events, evidence=(item.to_json(),), transcript="ÿ" * 300_000)


def test_what_does_not_fit_is_cut_in_the_middle_and_says_so(tmp_path: Path) -> None:
    sealed = create(big(6000), tmp_path, max_bytes=500_000)
    verdict = verify(sealed.path)
    assert verdict.problems == ()
    assert verdict.manifest is not None
    assert set(verdict.manifest["truncated"]) == {"events.jsonl", "transcript.md", *(
        path for path in sealed.files if path.startswith("evidence/")
    )}  # fmt: skip
    assert "left out for size" in verdict.chain
    stream = gzip.decompress(sealed.path.read_bytes())
    assert 400_000 < len(stream) < 520_000
    rows = [json.loads(line) for line in stream.decode().splitlines() if line.startswith("[")]
    assert [rows[0][0], rows[-1][0]] == [0, 5999]
    assert stream.count(b"TRUNCATED ") == 3


def test_one_huge_event_and_one_huge_row_are_cut_by_themselves(tmp_path: Path) -> None:
    huge = "lorem 12 " * 1_000_000
    events = chained([message("s", "before"), message("s", huge), message("s", "after")])
    item = evidence(["query"], [["small"], [huge]])
    sealed = create(content(session="s", events=events, evidence=(item.to_json(),)), tmp_path)
    verdict = verify(sealed.path)
    assert verdict.problems == ()
    assert verdict.chain == "chain intact: 3 events (1 shortened)"
    assert b'"marker":"TRUNCATED ' in gzip.decompress(sealed.path.read_bytes())


def test_an_empty_session_makes_a_bundle_too(tmp_path: Path) -> None:
    made = content(
        events=(), evidence=(), findings=(), approvals=(), report={}, transcript="", summary="", collectors=()
    )
    verdict = verify(create(made, tmp_path).path)
    assert verdict.problems == ()
    assert verdict.chain == "no events"


@pytest.mark.parametrize(
    "text", ["\x1b[2J\u202e", "NaN", "\ud800", "\x00", "TRUNCATED 5 bytes", '"}\n{"', "😀\U000e0041"]
)
def test_text_of_any_kind_passes_and_stays_inert(text: str, tmp_path: Path) -> None:
    item = {**evidence(["x"], [[text]]).to_json(), "rows": [[text], [float("nan")], [{text: [text]}]]}
    sealed = create(content(evidence=(item,), transcript=text, summary=text, target={"name": text}), tmp_path)
    assert verify(sealed.path).problems == ()
    raw = b"".join(
        line
        for line in gzip.decompress(sealed.path.read_bytes()).splitlines()
        if line.startswith((b"[", b"{"))
    )
    assert b"\x1b" not in raw
    assert "\u202e".encode() not in raw


def test_a_name_that_contradicts_the_compression_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the name says gzip, and zstd is asked for") as refused:
        create(content(), tmp_path / "a.tar.gz", compression="zstd")
    assert refused.value.exit_code == 2
    assert list(tmp_path.glob("*tar*")) == []
