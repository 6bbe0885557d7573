"""Evidence that holds a part of an output: all that was kept of it is a key away, as rows or as text, inert."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from agents.kernel.canonical import storable_json
from agents.kernel.event import Event
from agents.log import EventLog
from agents.log.outputs import KEPT, keep_output
from helpdesk_tui.screens.evidence import EvidenceScreen
from tests.tui import story
from tests.tui.bench import NARROW, replayed, screen_text, until, workbench
from tests.tui.story import Story


async def test_the_whole_is_shown_in_the_place_of_its_part(tmp_path: Path) -> None:
    rows, text = (replace(story.slot_evidence(), id=f"E000000000{n}", truncated=True) for n in (1, 2))
    told = Story().open().ask().tool("replication.slots", rows).tool("replication.slots", text)
    app = workbench(told, tmp_path)
    table = [[f"slot-{number}", *rows.rows[0][1:]] for number in range(2_000)]
    outputs = {
        rows.id: "\n".join(map(storable_json, [rows.columns, *table])),
        text.id: "\n".join(f"\x1b[31mline-{number}" for number in range(3_000)),
    }
    with EventLog.open(app.options.log) as log:
        for evidence, output in outputs.items():
            body = keep_output(log.path, told.session, evidence, output)
            log.append(Event(KEPT, told.session, body, "agent:database"))

    def shows(*wanted: str) -> bool:
        return all(word in screen_text(app) for word in wanted)

    async with app.run_test(size=NARROW) as pilot:
        await replayed(pilot)
        await app.push_screen(EvidenceScreen([rows, text], app.feed.whole))
        for count, first, last in (
            ("2,000 rows", "slot-0", "slot-1999"),
            ("3,000 rows", "line-0", "line-2999"),
        ):
            await until(partial(shows, "cut; w shows all"), pilot)
            await pilot.press("w")
            await until(partial(shows, count, first), pilot)
            await pilot.press("end")
            await until(partial(shows, last), pilot)
            assert "\x1b" not in screen_text(app)
            await pilot.press("n")
