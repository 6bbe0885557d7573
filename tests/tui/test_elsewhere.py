"""Approvals of another system in the pane: shown by themselves, decided by keys, and a lost line told once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from helpdesk_tui.app import Workbench
from helpdesk_tui.approval_watch import ApprovalWatch
from helpdesk_tui.options import Options
from helpdesk_tui.panes.approvals.options import GRACE_S
from helpdesk_tui.session import Feed
from tests.protocol.test_approval_systems import system
from tests.tui.bench import NARROW, screen_text, until


async def test_a_request_of_another_system_is_decided_in_the_pane(tmp_path: Path) -> None:
    with system() as there:
        name = there.create(tool_name="cancel_query", action_class="write")
        app = Workbench(Options(log=tmp_path / "log.sqlite", experts=None))
        app.animation_level = "none"
        async with app.run_test(size=NARROW) as pilot:
            await until(
                lambda: app.workspace.active == "approvals" and "cancel_query" in screen_text(app), pilot
            )
            await until(lambda: "orders-prod" in screen_text(app), pilot)
            await until(lambda: "F5 Approvals ◆1" in screen_text(app), pilot)
            await asyncio.sleep(GRACE_S + 0.05)
            await pilot.press("a")
            await pilot.press("enter")
            await until(lambda: there.stored(name)["status"] == "approved", pilot)
            await until(lambda: not app.views.approvals.pending(app.options.clock()), pilot)
        assert there.stored(name)["resolved_by"] == "alice@example.com"


async def test_a_lost_line_is_told_once_and_so_is_its_return(tmp_path: Path) -> None:
    told: list[str] = []
    feed = Feed(tmp_path / "log.sqlite")
    await feed.open(None, None)
    with system() as there:
        there.create()
        watch = asyncio.create_task(ApprovalWatch(feed, told.append, interval_s=0.01).run())
        async with asyncio.timeout(60):
            while not feed.log.approvals():
                await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        while not told:
            await asyncio.sleep(0.01)
    (line,) = told
    assert "approvals of prod-auditd cannot be read" in line
    notes = [item.event.body["text"] for item in feed.log.events(feed.session, kinds=("note",))]
    assert notes == [line]
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    feed.close()
