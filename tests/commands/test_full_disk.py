"""A disk or an output that takes no more: the command ends, and says so in one line; one that nobody reads is silent."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from agents.log import EventLog
from helpdesk_tui.cli import main
from tests.commands.test_command_line import HELPDESK, one_line
from tests.conftest import Database

ROOM = 400_000
"""Bytes that a file may have: the log of a triage is larger."""


@pytest.mark.parametrize("command", [["triage"], ["ask", "--no-model"]], ids=lambda command: command[0])
def test_a_diagnosis_that_the_log_does_not_take_ends_with_one_line(
    database18: Database, command: list[str]
) -> None:
    done = subprocess.run(
        [*HELPDESK, *command, database18.conninfo(), *(["what is wrong?"] if command[0] == "ask" else [])],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=dict(os.environ),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)),
        timeout=100,
        check=False,
    )
    assert done.returncode == 3
    assert "the event log cannot be used" in one_line(done)
    with EventLog.open() as log:
        assert log.verify().ok, "what it took before is whole"
        assert log.sessions()


FULL = Path("/dev/full")
PRINTING: Sequence[Sequence[str]] = (
    ("--help",), ("--version",), ("doctor", "--help"), ("approvals", "list"), ("approvals", "list", "--json"),
    ("session", "list"), ("policy", "check"), ("secrets", "list", "--json"), ("conditions", "list"),
)  # fmt: skip
"""Commands that print, each by another way."""


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("through", [False, True], ids=["buffered", "unbuffered"])
def test_an_output_that_takes_nothing_is_one_line(capsys: pytest.CaptureFixture[str], through: bool) -> None:
    for arguments in PRINTING:
        with FULL.open("w") as full:
            full.reconfigure(write_through=through)  # type: ignore[attr-defined]
            with redirect_stdout(full):
                assert main(arguments) == 3, arguments
        lines = capsys.readouterr().err.splitlines()
        assert lines == ["helpdesk: standard output cannot be written: No space left on device"], arguments
    assert not list(Path.home().rglob("crash.log"))


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("where", ["full", "closed", "unread"])
def test_how_a_process_ends_whose_output_takes_nothing(where: str) -> None:
    """Nothing is complained of a second time as the interpreter ends."""
    unread, end = os.pipe()
    os.close(unread)
    with FULL.open("w") as full:
        done = subprocess.run(
            [*HELPDESK, "approvals", "list"],
            stdout={"full": full.fileno(), "unread": end, "closed": None}[where],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=(lambda: os.close(1)) if where == "closed" else None,
            check=False,
        )
    os.close(end)
    said = "helpdesk: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == ((3, said) if where == "full" else (0, ""))
