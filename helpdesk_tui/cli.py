"""The `helpdesk` command line. Nothing heavy is imported until the command that needs it runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from errno import ENAMETOOLONG
from pathlib import Path

import click

from helpdesk_tui.standard_output import NotWritten, telling_output, to_nowhere
from inventory import __version__
from inventory.errors import BAD_INPUT, INTERRUPTED, NOT_COMPLETED, UserError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "agents": (
        "helpdesk_tui.commands.agents",
        "Experts behind the A2A line: list them, add others, serve ours.",
    ),
    "approvals": ("helpdesk_tui.commands.approvals", "What waits for a decision, and what was decided."),
    "ask": ("helpdesk_tui.commands.ask", "Ask about a database in words: rules first, then a model."),
    "audit": ("helpdesk_tui.commands.audit", "Check the log, keep its head elsewhere, purge it."),
    "baseline": ("helpdesk_tui.commands.baseline", "How a server was set up, kept, and what changed since."),
    "bundle": ("helpdesk_tui.commands.bundle", "A redacted, sealed archive for vendor support."),
    "conditions": ("agents.commands", "What the database expert recognises, with thresholds and statements."),
    "demo": ("helpdesk_tui.commands.demo", "The workbench on a disposable PostgreSQL with a real incident."),
    "doctor": ("helpdesk_tui.commands.doctor", "Check this installation, a line each with a remedy."),
    "grants": ("agents.commands", "The least rights that a role needs, as SQL."),
    "drill": (
        "helpdesk_tui.commands.drill",
        "Practise on one fault, on a disposable PostgreSQL, against the clock.",
    ),
    "models": (
        "helpdesk_tui.commands.models",
        "Models in the order they are asked, and whether they answer.",
    ),
    "mcp": ("agents.mcp.commands", "Tools of MCP servers for the experts, and our reads for MCP clients."),
    "open": ("helpdesk_tui.commands.workbench", "The workbench; the same as giving TARGET alone."),
    "policy": ("helpdesk_tui.commands.policy", "What runs, what needs an approval, and why."),
    "secrets": ("helpdesk_tui.commands.secrets", "Where secrets are; those in our files, moved out."),
    "session": ("helpdesk_tui.commands.session", "Sessions in the log: list, search, show, export."),
    "sql": ("helpdesk_tui.commands.sql", "Run one statement that reads, typed by you, with limits."),
    "tool": ("helpdesk_tui.commands.tool", "Call one tool by hand; a change waits for an approval."),
    "triage": ("helpdesk_tui.commands.triage", "Diagnose a database by rules: no model, no writes."),
}
"""Command → module that defines it under the same name, and its line in the help."""

TELL_THEMSELVES = (None, "open", "demo", "drill", "doctor", "secrets")
"""Commands that tell of secrets in our files in their own way, or read none of them."""

HELP = """\
The workbench for the people who are called when a database is sick.

Without a command, open the workbench on the last session, or on TARGET: a name
from inventory.toml, a libpq keyword string or a URI.

\b
Examples:
  helpdesk orders-prod                      the workbench on an inventory entry
  helpdesk "host=db1 dbname=orders"         … on a keyword string
  helpdesk triage orders-prod --json        diagnosis for scripts (exit 1: findings)
  helpdesk bundle create -o case.tar.gz     the last session, redacted and sealed
  helpdesk demo                             a real incident to practise on

\b
Exit codes: 0 fine, 1 findings or a failed check, 2 usage or bad input,
3 could not be completed, 130 interrupted.
"""


class HelpdeskGroup(click.Group):
    """Commands by name, imported when they run; any other first word is a target to open."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command = getattr(module, "open_" if cmd_name == "open" else cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            args = ["open", *args]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, COMMANDS[name][1]) for name in self.list_commands(ctx) if name != "open"]
            )

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS]", "[TARGET | COMMAND ...]"]


@click.group(
    cls=HelpdeskGroup,
    invoke_without_command=True,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="helpdesk", message="%(prog)s %(version)s")
@click.option("--session", default=None, metavar="ID", help="Open this session instead of the last one.")
@click.option("--no-model", is_flag=True, help="Rules alone answer; nothing goes to a model.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Who sits here, where roles.toml knows this token.",
)
@click.pass_context
def root(ctx: click.Context, session: str | None, no_model: bool, token_file: Path | None) -> None:
    ctx.obj = {"session": session, "no_model": no_model, "token_file": token_file}
    if ctx.invoked_subcommand not in TELL_THEMSELVES:
        _warn_of_literal_secrets()
    if ctx.invoked_subcommand is None:
        command = HelpdeskGroup.get_command(HelpdeskGroup(), ctx, "open")
        assert command is not None
        ctx.invoke(command)


def _warn_of_literal_secrets() -> None:
    from inventory.literal_secrets import warning

    if line := warning():
        click.echo(f"helpdesk: {line}", err=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; every failure is one line on stderr."""
    try:
        with telling_output():
            code = root.main(args=arguments, prog_name="helpdesk", standalone_mode=False)
    except UserError as error:
        return _fail(str(error), error.exit_code)
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    except NotWritten as failure:
        return 0 if failure.reader_left else _fail(str(failure), NOT_COMPLETED)
    except OSError as error:
        if error.errno != ENAMETOOLONG:
            return _unforeseen(error)
        return _fail(f"{str(error.filename)[:40]!r}…: no file has a name that long", BAD_INPUT)
    except Exception as error:  # the last line of defence: no traceback ever reaches the terminal
        return _unforeseen(error)
    return code if isinstance(code, int) else 0


def _unforeseen(error: Exception) -> int:
    from helpdesk_tui.crash import record_crash

    return _fail(record_crash(error), NOT_COMPLETED)


def _usage(error: click.ClickException) -> int:
    from inventory.masking import inert_line, mask

    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f" (see: {error.ctx.command_path} --help)"
    return _fail(inert_line(mask(error.format_message())) + hint, error.exit_code)


def _fail(line: str, code: int) -> int:
    try:
        click.echo(f"helpdesk: {line}", err=True)
    except OSError:
        # Nobody can be told; the exit code still tells, if Python does not try again as it ends.
        to_nowhere(sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
