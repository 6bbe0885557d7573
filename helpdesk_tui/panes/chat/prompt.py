"""The prompt: several lines, history, names completed, and number keys for what is offered while it is empty."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from helpdesk_tui.keys import bindings
from helpdesk_tui.panes.chat.completion import matches
from helpdesk_tui.panes.chat.offer import ASK, Offer
from helpdesk_tui.typed import PlainArea

GRACE_S = 0.5
"""Number keys are deaf for this long after they came to mean something else: whoever meant a remedy must not
answer an agent by accident. The same pause as before a decision."""


class Prompt(PlainArea):
    """Enter sends, ctrl+j (and shift or alt with Enter) starts a line, up and down recall."""

    BINDINGS = bindings("chat")

    agents: Sequence[str] = ()
    """Names that are completed."""
    matching: Sequence[str] = ()
    """Names that may be meant by what is typed right now."""

    @dataclass
    class Sent(Message):
        """Enter: a question, or an answer."""

        text: str

    @dataclass
    class ScrollWanted(Message):
        """The chat above is to move a page: -1 back, 1 on."""

        by: int

    @dataclass
    class CopyAsked(Message):
        """The last answer is to be copied."""

    @dataclass
    class WholeAsked(Message):
        """What is in sight is to be read in full."""

    @dataclass
    class AnswerWanted(Message):
        """A question that was left waiting is to be answered now."""

    def __init__(self) -> None:
        super().__init__(
            placeholder=ASK,
            compact=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
        )
        self.cursor_blink = False
        self.recall: Sequence[str] = ()
        self._offer = Offer()
        self._offered_at = 0.0
        self._recalled: int | None = None
        self._draft = ""

    def offer(self, offer: Offer) -> None:
        """Number keys mean this from now on."""
        if offer.about and offer.about != self._offer.about:
            self._offered_at = time.monotonic()
        self._offer = offer
        self.placeholder = offer.placeholder

    async def _on_key(self, event: events.Key) -> None:
        if not self._own_key(event.key):
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()

    def _own_key(self, key: str) -> bool:
        """Do what a key means here; False leaves it to the editor."""
        if key == "enter":
            self._send()
        elif key == "tab" and self.suggestion:
            self.insert(f"{self.suggestion} ")
        elif key == "up" and self.cursor_location[0] == 0:
            self._recall(-1)
        elif key == "down" and self.cursor_location[0] == self.document.line_count - 1:
            self._recall(1)
        elif not self.text and key == "question_mark":
            self.call_later(self.run_action, "app.help")
        elif not self.text and key.isdigit() and 1 <= int(key) <= len(self._offer.wishes):
            self._choose(int(key))
        else:
            return False
        return True

    def _choose(self, number: int) -> None:
        if not self._offer.about or time.monotonic() - self._offered_at >= GRACE_S:
            self.post_message(self._offer.wishes[number - 1]())

    def action_newline(self) -> None:
        self.insert("\n")

    def action_scroll_chat(self, by: int) -> None:
        self.post_message(self.ScrollWanted(by))

    def action_copy_answer(self) -> None:
        self.post_message(self.CopyAsked())

    def action_whole(self) -> None:
        self.post_message(self.WholeAsked())

    def action_answer(self) -> None:
        self.post_message(self.AnswerWanted())

    def update_suggestion(self) -> None:
        """Show the rest of an agent's name where one is being typed at the end of a line."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        typed, self.matching = matches(line[:column], self.agents) if column == len(line) else ("", [])
        self.suggestion = self.matching[0][len(typed) :] if self.matching else ""

    def _send(self) -> None:
        text = self.text.strip()
        if text:
            self._recalled = None
            self.clear()
            self.post_message(self.Sent(text))

    def address(self, agent: str) -> None:
        """Begin a question to this agent, before what is typed already."""
        self.begin(f"@{agent} ")

    def begin(self, words: str) -> None:
        """Put words before what is typed already."""
        self.text = f"{words}{self.text}"
        self.move_cursor(self.document.end)

    def give_back(self, text: str) -> None:
        """Put back what could not be sent; nothing that was typed is lost."""
        self.text = f"{text}\n{self.text}" if self.text else text
        self.move_cursor(self.document.end)

    def _recall(self, step: int) -> None:
        if not self.recall:
            return
        if self._recalled is None:
            if step > 0:
                return
            self._draft, self._recalled = self.text, len(self.recall)
        self._recalled = max(self._recalled + step, 0)
        if self._recalled >= len(self.recall):
            self._recalled = None
            self.text = self._draft
        else:
            self.text = self.recall[self._recalled]
        self.move_cursor(self.document.end)
