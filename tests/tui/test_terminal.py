"""The workbench in a real terminal: what the screen keeps out, what is left behind when it ends."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from agents.log import EventLog
from agents.log.anchor import read_anchors
from agents.log.settings import audit_path
from inventory.paths import state_dir
from tests.terminal import Terminal
from tests.tui import story

RUN = """
import os, sys, threading
from helpdesk_tui.app import run_workbench
from helpdesk_tui.options import Options
threading.Timer(0.5, lambda: (os.write(2, b"NOISE-ON-STDERR\\n"), print("NOISE-TOO", file=sys.stderr))).start()
sys.exit(run_workbench(options=Options(experts=None, log=None, session=sys.argv[1] if len(sys.argv) > 1 else None)))
"""


def told_log() -> str:
    told = story.triaged()
    with EventLog.open() as log:
        log.append(*told.events)
    return told.session


def command(*more: str) -> list[str]:
    return [sys.executable, "-c", RUN, *more]


def test_noise_goes_to_a_private_file_and_the_way_back_is_said(isolated_home: Path) -> None:
    session = told_log()
    with Terminal(command(), columns=80, lines=24, environment={"COLUMNS": "200", "LINES": "60"}) as terminal:
        shown = terminal.wait_for("root cause")
        assert shown.splitlines()[23].rstrip().endswith("^q Quit")
        kept = state_dir() / "workbench.err"
        terminal.settle(1.0)
        assert "NOISE" not in terminal.text
        terminal.press("f3")
        terminal.wait_for("locks.tree")
        terminal.press("q")
        assert terminal.wait_for_exit() == 0
        assert f"helpdesk --session {session}" in terminal.text
    assert "NOISE-ON-STDERR" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_no_color_keeps_every_state_readable(isolated_home: Path) -> None:
    told_log()
    with Terminal(command(), columns=160, lines=48, environment={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("root cause")
        for state in (
            "PRODUCTION",
            "READ-ONLY",
            "■ CRITICAL",
            "▲ WARNING",
            "● destructive",
            "? not read",
            "✓ done",
        ):
            terminal.wait_for(state)
        terminal.press("ctrl+q")
        assert terminal.wait_for_exit() == 0


def test_an_unknown_session_is_one_line_and_exit_code_2(isolated_home: Path) -> None:
    with Terminal(command("nosuchsession"), columns=80, lines=24) as terminal:
        assert terminal.wait_for_exit() == 2
        assert "helpdesk: nosuchsession: no such session" in terminal.text
        assert "Traceback" not in terminal.text


def test_a_log_that_cannot_be_opened_is_one_line_and_exit_code_3(isolated_home: Path) -> None:
    state_dir().mkdir(parents=True, mode=0o700)
    (state_dir() / "log.sqlite").write_bytes(os.urandom(8192))
    with Terminal(command(), columns=80, lines=24) as terminal:
        assert terminal.wait_for_exit() == 3
        assert "helpdesk: " in terminal.text and "log.sqlite" in terminal.text
        assert "Traceback" not in terminal.text


def test_keys_typed_in_one_breath_reach_what_they_are_meant_for(isolated_home: Path) -> None:
    told_log()
    with Terminal(command(), columns=160, lines=48) as terminal:
        terminal.wait_for("root cause")
        terminal.press("f3", "f4", "f2", *"what now")
        terminal.wait_for("what now")
        terminal.press("ctrl+q")
        assert terminal.wait_for_exit() == 0


def test_a_question_without_a_target_is_not_lost(isolated_home: Path) -> None:
    with Terminal(command(), columns=80, lines=24) as terminal:
        terminal.wait_for("no target")
        terminal.press(*"hello", "enter")
        terminal.wait_for("choose a target first")
        terminal.wait_for("hello")
        terminal.press("ctrl+q")
        assert terminal.wait_for_exit() == 0


def test_the_head_of_the_log_is_sent_when_the_workbench_ends(isolated_home: Path) -> None:
    told_log()
    heads = isolated_home / "heads"
    audit_path().parent.mkdir(parents=True, exist_ok=True)
    audit_path().write_text(f'[anchors]\nfile = "{heads}"\nsyslog = "{isolated_home / "none"}"\n')
    with Terminal(command(), columns=80, lines=24) as terminal:
        terminal.wait_for("root cause")
        terminal.press("f3")
        terminal.wait_for("locks.tree")
        terminal.press("q")
        assert terminal.wait_for_exit() == 0
        assert "the head of the log was not sent: syslog" in terminal.text
    with EventLog.open() as log:
        head = log.anchor()
        assert head
        (kept,) = read_anchors(heads)
        assert (kept.seq, kept.hash) == (head.seq, head.hash)
        assert log.verify(anchors=[kept]).ok
