"""A real terminal for tests and pictures: a pty, a terminal emulator that keeps its screen, real keys."""

from __future__ import annotations

import io
import os
import re
import select
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f7": "\x1b[18~",
    "f9": "\x1b[20~",
    **{f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"},
}
UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=?][0-9;]*[a-zA-Z$]|\x1b\[\?[0-9;]*\$p|\x1b[P_^][^\x1b]*\x1b\\")
"""Sequences (keyboard protocol, mode requests, device strings) that pyte would print instead of ignore."""
PRIVATE_MODE = re.compile(rb"\x1b\[\?[0-9;]*[hl]")
FONT = "DejaVu Sans Mono"
"""Debian: fonts-dejavu-core."""
COLOURS = {"brown": "yellow", "default": None}


class Terminal:
    """A program in a pty of a given size, and what it shows."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        lines: int = 24,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.columns, self.lines = columns, lines
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.received = b""
        """Every byte that came, as it came."""
        self._cut = b""
        self.raw = bytearray()
        """Every byte that the program sent."""
        inherited = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES"}}
        self.child = pexpect.spawn(
            command[0],
            list(command[1:]),
            dimensions=(lines, columns),
            env={**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})},
            timeout=None,
        )
        self.child.delaybeforesend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.close(force=True)

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, *keys: str) -> None:
        """Send keys by name; a name of one character is typed as it is."""
        for key in keys:
            self.child.send(KEYS.get(key, key))

    def type(self, text: str) -> None:
        self.child.send(text)

    def wait_for(self, wanted: str | Callable[[str], bool], timeout: float = 60.0) -> str:
        """Read until the screen holds `wanted` (a text, or a test on the screen's text), and return the screen."""
        test = wanted if callable(wanted) else lambda shown: wanted in shown
        end = time.monotonic() + timeout
        while not test(self.text):
            if time.monotonic() > end or not self._read(end - time.monotonic()):
                raise AssertionError(f"never on the screen: {wanted!r}; the screen is:\n{self.text}")
        return self.text

    def settle(self, quiet: float = 0.4, timeout: float = 15.0) -> str:
        """Read until nothing came for `quiet` seconds."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and self._read(quiet):
            pass
        return self.text

    def wait_for_exit(self, timeout: float = 60.0) -> int:
        """Read until the program ends; its exit code."""
        end = time.monotonic() + timeout
        while self._read(max(0.0, end - time.monotonic())):
            pass
        self.child.wait()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus)

    def _read(self, seconds: float) -> bool:
        """Feed what comes within `seconds`; False where nothing came or the program ended."""
        ready, _, _ = select.select([self.child.child_fd], [], [], max(seconds, 0))
        if not ready:
            return False
        try:
            data = os.read(self.child.child_fd, 65536)
        except OSError:
            return False
        self.received += data
        self.raw += data
        whole, self._cut = _split_last_sequence(self._cut + data)
        kept = UNKNOWN_TO_PYTE.sub(lambda m: m[0] if PRIVATE_MODE.fullmatch(m[0]) else b"", whole)
        self.stream.feed(kept)
        return bool(data)

    def svg(self, title: str) -> str:
        """The screen as it stands, as SVG."""
        console = Console(record=True, width=self.columns, height=self.lines, file=io.StringIO())
        for row in range(self.lines):
            console.print(self._line(row), end="\n" if row < self.lines - 1 else "", soft_wrap=True)
        return console.export_svg(title=title).replace("Fira Code", FONT)

    def save_png(self, path: Path, title: str) -> None:
        """The screen as it stands, as a PNG."""
        import cairosvg

        cairosvg.svg2png(bytestring=self.svg(title).encode(), write_to=str(path), scale=1.0)

    def _line(self, row: int) -> Text:
        line = Text()
        for column in range(self.columns):
            cell = self.screen.buffer[row][column]
            style = Style(
                color=_colour(cell.fg),
                bgcolor=_colour(cell.bg),
                bold=cell.bold,
                italic=cell.italics,
                underline=cell.underscore,
                reverse=cell.reverse,
            )
            line.append(cell.data, style)
        return line


def _split_last_sequence(data: bytes) -> tuple[bytes, bytes]:
    """`data` up to an escape sequence that has not ended yet, and that sequence."""
    start = data.rfind(b"\x1b")
    if start >= 0 and len(data) - start < 32 and re.fullmatch(rb"\x1b(\[[0-9;?<>=$]*)?", data[start:]):
        return data[:start], data[start:]
    return data, b""


def _colour(name: str) -> str | None:
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    name = COLOURS.get(name, name) or ""
    return name.replace("bright", "bright_") or None
