"""Evidence on the command line: the statement and the rows that it returned."""

from __future__ import annotations

from collections.abc import Iterator

from agents.kernel.records import Evidence
from helpdesk_tui import words
from helpdesk_tui.commands.output import print_table, print_text
from helpdesk_tui.panes.approvals.fields import value_text
from helpdesk_tui.paper import Block, Span, lay_out, plain

RECORD_FROM = 6
"""Rows of more columns than this are shown as records, a value a line."""


def print_evidence(item: Evidence, width: int) -> None:
    """One piece of evidence: what it is, its statement, its rows; a record each where they have many columns."""
    cut = " (cut at the limit)" if item.truncated else ""
    facts = (
        item.id,
        item.tool,
        item.target,
        words.clock(item.captured_at),
        words.milliseconds(item.duration_ms),
    )
    print_text(f"\n{' · '.join(filter(None, facts))} · {words.count(len(item.rows), 'row')}{cut}")
    print_text(f"{item.statement.strip()}\n")
    if len(item.columns) > RECORD_FROM and item.rows:
        print_text(plain(lay_out(_records(item), width)))
    else:
        print_table(
            [column.upper() for column in item.columns], item.rows, "no rows: the statement found nothing"
        )


def _records(item: Evidence) -> Iterator[Block]:
    label = max(map(len, item.columns)) + 2
    for number, row in enumerate(item.rows):
        if number:
            yield Block(())
        for name, value in zip(item.columns, row, strict=True):
            shown = "-" if value is None else value_text(value)
            yield Block((Span(shown),), name.ljust(label), " " * label)
