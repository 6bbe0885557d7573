"""Text that is typed or pasted: what a paste may hide is shown in the field instead of acting on the terminal."""

from __future__ import annotations

from textual.markup import escape
from textual.widgets import Input, TextArea
from textual.widgets.text_area import Edit, EditResult

from inventory.masking import inert, inert_line


class PlainInput(Input):
    """One line; a control character in it, or one that hides or reorders text, becomes its visible form."""

    def validate_value(self, value: str) -> str:
        return inert(value).replace("\n", " ").replace("\t", " ")

    def validate_placeholder(self, placeholder: str) -> str:
        return inert_line(placeholder)


class PlainArea(TextArea):
    """Several lines, made plain in the same way."""

    def edit(self, edit: Edit) -> EditResult:
        edit.text = inert(edit.text)
        return super().edit(edit)

    def load_text(self, text: str) -> None:
        super().load_text(inert(text))

    def validate_placeholder(self, placeholder: str) -> str:
        return escape(inert_line(placeholder))
