"""`helpdesk sql`: one statement that somebody typed, read-only and within limits."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from agents.kernel.records import Evidence
from helpdesk_tui.commands.output import print_json, print_table, print_text
from helpdesk_tui.free_sql import CAVEAT, RUN_SQL


@click.command()
@click.argument("target")
@click.argument("statement")
@click.option("--rows", type=click.IntRange(1, 5000), default=200, show_default=True, help="Most rows.")
@click.option(
    "--seconds",
    type=click.IntRange(1, 50),
    default=5,
    show_default=True,
    help="How long the server may work on it.",
)
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    metavar="NAME",
    help="Where its unqualified names are looked for after pg_catalog (default public); may be given more than once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def sql(
    target: str, statement: str, rows: int, seconds: int, schemas: tuple[str, ...], as_json: bool
) -> None:
    """Run STATEMENT on TARGET: one SELECT, VALUES, TABLE, SHOW or EXPLAIN without ANALYZE.

    STATEMENT may be - for standard input. It runs in a read-only transaction with limits, under the target's
    monitor_role where one is configured. Exit 2: refused, with the place. 3: the server gave an error.
    """
    from helpdesk_tui.headless import run_read
    from inventory.registry import load, resolve

    text = sys.stdin.read() if statement == "-" else statement
    arguments: dict[str, Any] = {"statement": text, "rows": rows, "seconds": seconds}
    if schemas:
        arguments["schemas"] = list(schemas)
    session, evidence = run_read(resolve(target, load()), RUN_SQL, arguments)
    if as_json:
        print_json({**evidence.to_json(), "session": session, "caveat": CAVEAT})
    else:
        _print(evidence)


def _print(evidence: Evidence) -> None:
    shown = [[_shown(value) for value in row] for row in evidence.rows]
    print_table(list(evidence.columns), shown, empty="No rows.")
    count = len(evidence.rows)
    cut = "; more were left out" if evidence.truncated else ""
    print_text(f"{count} row{'' if count == 1 else 's'}{cut}, {evidence.duration_ms:.0f} ms")
    click.echo(CAVEAT, err=True)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict, bool)) else str(value)
