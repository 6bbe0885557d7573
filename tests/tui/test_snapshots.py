"""Pictures of each pane at 80×24 and 160×48, from a recorded session with fixed values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from helpdesk_tui.panes.inventory.state import InventoryState
from tests.tui import story
from tests.tui.bench import NARROW, WIDE, replayed, until, workbench
from tests.tui.readings import READINGS, TARGETS

SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])


def fill(inventory: InventoryState) -> None:
    for target in TARGETS:
        inventory.know(target)
    for name, reading in READINGS.items():
        inventory.read(name, reading)


def show(snap_compare: Any, told: story.Story, path: Path, size: tuple[int, int], *keys: str) -> bool:
    async def before(pilot: Pilot[Any]) -> None:
        app = await replayed(pilot)
        fill(app.views.inventory)
        app.workspace.sync(story.NOW)
        for key in keys:
            await pilot.press(key)
        options = app.workspace.approvals.options
        if app.views.approvals.pending(story.NOW):
            # The choices are shown as ready once the keyboard has been quiet for a moment.
            options._armed = True
            options.draw()
        await until(lambda: not app.screen._dirty_widgets, pilot)

    return bool(snap_compare(workbench(told, path), terminal_size=size, run_before=before))


@SIZES
def test_empty(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    assert show(snap_compare, story.Story().open(), tmp_path, size)


@SIZES
def test_chat(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    assert show(snap_compare, story.triaged(), tmp_path, size)


@SIZES
def test_trace(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    assert show(snap_compare, story.mended(), tmp_path, size, "f3")


@SIZES
def test_inventory(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    assert show(snap_compare, story.triaged(), tmp_path, size, "f4")


@SIZES
def test_approvals(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    assert show(snap_compare, story.waiting(), tmp_path, size, "f5")


@SIZES
def test_approval_done(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    assert show(snap_compare, story.mended(), tmp_path, size, "f5")


@SIZES
def test_evidence(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    assert show(snap_compare, story.triaged(), tmp_path, size, "f6")


@SIZES
def test_help(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    assert show(snap_compare, story.triaged(), tmp_path, size, "f3", "f1")


def test_zoom(snap_compare: Any, tmp_path: Path) -> None:
    assert show(snap_compare, story.mended(), tmp_path, WIDE, "f3", "f8")


def test_too_small(snap_compare: Any, tmp_path: Path) -> None:
    assert show(snap_compare, story.triaged(), tmp_path, (50, 12))
