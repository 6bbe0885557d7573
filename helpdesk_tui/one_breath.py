"""Keys that came in one breath: those after a key that moved the focus belong to where it went."""

from __future__ import annotations

from textual import events
from textual.widget import Widget


def belongs_elsewhere(widget: Widget, event: events.Key) -> bool:
    """Hand a key on where the focus has moved on since it was sent to this widget; True where it was.

    A slow line delivers several keys at once; all of them are sent to whoever has the focus at that moment.
    """
    focused = widget.app.focused
    if focused is widget:
        return False
    event.stop()
    event.prevent_default()
    if focused is not None:
        focused.post_message(events.Key(event.key, event.character))
    return True
