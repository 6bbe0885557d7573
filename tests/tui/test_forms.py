"""Forms hold what cannot be typed: an argument that is not touched stays as it is, byte for byte."""

from __future__ import annotations

from typing import Any

from textual.app import App

from agents.governance.approval import confirms
from helpdesk_tui.panes.approvals.forms import edit_form
from helpdesk_tui.panes.approvals.state import Ask
from helpdesk_tui.screens.form import Line
from tests.tui import story

HOSTILE = {
    "control": "a\x1b[2J\x9b\x7f\x00",
    "hidden": "❤\ufe0f\u200b\u202e\U000e0041\u3164",
    "lines": "two\nlines\tand \\x1b typed",
    "many": ["\x9b", "\ue000", "é"],
    "quoted": '"\\u001b"',
}


async def test_arguments_that_are_not_edited_stay_as_they_are() -> None:
    approval = story.approval()
    approval["call"]["arguments"] = {**HOSTILE, "note": "before"}
    sent: list[dict[str, Any]] = []
    app: App[None] = App()
    async with app.run_test() as pilot:
        form = edit_form(Ask(approval), {}, lambda arguments, _: sent.append(arguments))
        await app.push_screen(form)
        await pilot.pause()
        shown = [line.value for line in form.query(Line)]
        assert all(char.isprintable() for value in shown for char in value)
        await pilot.press(*["enter"] * (len(shown) - 1), "end", *"!", "enter")
        await pilot.pause()
    assert sent == [{**HOSTILE, "note": "before!"}]


def test_a_name_that_nobody_can_type_is_confirmed_as_it_is_shown() -> None:
    name = 'public."a\x1b  b\u202e"'
    assert confirms('public."a\\x1b b\\u202e" ', name) and confirms(name, name)
    assert not confirms('public."a b"', name) and not confirms("", name)
