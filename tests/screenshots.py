"""`make screenshots`: the README's pictures, taken of the running product in a real terminal.

Use: python -m tests.screenshots DIRECTORY
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

from tests.terminal import Terminal

HELPDESK = [sys.executable, "-m", "helpdesk_tui"]
READY_S = 60.0


def main(directory: Path) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hd-") as home:
        for name in ("CONFIG", "STATE", "RUNTIME"):
            os.environ[f"HELPDESK_{name}_DIR"] = f"{home}/{name.lower()}"
        wide(directory)
        narrow(directory)
    return 0


def wide(directory: Path) -> None:
    """160×48: diagnosis, evidence, approval, the verified result."""
    with Terminal([*HELPDESK, "demo"], columns=160, lines=48) as terminal:
        terminal.wait_for("root cause", READY_S)
        take(terminal, directory / "workbench.png")
        terminal.press("f6")
        terminal.wait_for("SELECT")
        take(terminal, directory / "evidence.png")
        terminal.press("escape")
        terminal.wait_for("root cause")
        approve(terminal, directory / "approval.png")
        take(terminal, directory / "verified.png")
        terminal.press("ctrl+q")
        terminal.wait_for_exit()


def narrow(directory: Path) -> None:
    """80×24: the same panes as tabs."""
    with Terminal([*HELPDESK, "demo"], columns=80, lines=24) as terminal:
        terminal.wait_for("root cause", READY_S)
        take(terminal, directory / "small-chat.png")
        terminal.press("f3")
        take(terminal, directory / "small-trace.png")
        terminal.press("f2")
        terminal.settle()
        approve(terminal, directory / "small-approval.png")
        terminal.press("ctrl+q")
        terminal.wait_for_exit()


def approve(terminal: Terminal, picture: Path) -> None:
    """Ask for the first remedy, picture its card, and approve it."""
    terminal.press("1")
    card = terminal.wait_for("to approve, type")
    take(terminal, picture)
    pid = re.search(r"to approve, type (\d+)", card)
    assert pid
    terminal.press("a")
    terminal.wait_for("[ Approve ]")
    terminal.type(pid[1])
    terminal.wait_for(lambda screen: "to approve, type" not in screen)
    terminal.press("enter")
    terminal.wait_for("freed")


def take(terminal: Terminal, path: Path) -> None:
    terminal.settle(0.8)
    terminal.save_png(path, "helpdesk")
    print(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
