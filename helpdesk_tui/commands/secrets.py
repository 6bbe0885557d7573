"""`helpdesk secrets`: where the passwords, keys and tokens are, and moving those that stand in a file of ours."""

from __future__ import annotations

import difflib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.command_group import CommandGroup
from helpdesk_tui.commands.output import confirmed, print_json, print_table, print_text
from inventory.errors import UserError

if TYPE_CHECKING:
    from inventory.literal_secrets import Literal
    from inventory.secrets import SecretRef


@click.group(cls=CommandGroup)
def secrets() -> None:
    """Where secrets are; those in our files, moved out."""


@secrets.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_secrets(as_json: bool) -> None:
    """What each database, agent, model and MCP server shows as its secret, where that is, and whether it is there.

    Nothing is printed of a secret itself. Commands are not run.
    """
    from helpdesk_tui.secret_places import places

    found = list(places())
    if as_json:
        print_json([asdict(place) for place in found])
        return
    print_table(
        ["OF", "WHERE", "STATE", "WHY"],
        [(place.of, place.where, place.state, place.why) for place in found],
        empty="Nothing here has a secret of its own.",
    )


@secrets.command()
@click.option(
    "--to",
    type=click.Choice(["keyring", "file"]),
    default=None,
    help="Default: the keyring, if there is one.",
)
@click.option("--yes", is_flag=True, help="Do it without asking.")
def migrate(to: str | None, yes: bool) -> None:
    """Move each secret that stands in a TOML file of ours to the keyring, or to a file that only you can read.

    The file gets a reference in its place (roles.toml a token's digest); its comments stay. What will change is shown
    first, secrets masked.
    """
    from inventory.literal_secrets import all_literals
    from inventory.secrets import store_secret

    moves = {
        path: [(literal, _goes_to(literal, to)) for literal in some] for path, some in all_literals().items()
    }
    if not moves:
        click.echo("No secret stands in a file of ours.")
        return
    texts = {path: _rewritten(path, refs) for path, refs in moves.items()}
    for path, (before, after) in texts.items():
        _show(path, before, after)
    if not (yes or confirmed("Move them?")):
        click.echo("Nothing was changed.")
        return
    for refs in moves.values():
        for literal, ref in refs:
            if ref is not None:
                store_secret(ref, literal.value)
    _write({path: after for path, (_, after) in texts.items()})
    count = sum(map(len, moves.values()))
    print_text(f"{count} secret{'' if count == 1 else 's'} moved. Old copies of the files still hold them.")


def _goes_to(literal: Literal, to: str | None) -> SecretRef | None:
    """None for a token of roles.toml, of which its digest is enough."""
    from inventory.host_keyring import keyring_backend
    from inventory.literal_secrets import ROLES
    from inventory.secrets import SecretRef, secret_file

    if literal.path.name == ROLES:
        return None
    if to == "keyring" or (to is None and keyring_backend()):
        return SecretRef("keyring", literal.name)
    return SecretRef("file", str(secret_file(literal.name)))


def _rewritten(path: Path, refs: list[tuple[Literal, SecretRef | None]]) -> tuple[str, str]:
    from inventory.literal_moves import without_literal
    from inventory.toml_file import read_text

    before = after = read_text(path)
    for literal, ref in refs:
        after = without_literal(after, literal, ref)
    return before, after


def _show(path: Path, before: str, after: str) -> None:
    from inventory.masking import mask

    # Masked before they are compared: a line of the difference is then a whole, and holds no part of a secret.
    lines = difflib.unified_diff(
        mask(before).splitlines(), mask(after).splitlines(), str(path), str(path), lineterm="", n=1
    )
    for line in lines:
        print_text(line)


def _write(texts: dict[Path, str]) -> None:
    from inventory.toml_file import write_text

    done: list[str] = []
    for path, text in texts.items():
        try:
            write_text(path, text)
        except UserError as error:
            already = f" ({', '.join(done)} written already)" if done else ""
            raise UserError(f"{error}{already}", error.exit_code) from error
        done.append(path.name)
