"""Whatever comes from elsewhere is inert on the screen: the bytes that reach a real terminal, on every pane and screen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.kernel.event import Event
from agents.log import EventLog
from helpdesk_tui.cli import main
from tests.terminal import Terminal
from tests.tui import story
from tests.tui.bench import replayed, screen_text, workbench
from tests.tui.story import Story
from tests.tui.test_terminal import command

MARK = "ZQX"
PIECES = (
    "\x1b]8;;https://evil.example/ZQX\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;WlFY\x07",
    "\x1b]0;ZQX\x07\x1b]9;ZQX\x07",
    "\x1b[2J\x1b[5i\x1b[6n\x1b[8;9;9t\x1b[?1049l\x1b[31;5m",
    "\x1bPq#ZQX\x1b\\\x1b_GZQX\x1b\\\x1b^ZQX\x1b\\\x1bc\x1b#8",
    "\x9b31mZQX\x9d0;ZQX\x9c\x90ZQX\x9c",
    "\u202e\u2066\u200f\u061cgnp.exe",
    "z\u200bw\u2060j\ufeff\u3164\u2800",
    "a" + "\u0301" * 40,
    "[bold red]x[/] [/x] [link=https://evil.example]l[/link]",
    "[@click=app.quit()]q[/] [@click='app.bell']b[/]",
    "\x00\x08\x7f\r\x0b\x0c\u2028\u2029\ud800",
    "![p](https://evil.example/p.png) <script>x</script> | a | b |",
)
TEXTS = frozenset({
    "text", "title", "summary", "why", "error", "reason", "reversible", "action", "effect", "alternatives", "query",
    "application", "user", "client", "relation", "statement", "remedy", "rows", "columns", "tool", "host",
    "not_checked", "confirmation", "risk", "note", "by", "plan", "operator",
})  # fmt: skip
"""Fields whose words come from a database, a log, an agent, a model or another user."""
FORBIDDEN = (
    *(b"\x1b]8;", b"\x1b]52;", b"\x1b]0;", b"\x1b]9;ZQX", b"\x1b[2J", b"\x1b[5i", b"\x1b[6n", b"\x1b[8;9;9t"),
    *(
        b"\x1b[?1049l",
        b"\x1b[31;5m",
        b"\x1bPq#",
        b"\x1b_GZQX",
        b"\x1b^",
        b"\x1bc",
        b"\x1b#8",
        b"\x00",
        b"\x7f",
    ),
)
OURS = re.compile(
    rb"\x1b\[[<>=?]?[0-9;:]*[$ ]?[A-Za-z]|\x1b\](?:2|9|22);[^\x07\x1b]*(?:\x07|\x1b\\)|\x1b_G[^\x1b]*\x1b\\|\x1b[=>78]"
    rb"|\x1bP[=+$q0-9a-f;]*\x1b\\|\x07|\r|\n"
)
"""What a terminal program sends by itself."""
ACTIVE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u034f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u3164\ud800-\udfff]"
)


class Poison:
    """Puts hostile text behind the words of every field that holds words."""

    def __init__(self) -> None:
        self._turn = 0
        self._checked: frozenset[str] = frozenset()
        """Fields that are looked at before they enter the log."""

    def event(self, event: Event) -> Event:
        self._checked = frozenset({"risk"} if event.kind == "approval.requested" else ())
        return replace(event, body=self._in(dict(event.body), ""))

    def text(self, words: str) -> str:
        self._turn += 1
        place = self._turn % len(PIECES)
        return f"{MARK} {' '.join((*PIECES[place:], *PIECES[:place]))} {words}"

    def _in(self, value: Any, key: str) -> Any:
        if key == ".target":
            return value
        if isinstance(value, Mapping):
            return {
                name: self._in(item, name if name in TEXTS else f".{name}") for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return type(value)(self._in(item, key) for item in value)
        return (
            self.text(value) if isinstance(value, str) and key in TEXTS - self._checked and value else value
        )


JUNK: tuple[Mapping[str, Any], ...] = (
    {**story.TARGET, "name": "a\0b", "host": "h\0"},
    {**story.TARGET, "name": "e\x1b[31m\u202e", "port": "x\x1b[2J"},
    {"nonsense": 1},
    {"name": "shop", "host": ["x"], "port": {"a": 1}, "database": 3, "tags": 5},
)
"""What no target is described as."""


def poisoned() -> str:
    """The session of an incident whose every word is hostile, with a line of a megabyte."""
    told, poison = story.waiting(), Poison()
    large = replace(
        story.lock_evidence(), id="E0000000001", rows=((1, "x\x1b[2J" * 200_000, "s", 0, None, "q"),)
    )
    told.tool("locks.tree", large)
    told.add("message", {"role": "agent", "text": "line \x1b[5i " * 100_000}, agent="database")
    told.add("note", {"text": "noted"}, principal="helpdesk")
    asked = next(event for event in told.events if event.kind == "approval.requested")
    asked.body["approval"]["call"]["arguments"]["relation"] = "public.stock"
    asked.body["approval"]["expires_at"] = "2099-01-01T00:00:00.000000Z"
    with EventLog.open() as log:
        log.append(*map(poison.event, told.events))
    return told.session


def test_no_byte_of_data_acts_on_the_terminal(isolated_home: Path) -> None:
    poisoned()
    with Terminal(command(), columns=160, lines=48) as terminal:
        terminal.wait_for(MARK)
        seen: dict[str, str] = {}
        for name, keys, leave in SCREENS:
            terminal.press(*keys)
            terminal.settle(0.15)
            seen[name] = terminal.wait_for(MARK)
            terminal.press(*leave)
            terminal.settle(0.1)
        terminal.wait_for(MARK)
        shown = bytes(terminal.raw)
        terminal.press("f2", "ctrl+q")
        assert terminal.wait_for_exit() == 0
    found = [token for token in FORBIDDEN if token in shown.replace(b"\x1b[?1049h", b"")]
    assert not found
    rest = OURS.sub(b"", shown).decode()
    assert not sorted({hex(ord(char)) for char in ACTIVE.findall(rest)})
    for name, text in seen.items():
        assert "\\x" in text or "\\u" in text or "[@click" in text, name
    everything = json.dumps(seen)
    assert "[bold red]x[/]" in everything and "[@click=app.quit()]q[/]" in everything


def test_what_is_cut_is_whole_one_key_away(isolated_home: Path) -> None:
    long = "much " * 80
    told = story.triaged()
    told.tool(
        "locks.tree",
        replace(
            story.lock_evidence(),
            id="E0000000002",
            columns=("c" * 60 + "ends-name", "b"),
            rows=(("1", f"{long}ends-value"), ("2", "")),
        ),
    )
    told.find(replace(story.findings()[0], id="F0000000002", title=f"{long}ends-title", evidence=()))
    told.add(
        "message",
        {"role": "agent", "text": f"| a |\n|---|\n| {long}ends-cell |\n\n    {long}ends-code"},
        agent="database",
    )
    with EventLog.open() as log:
        log.append(*told.events)
    with Terminal(command(), columns=80, lines=24) as terminal:
        terminal.wait_for("much")
        for before, key, ends, leave in (
            (["f2"], "ctrl+o", ("ends-cell", "ends-code"), ["escape"]),
            (["f3", "end"], "v", ("ends-title",), ["escape"]),
            (["up", "enter"], "v", ("ends-name", "ends-value"), ["escape", "escape"]),
            (["f2", *"/nonsense", *("x" * 600), *"ends-word", "enter"], "ctrl+n", ("ends-word",), ["escape"]),
        ):  # fmt: skip
            terminal.press(*before)
            terminal.settle(0.2)
            assert not [end for end in ends if end in _joined(terminal.text)]
            terminal.press(key)
            terminal.wait_for(lambda text, ends=ends: all(end in _joined(text) for end in ends))
            terminal.press(*leave)
        terminal.press("ctrl+q")
        assert terminal.wait_for_exit() == 0


def _joined(text: str) -> str:
    """The words of a screen, also those that a line's end has parted."""
    return re.sub(r"[\s│▏]+", "", text)


SCREENS = [
    ("chat", ["f2", "pageup"], ["pagedown"]),
    ("chat whole", ["f2", "ctrl+o"], ["escape"]),
    ("prompt", ["f2", "up"], ["down"]),
    ("trace", ["f3", "home"], []),
    ("trace opened", ["f3", "home", "down", "down", "down", "enter"], ["escape"]),
    ("trace row", ["f3", "home", "down", "down", "v"], ["escape"]),
    ("trace filtered", ["f3", "/", "Z", "Q", "enter"], ["f3", "/", "escape"]),
    ("approvals", ["f5"], []),
    ("card scrolled", ["f5", "pagedown"], ["pageup"]),
    ("card explained", ["f5", "x"], ["escape"]),
    ("decisions", ["f5", "o"], ["escape"]),
    ("edit", ["f5", "c"], ["escape"]),
    ("evidence", ["f6"], ["escape"]),
    ("evidence record", ["f6", " "], ["escape", "escape"]),
    ("palette", ["f3", "ctrl+p", *"remedy"], ["escape"]),
]


def test_no_byte_of_data_acts_on_a_terminal_that_a_command_prints_to(
    isolated_home: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    session = poisoned()
    approval = story.approval()["id"]
    for arguments in (
        ["session", "list"],
        ["session", "show", session],
        ["session", "show", session, "--json"],
        ["session", "export", session],
        ["approvals", "list"],
        ["approvals", "show", approval],
        ["audit", "verify", session],
        ["audit", "show", session],
    ):
        main(arguments)
        out = capfdbinary.readouterr()
        printed = (out.out + out.err).decode()
        assert printed
        assert not sorted({hex(ord(char)) for char in ACTIVE.findall(printed)}), arguments


@pytest.mark.parametrize("described", JUNK, ids=("nul", "escapes", "no name", "wrong types"))
async def test_a_session_opens_whatever_its_log_calls_a_target(
    described: Mapping[str, Any], tmp_path: Path
) -> None:
    """It is shown inert, it is told that it is no target, and the session goes on."""
    told = Story(target={**story.TARGET, "name": ""})
    told.add("session.opened", {"operator": "ana", "host": "jump-1", "version": "0.1.0", "target": described})
    told.add("message", {"role": "operator", "text": "what is wrong?"})
    app = workbench(told, tmp_path)
    async with app.run_test(size=(160, 48)) as pilot:
        await replayed(pilot)
        assert any("of this session" in notice.message for notice in app._notifications)
        shown = screen_text(app)
        assert "what is wrong?" in shown
        assert not any(mark in shown for mark in ("\0", "\x1b", "\u202e"))
    assert app.return_code in (None, 0)
