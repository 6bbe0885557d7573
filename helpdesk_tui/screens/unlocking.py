"""Locking a target and unlocking it by hand; one of production by typing its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from agents.governance.approval import PRODUCTION
from helpdesk_tui.paper import Block, Span, block
from helpdesk_tui.screens.form import Field, FormScreen, Values
from helpdesk_tui.wishes import LockWanted

if TYPE_CHECKING:
    from textual.app import App


def lock_or_unlock(app: App[Any], target: Mapping[str, Any], *, unlocked: bool) -> None:
    """Make a target read-only again, or unlock it for this session: asked about where it is production."""
    name = str(target["name"])
    if unlocked or target.get("environment") != PRODUCTION:
        app.post_message(LockWanted(name, unlock=not unlocked))
    else:
        app.push_screen(_form(app, name))


def _form(app: App[Any], name: str) -> FormScreen:
    def send(values: Values) -> str:
        if values["name"].strip() != name:
            return f"type {name}, exactly"
        app.post_message(LockWanted(name, unlock=True))
        return ""

    def about(_: Values) -> Iterator[Block]:
        yield block(
            "Changes on it can then be approved in this session; each still needs its own approval, "
            "unless a rule of the policy lets it pass.",
            Span(" l in the inventory locks it again.", "dim"),
        )

    title = f"Unlock {name} (production) for this session"
    return FormScreen(title, [Field("name", "", f"type {name}")], verb="unlock", send=send, about=about)
