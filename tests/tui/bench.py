"""A workbench on a recorded story, for tests that drive it with keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from agents.log import EventLog
from helpdesk_tui.app import Workbench
from helpdesk_tui.options import Options
from tests.tui.story import NOW, Story

WIDE = (160, 48)
NARROW = (80, 24)


def workbench(story: Story, path: Path, **more: Any) -> Workbench:
    """A workbench that replays `story` from a real log in `path`."""
    log = path / "log.sqlite"
    with EventLog.open(log) as written:
        written.append(*story.events)
    options: dict[str, Any] = {"clock": lambda: NOW, "experts": None, **more}
    app = Workbench(Options(session=story.session, log=log, **options))
    app.animation_level = "none"
    return app


async def until(test: Callable[[], object], pilot: Pilot[Any], limit_s: float = 60.0) -> None:
    """Let the app work until `test` holds."""
    async with asyncio.timeout(limit_s):
        while not test():
            await pilot.pause(0.01)
    await pilot.pause()


async def replayed(pilot: Pilot[Any]) -> Workbench:
    """Wait until the session is on the screen."""
    app = pilot.app
    assert isinstance(app, Workbench)
    await until(lambda: app.views.chat.blocks and app.query("#transcript .block"), pilot)
    return app


def append(app: Workbench, story: Story, since: int) -> None:
    """Put the events of `story` from number `since` on into the log, as another process would."""
    with EventLog.open(app.options.log) as log:
        log.append(*story.events[since:])


def screen_text(app: Workbench) -> str:
    """What the terminal shows, as text."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip)[:width].rstrip() for strip in lines[:height])
