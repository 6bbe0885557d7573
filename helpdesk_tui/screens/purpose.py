"""What the session is for, asked in a form."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agents.governance.policy_file import PURPOSES
from helpdesk_tui.paper import Block, Span, block
from helpdesk_tui.screens.form import Field, FormScreen, Values
from helpdesk_tui.wishes import PurposeSaid


def purpose_form(purpose: str, note: str, send: Callable[[PurposeSaid], object]) -> FormScreen:
    """Purpose and note as they are now, to be changed; rules of the policy may ask for a purpose."""

    def accept(values: Values) -> str:
        said = _whole(values["purpose"].strip().lower())
        if not said:
            return f"purpose is {values['purpose']!r}, expected one of {', '.join(PURPOSES)}"
        send(PurposeSaid(said, values["note"].strip()))
        return ""

    def about(_: Values) -> Iterator[Block]:
        yield block(Span(f"One of {', '.join(PURPOSES)}. It is on every event from here on.", "dim"))

    fields = [
        Field("purpose", purpose, "its first letters are enough"),
        Field("note", note, "such as a ticket; may be empty"),
    ]
    return FormScreen("What this session is for", fields, verb="keep", send=accept, about=about)


def _whole(said: str) -> str:
    """The one purpose that begins so; empty where none or several do."""
    found = [name for name in PURPOSES if said and name.startswith(said)]
    return found[0] if len(found) == 1 else ""
