"""The choices under an approval card, deaf for a moment after a card has come up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from textual import events

from helpdesk_tui.keys import bindings, of
from helpdesk_tui.one_breath import belongs_elsewhere
from helpdesk_tui.paper import Span
from helpdesk_tui.paper_view import LineView

GRACE_S = 0.5
"""Keys are ignored until the keyboard has been quiet for this long after a new card: whoever was typing into
something else must not decide by accident. Half a second is the pause between two words of a slow typist."""

CHOICES = {
    "deny": ("d", "Deny"),
    "reason": ("n", "Deny, say why"),
    "approve": ("a", "Approve"),
    "why": ("e", "Evidence"),
}
"""What Enter can do, from the left: the key that goes there, and its words."""

_PLACES = ("decision", "done", "card")
_ACTIONS = {name: key.action for key in of(*_PLACES) if key.action for name in key.keys.split(",")}


class Options(LineView, can_focus=True):
    """Deny (chosen first), deny with a reason, approve, look at the evidence."""

    BINDINGS = bindings(*_PLACES)

    def __init__(self, chosen: Callable[[str], None], wanted: Callable[[str], None]) -> None:
        """`chosen` is called with a choice on Enter; `wanted` with what another key asks for.

        They are called at once: what is typed in the same breath already meets their effect.
        """
        super().__init__(id="options")
        self.choice = "deny"
        self.enabled = True
        self._chosen = chosen
        self._wanted = wanted
        self._quiet_since = time.monotonic()
        self._armed = False

    def reset(self, enabled: bool = True) -> None:
        """A new card is up: back to deny, and deaf until the keyboard is quiet."""
        self.choice, self.enabled, self._armed = "deny", enabled, False
        self._quiet_since = time.monotonic()
        self.set_timer(GRACE_S, self.draw)
        self.draw()

    def armed(self) -> bool:
        """True once keys count; a key pressed too early starts the wait again."""
        now = time.monotonic()
        if not self._armed and now - self._quiet_since >= GRACE_S:
            self._armed = True
        if not self._armed:
            self._quiet_since = now
            self.set_timer(GRACE_S, self.draw)
        return self._armed

    def draw(self) -> None:
        """Show the choices, the chosen one marked by brackets and colour."""
        parts: list[Span] = [Span(" ")]
        ready = self._armed or time.monotonic() - self._quiet_since >= GRACE_S
        for choice in CHOICES if self.enabled else ():
            parts += [*self._option(choice, ready), Span("  ")]
        if self.enabled and not ready:
            parts.append(Span("…", "dim"))
        self.show(tuple(parts))

    def _option(self, choice: str, ready: bool) -> Iterator[Span]:
        """In brackets where it is chosen, else behind its key; as wide both ways."""
        key, word = CHOICES[choice]
        if choice != self.choice:
            yield Span(key, "accent" if ready else "dim")
            yield Span(f" {word}  ", "" if ready else "dim")
        elif self.has_focus and ready:
            yield Span(f"[ {word} ]", "chosen-bad" if choice == "approve" else "chosen")
        else:
            yield Span(f"[ {word} ]", "strong" if ready else "dim")

    def on_focus(self) -> None:
        self._wanted("look")
        self.draw()

    def on_blur(self) -> None:
        self.draw()

    # keys

    async def _on_key(self, event: events.Key) -> None:
        """Do what a key means here and now, so that what follows in the same breath meets its effect."""
        if belongs_elsewhere(self, event):
            return
        if action := _ACTIONS.get(event.key):
            event.stop()
            event.prevent_default()
            await self.run_action(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"choose", "pick", "decide", "refresh_card", "form"}:
            return self.enabled
        return not self.enabled if action == "undo" else True

    def action_choose(self, by: int) -> None:
        if self.armed():
            choices = list(CHOICES)
            self.choice = choices[min(max(choices.index(self.choice) + by, 0), len(choices) - 1)]
            self.draw()

    def action_pick(self, choice: str) -> None:
        if self.armed():
            self.choice = choice
            self.draw()
            if choice != "deny":
                self._wanted(choice)

    def action_decide(self) -> None:
        if self.armed():
            self._chosen(self.choice)

    def action_refresh_card(self) -> None:
        self._want("refresh")

    def action_form(self, what: str) -> None:
        self._want(what)

    def action_undo(self) -> None:
        self._want("undo")

    def action_explain(self) -> None:
        self._want("explain")

    def action_decisions(self) -> None:
        self._want("decisions")

    def action_why(self) -> None:
        self._want("why")

    def action_copy(self) -> None:
        self._want("copy")

    def action_next_card(self, by: int) -> None:
        self._want("next" if by > 0 else "previous")

    def action_scroll_card(self, by: int) -> None:
        self._wanted("down" if by > 0 else "up")

    def _want(self, what: str) -> None:
        if self.armed() or not self.enabled:
            self._wanted(what)

    def on_click(self, event: events.Click) -> None:
        """A click chooses; only Enter decides."""
        left = 1
        for choice, (_, word) in CHOICES.items() if self.enabled and self.armed() else ():
            width = len(word) + 6
            if left <= event.x < left + width:
                self.action_pick(choice)
            left += width
