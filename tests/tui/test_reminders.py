"""Approvals that wait are called to mind: bell, title and notification, in our own words alone."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.kernel.canonical import utc_text
from agents.kernel.event import Event
from agents.log import EventLog
from helpdesk_tui import settings
from helpdesk_tui.panes.approvals.state import Ask
from helpdesk_tui.reminders import Reminders, shows_notifications
from helpdesk_tui.settings import Settings
from inventory.errors import UserError
from tests.terminal import Terminal
from tests.tui import story
from tests.tui.story import START, approval
from tests.tui.test_terminal import command, told_log

HOSTILE = "\x07\x1b]0;pwned\x07 ‮evil"


def asked(minutes: float, **more: str) -> Ask:
    """An approval asked at START that waits so long."""
    times = {"created_at": utc_text(START), "expires_at": utc_text(START + timedelta(minutes=minutes))}
    return Ask({**approval(**more), **times, "id": secrets.token_hex(13)})


def test_at_the_beginning_at_half_time_and_in_the_last_minute() -> None:
    written: list[str] = []
    reminders = Reminders(Settings(notify=True), {}, written.append)
    ask = asked(10)
    bells = []
    for second in range(0, 660, 20):
        now, before = START + timedelta(seconds=second), len(written)
        reminders.tell([ask] if ask.state_at(now) == "pending" else [], now)
        bells += [second] * written[before:].count("\x07")
    assert bells == [0, 300, 540]
    notes = [text for text in written if text.startswith("\x1b]9;")]
    assert notes == [
        f"\x1b]9;helpdesk: 1 approval waits, the next for {left}\x07" for left in ("10:00", "05:00", "01:00")
    ]
    titles = [text for text in written if "\x1b]2;" in text]
    assert titles == ["\x1b[22;2t\x1b]2;(1) helpdesk: 1 approval waits\x07", "\x1b]2;helpdesk\x07"]
    reminders.close()
    assert written[-1] == "\x1b[23;2t"


def test_what_waited_before_is_in_the_title_alone_and_each_can_be_off() -> None:
    written: list[str] = []
    Reminders(Settings(), {}, written.append).tell([asked(10), asked(10)], START, quietly=True)
    assert written == ["\x1b[22;2t\x1b]2;(2) helpdesk: 2 approvals wait\x07"]
    off: list[str] = []
    silent = Reminders(Settings(bell=False, title=False, notify=False), {"TERM": "foot"}, off.append)
    silent.tell([asked(10)], START)
    silent.close()
    assert off == []


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "TERM_PROGRAM": "WezTerm"}, False),
    ],
    ids=["kitty", "iterm-over-ssh", "unknown", "tmux"],
)
def test_where_notifications_go(environment: dict[str, str], shown: bool) -> None:
    assert shows_notifications(environment) is shown


def test_the_settings_of_reminders_are_the_operators_own() -> None:
    path = settings.default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[workbench.reminders]\nbell = false\nnotify = true\n")
    kept = settings.keep({"theme": settings.THEMES[1]})
    assert (kept.bell, kept.title, kept.notify) == (False, True, True)
    assert settings.load() == replace(Settings(), theme=settings.THEMES[1], bell=False, notify=True)
    path.write_text("[workbench.reminders]\nbeep = true\n")
    with pytest.raises(UserError, match=r"settings.toml:2: workbench.reminders.beep is not known"):
        settings.load()


def test_a_terminal_gets_our_bytes_and_none_of_the_approvals(isolated_home: Path) -> None:
    session = told_log()
    environment = {"TERM_PROGRAM": "WezTerm", "TMUX": ""}
    with Terminal(command(session), columns=80, lines=24, environment=environment) as terminal:
        terminal.wait_for("root cause")
        now = datetime.now(UTC)
        body = approval(query=HOSTILE)
        body["preview"]["action"] = f"end {HOSTILE}"
        body["target"]["name"] = HOSTILE
        body |= {"created_at": utc_text(now), "expires_at": utc_text(now + timedelta(minutes=10))}
        with EventLog.open() as log:
            asking = Event("approval.requested", session, {"approval": body}, "agent:database", story.TASK)
            log.append(asking)
        terminal.wait_for(lambda _: b"\x1b]9;helpdesk: 1 approval waits, the next for " in terminal.received)
        assert b"\x1b]2;(1) helpdesk: 1 approval waits\x07" in terminal.received
        terminal.wait_for("◆1")
        terminal.press("ctrl+q")
        assert terminal.wait_for_exit() == 0
        assert b"pwned\x07" not in terminal.received and terminal.received.count(b"\x1b[22;2t") == 1
        assert terminal.received.rstrip().count(b"\x1b[23;2t") == 1
