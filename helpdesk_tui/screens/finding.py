"""Words to look up in the log of all sessions, asked in a form."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from helpdesk_tui.screens.form import Field, FormScreen, Values

if TYPE_CHECKING:
    from helpdesk_tui.bench import Bench


def ask_for_words(bench: Bench) -> None:
    """Ask for words, then show where they stand."""

    def send(values: Values) -> str:
        if not values["words"].strip():
            return "type a word"
        bench.run_worker(_show(bench, values["words"].strip()))
        return ""

    fields = [Field("words", "", "all of them; the last one may be a beginning")]
    bench.push_screen(FormScreen("Search every session", fields, verb="search", send=send))


async def _show(bench: Bench, wanted: str) -> None:
    from helpdesk_tui.screens.hits import HitsScreen
    from helpdesk_tui.searching import search

    hits = await asyncio.to_thread(search, bench.feed.log, wanted)
    await bench.push_screen(HitsScreen(wanted, hits))
