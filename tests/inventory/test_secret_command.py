"""Secrets that a program prints: an argument list, no shell, within limits."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import pytest

from inventory.errors import UserError
from inventory.masking import mask
from inventory.registry import load
from inventory.secret_command import LIMIT_BYTES, first_line_of
from inventory.secrets import SecretRef, read_secret, reference
from inventory.target import Target


def test_a_command_runs_once_and_its_first_line_is_the_secret(tmp_path: Path) -> None:
    runs, value = tmp_path / "runs", secrets.token_urlsafe(12)
    script = f"open({str(runs)!r}, 'a').write('x'); print({value!r}); print('not this')"
    argv = [sys.executable, "-c", script]
    path = tmp_path / "inventory.toml"
    path.write_text(f"[databases.a]\ndsn = 'host=db1'\npassword = {{ command = {argv!r} }}\n")
    target = load(path).targets["a"]
    again = Target.from_private_json(target.to_private_json())
    assert again == target and target.secret is not None
    assert read_secret(target.secret) == value == read_secret(again.secret or target.secret)
    assert runs.read_text() == "x"
    assert mask(f"<{value}>") == "<***>"
    assert target.secret.to_toml() == {"command": argv}


def test_nothing_is_expanded_and_nothing_is_asked(tmp_path: Path) -> None:
    made = tmp_path / "made"
    words = f"$(touch {made}) `touch {made}`; touch {made} *"
    assert first_line_of((sys.executable, "-c", "import sys; print(sys.argv[1])", words)) == words
    assert not made.exists()
    asks = "import sys; print(repr(sys.stdin.read()), sys.stdin.isatty())"
    assert first_line_of((sys.executable, "-c", asks)) == "'' False"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("raise SystemExit(3)", "ended with code 3"),
        ("pass", "printed nothing"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\n')", "not UTF-8"),
        (f"print('x' * {LIMIT_BYTES + 1})", "printed more than 64 KiB"),
    ],
    ids=["code", "nothing", "bytes", "much"],
)
def test_what_a_program_must_not_do(script: str, why: str) -> None:
    with pytest.raises(UserError, match=why) as error:
        first_line_of((sys.executable, "-c", script))
    assert error.value.exit_code == 3


def test_a_program_that_asks_forever_is_ended_with_its_children(tmp_path: Path) -> None:
    fifo = tmp_path / "held"
    script = f"import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); open({str(fifo)!r}, 'w').write(str(os.getpgid(0))); import time; time.sleep(600)"
    with pytest.raises(UserError, match="did not answer within 3 s"):
        first_line_of((sys.executable, "-c", script), limit_s=3)
    groups = {
        path.read_text().rpartition(")")[2].split()[2]
        for path in Path("/proc").glob("[0-9]*/stat")
        if _running(path)
    }
    assert not fifo.exists() or fifo.read_text() not in groups


def test_a_program_that_is_not_there_and_what_names_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be started"):
        first_line_of((f"/nowhere/{secrets.token_hex(4)}",))
    for value in (
        {"command": "pass show db"},
        {"command": []},
        {"command": [""]},
        {"command": [1]},
        1,
        "",
        {},
    ):
        assert reference(value, tmp_path) is None
    assert reference({"file": "x"}, tmp_path / "a.toml") == SecretRef("file", str(tmp_path / "x"))


def _running(path: Path) -> bool:
    try:
        return path.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
