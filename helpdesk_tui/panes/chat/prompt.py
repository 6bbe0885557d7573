"""The prompt: several lines, history, and the number keys of a conclusion while it is empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.widgets import TextArea

from helpdesk_tui.keys import bindings
from helpdesk_tui.messages import QuestionAsked, RemedyChosen

ASK = "Ask about this database"


class Prompt(TextArea):
    """Enter sends, ctrl+j (and shift or alt with Enter) starts a line, up and down recall."""

    BINDINGS = bindings("chat")

    @dataclass
    class ScrollWanted(Message):
        """The chat above is to move a page: -1 back, 1 on."""

        by: int

    @dataclass
    class CopyAsked(Message):
        """The last answer is to be copied."""

    def __init__(self) -> None:
        super().__init__(
            placeholder=ASK,
            compact=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
        )
        self.cursor_blink = False
        self.recall: Sequence[str] = ()
        self.remedies = 0
        """How many number keys mean a remedy now."""
        self._recalled: int | None = None
        self._draft = ""

    def offer(self, remedies: int) -> None:
        """Number keys mean the remedies 1 to `remedies` from now on."""
        self.remedies = remedies
        keys = "1" if remedies == 1 else f"1–{remedies}"
        self.placeholder = f"{ASK}, or press {keys} for a remedy" if remedies else ASK

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
        elif key == "up" and self.cursor_location[0] == 0:
            self._recall(-1)
        elif key == "down" and self.cursor_location[0] == self.document.line_count - 1:
            self._recall(1)
        elif not self.text and key == "question_mark":
            self.call_later(self.run_action, "app.help")
        elif not self.text and key.isdigit() and 1 <= int(key) <= self.remedies:
            self.post_message(RemedyChosen(int(key)))
        else:
            return False
        return True

    def action_newline(self) -> None:
        self.insert("\n")

    def action_scroll_chat(self, by: int) -> None:
        self.post_message(self.ScrollWanted(by))

    def action_copy_answer(self) -> None:
        self.post_message(self.CopyAsked())

    def _send(self) -> None:
        text = self.text.strip()
        if text:
            self._recalled = None
            self.clear()
            self.post_message(QuestionAsked(text, refused=self.give_back))

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
