"""A form over the workbench: a few lines to fill in, what they would mean, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from helpdesk_tui.keys import bindings
from helpdesk_tui.one_breath import belongs_elsewhere
from helpdesk_tui.paper import Block, Span, block
from helpdesk_tui.paper_view import PaperView
from helpdesk_tui.typed import PlainInput
from inventory.masking import inert_line


@dataclass(frozen=True, slots=True)
class Field:
    """One line to fill in."""

    name: str
    value: str = ""
    hint: str = ""
    """What is expected; shown beside the name."""


Values = Mapping[str, str]


class Line(PlainInput):
    """One field's line. It reads Enter itself, in the order of what was typed."""

    async def _on_key(self, event: events.Key) -> None:
        if belongs_elsewhere(self, event):
            return
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            assert isinstance(self.screen, FormScreen)
            self.screen.send()


class FormScreen(ModalScreen[None]):
    """Enter goes to the next field and on the last one sends; Esc leaves, and nothing is done."""

    BINDINGS = bindings("form")

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        *,
        verb: str,
        send: Callable[[Values], str],
        about: Callable[[Values], Iterable[Block]] = lambda _: (),
    ) -> None:
        """`send` takes the values and returns what is wrong with them, or nothing where it took them.

        `about` says what the values as typed so far would mean.
        """
        super().__init__()
        self._title = title
        self._fields = fields
        self._verb = verb
        self._send = send
        self._about = about
        self._inputs = [_input(field) for field in fields]
        self._meaning = PaperView(id="meaning")
        self._wrong = PaperView(id="wrong")

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = Content.assemble((inert_line(self._title), "bold"))
        box.border_subtitle = Content(f"Enter: next, then {self._verb} · Esc leaves")
        with box, VerticalScroll(can_focus=False):
            for field, line in zip(self._fields, self._inputs, strict=True):
                yield PaperView(
                    [block(Span(field.name, "strong"), Span(f"  {inert_line(field.hint)}", "dim"))]
                )
                yield line
            yield self._meaning
            yield self._wrong

    def on_mount(self) -> None:
        self.set_focus(self._inputs[0])
        self._say()

    @property
    def values(self) -> dict[str, str]:
        """What the fields hold now."""
        return {field.name: line.value for field, line in zip(self._fields, self._inputs, strict=True)}

    def _say(self, wrong: str = "") -> None:
        self._meaning.show(self._about(self.values))
        self._wrong.show([Block((Span(f"✗ {wrong}", "bad"),))] if wrong else [])

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._say()

    def send(self) -> None:
        if not self._inputs[-1].has_focus:
            self.action_next_field(1)
        elif wrong := self._send(self.values):
            self._say(wrong)
        else:
            self.dismiss()

    def action_next_field(self, by: int) -> None:
        here = next((i for i, line in enumerate(self._inputs) if line.has_focus), 0)
        # At once, not on the next turn of the loop: what is typed in the same breath belongs to that field.
        self.set_focus(self._inputs[(here + by) % len(self._inputs)])

    def action_close(self) -> None:
        self.dismiss()


def _input(field: Field) -> Line:
    made = Line(value=field.value, compact=True)
    made.cursor_blink = False
    return made
