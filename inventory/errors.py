"""The one error that is meant for the person at the terminal."""

from __future__ import annotations

from inventory.masking import inert_line, mask

BAD_INPUT = 2
"""Exit code: usage or bad input."""
NOT_COMPLETED = 3
"""Exit code: the work could not be completed."""
INTERRUPTED = 130
"""Exit code: Ctrl+C."""


class UserError(Exception):
    """One line for the operator: what went wrong, where, what was expected, what to do.

    The text is masked and made inert when the error is built, so it may be printed anywhere.
    """

    def __init__(self, text: str, exit_code: int = BAD_INPUT) -> None:
        super().__init__(inert_line(mask(text)))
        self.exit_code = exit_code
