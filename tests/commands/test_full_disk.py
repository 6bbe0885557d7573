"""A state directory that takes no more: the command ends, and says so in one line."""

from __future__ import annotations

import os
import resource
import subprocess

import pytest

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
