"""Reminders of approvals that wait: the terminal's bell, its title, and a notification where it has one.

All that is written is our own: fixed words and figures, nothing from a database, an agent or a target's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from helpdesk_tui import words
from helpdesk_tui.panes.approvals.state import Ask
from helpdesk_tui.settings import Settings

LAST_MINUTE_S = 60.0
"""The last reminder comes this long before an approval expires: enough to read its card."""

BELL = "\x07"
KEEP_TITLE, GIVE_TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"
"""xterm's stack of window titles; a terminal without one ignores them."""

_TERMS = ("xterm-kitty", "xterm-ghostty", "wezterm", "foot", "foot-extra")
_PROGRAMS = ("iTerm.app", "WezTerm", "ghostty", "rio")


def shows_notifications(environment: Mapping[str, str]) -> bool:
    """Whether this terminal is known to take OSC 9; inside tmux or screen none is reached."""
    if environment.get("TMUX") or environment.get("TERM", "").startswith("screen"):
        return False
    return (
        environment.get("TERM") in _TERMS
        or environment.get("TERM_PROGRAM") in _PROGRAMS
        or environment.get("LC_TERMINAL") == "iTerm2"
    )


class Reminders:
    """Calls when an approval begins to wait, when half of its time is gone, and in its last minute."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], write: Callable[[str], None]
    ) -> None:
        self._bell = settings.bell
        self._title = settings.title
        self._notify = shows_notifications(environment) if settings.notify is None else settings.notify
        self._write = write
        self._told: dict[str, int] = {}
        self._titled = ""

    def tell(self, waiting: Iterable[Ask], now: datetime, *, quietly: bool = False) -> None:
        """Say what is due. `quietly`: what waits already when the session is opened is in the title alone."""
        asks = list(waiting)
        due = [ask for ask in asks if stage(ask, now) > self._told.get(ask.id, 0)]
        self._told = {ask.id: stage(ask, now) for ask in asks}
        self._say_in_title(len(asks))
        if due and not quietly:
            self._call(len(asks), min(ask.left(now) for ask in due))

    def close(self) -> None:
        """Give the terminal its own title back."""
        if self._titled:
            self._write(GIVE_TITLE_BACK)
            self._titled = ""

    def _call(self, waiting: int, left: float) -> None:
        if self._bell:
            self._write(BELL)
        if self._notify:
            self._write(f"\x1b]9;helpdesk: {_told(waiting)}, the next for {words.countdown(left)}\x07")

    def _say_in_title(self, waiting: int) -> None:
        title = f"({waiting}) helpdesk: {_told(waiting)}" if waiting else "helpdesk"
        if not self._title or title == self._titled:
            return
        self._write(f"{'' if self._titled else KEEP_TITLE}\x1b]2;{title}\x07")
        self._titled = title


def stage(ask: Ask, now: datetime) -> int:
    """1 from the beginning, 2 from the half of its time, 3 in the last minute."""
    left = ask.left(now)
    if left <= LAST_MINUTE_S:
        return 3
    passed = words.since(str(ask.approval.get("created_at", "")), now) or 0.0
    return 2 if passed >= left else 1


def _told(waiting: int) -> str:
    return f"{words.count(waiting, 'approval')} {'waits' if waiting == 1 else 'wait'}"
