"""A session that is purged while a workbench has it open: said so, and nothing of it is shown as if it were there."""

from __future__ import annotations

from pathlib import Path

from agents.log import EventLog
from agents.log.settings import sign
from helpdesk_tui.app import Workbench
from tests.tui import story
from tests.tui.bench import WIDE, replayed, screen_text, until, workbench


async def test_a_purge_is_told_and_evidence_that_is_gone_is_not_opened(tmp_path: Path) -> None:
    told = story.triaged()
    app: Workbench = workbench(told, tmp_path)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await replayed(pilot)
        with EventLog.open(app.options.log) as log:
            assert log.purge(told.session, "operator:eve", "GDPR", sign)[0] == len(told.events)
        await until(lambda: "operator:eve purged what was before" in screen_text(app), pilot)
        await pilot.press("f6")
        await until(lambda: "there is no evidence to show" in screen_text(app), pilot)
