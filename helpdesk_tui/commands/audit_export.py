"""`helpdesk audit export`: events for a SIEM, a JSON object a line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TextIO

import click

from agents.kernel.canonical import utc_text
from agents.log import EventLog, StoredEvent
from agents.log.ecs import by, ecs, tool, verdict
from helpdesk_tui.commands.moments import moment_in
from helpdesk_tui.commands.output import print_text
from helpdesk_tui.commands.sessions import any_session
from inventory.errors import NOT_COMPLETED, UserError

Wanted = Callable[[StoredEvent], bool]


@click.command()
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="SEQ", help="Events after event.sequence SEQ."
)
@click.option("--since", metavar="TIME", help="From then on; ISO 8601, without a zone it is UTC.")
@click.option("--until", metavar="TIME", help="Before then.")
@click.option("--session", "session_id", metavar="ID", help="Of this session; an id, a part of one, or last.")
@click.option(
    "--principal", metavar="PATTERN", help="Who did it, or for whom it was done, such as operator:ann."
)
@click.option("--tool", "tool_", metavar="PATTERN", help="About this tool.")
@click.option("--target", metavar="PATTERN", help="On this target.")
@click.option("--kind", metavar="PATTERN", help="Such as tool.refused or action.*.")
@click.option(
    "--verdict", "verdict_", type=click.Choice(["allow", "approve", "deny"]), help="What was said to it."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Add the lines to FILE (0600), rather than print them.",
)
def export(
    after: int,
    since: str | None,
    until: str | None,
    session_id: str | None,
    principal: str | None,
    tool_: str | None,
    target: str | None,
    kind: str | None,
    verdict_: str | None,
    output: Path | None,
) -> None:
    """Print events as JSON lines with the field names of the Elastic Common Schema, oldest first, secrets masked.

    PATTERN may hold * and ?. All that is given must fit. Rows of evidence stay in the log. To go on where the
    last export ended, give its last event.sequence to --after. Exit 0 also where nothing fits.

    \b
    Examples:
      helpdesk audit export --since 2026-11-20 --verdict deny
      helpdesk audit export --principal "operator:ann" --kind "action.*" -o /var/log/helpdesk.json
    """
    wanted = _all_of(
        (principal, lambda item: (item.event.principal, by(item.event))),
        (tool_, lambda item: (tool(item.event),)),
        (target, lambda item: (item.event.target,)),
        (kind, lambda item: (item.event.kind,)),
        (verdict_, lambda item: (verdict(item.event),)),
    )
    span = [
        utc_text(moment_in(text, option)) if text else ""
        for text, option in ((since, "--since"), (until, "--until"))
    ]
    count = 0
    with EventLog.open() as log, _opened(output) as file:
        session = any_session(log, session_id) if session_id else None
        for item in filter(wanted, log.each(after, session, *span)):
            file.write(json.dumps(ecs(item), ensure_ascii=True) + "\n")
            count += 1
    if output is not None:
        print_text(f"{output}: {count} events added")


def _all_of(*asked: tuple[str | None, Callable[[StoredEvent], tuple[str, ...]]]) -> Wanted:
    """Whether one of the texts fits the pattern, for each pattern that was given."""
    given = [(pattern, texts) for pattern, texts in asked if pattern is not None]
    return lambda item: all(
        any(fnmatchcase(text, pattern) for text in texts(item)) for pattern, texts in given
    )


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Where the lines go. Raises UserError (exit 3) where they cannot be written."""
    if output is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror})", NOT_COMPLETED) from error
