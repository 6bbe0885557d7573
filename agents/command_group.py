"""How a group of commands shows itself: the whole first sentence of each, not as much of it as fits a line."""

from __future__ import annotations

import click

WHOLE = 10_000
"""More characters than any first sentence has."""


class CommandGroup(click.Group):
    """A group whose help cuts no command's line off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        lines = [
            (name, command.get_short_help_str(WHOLE))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(lines)
