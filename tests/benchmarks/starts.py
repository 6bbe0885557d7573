"""From the start of the program to its first full screen, against the smallest Textual app in the same terminal."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import median

from tests.benchmarks.ratio import Ratio
from tests.terminal import Terminal

GOAL = 2.0
RUNS = 7
MINIMAL = """
from textual.app import App
from textual.widgets import Footer, Static
class Minimal(App):
    BINDINGS = [("ctrl+q", "quit", "Quit")]
    def compose(self):
        yield Static("minimal")
        yield Footer()
Minimal().run()
"""
LAST_PAINTED = "^q Quit"
"""The end of the footer, in both."""


def starts() -> Iterator[Ratio]:
    """One ratio: both are started in turn, so that the machine's moods hit both."""
    ours: list[float] = []
    least: list[float] = []
    with tempfile.TemporaryDirectory(prefix="hd-") as home:
        place = {f"HELPDESK_{name}_DIR": f"{home}/{name.lower()}" for name in ("CONFIG", "STATE", "RUNTIME")}
        for _ in range(RUNS):
            ours.append(_start([sys.executable, "-m", "helpdesk_tui"], place))
            least.append(_start([sys.executable, "-c", MINIMAL], {}))
    yield Ratio("start to first full screen", median(ours[1:]), median(least[1:]), GOAL)


def _start(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    with Terminal(command, columns=120, lines=40, environment={**os.environ, **environment}) as terminal:
        terminal.wait_for(LAST_PAINTED)
        took = (time.perf_counter() - began) * 1000
        terminal.press("ctrl+q")
        terminal.wait_for_exit()
    return took
