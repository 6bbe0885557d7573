"""`helpdesk session`: the sessions in the log, as list, as text, as events."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from agents.command_group import CommandGroup
from agents.kernel.sent import SentRequest, sent_requests
from agents.log import EventLog, StoredEvent
from helpdesk_tui import words
from helpdesk_tui.commands.output import print_json, print_table, print_text
from helpdesk_tui.commands.sessions import LAST, find_session
from helpdesk_tui.searching import search
from helpdesk_tui.sent_text import sent_text
from helpdesk_tui.transcript import transcript
from inventory.errors import NOT_COMPLETED, UserError


@click.group(cls=CommandGroup)
def session() -> None:
    """Sessions in the log: list, search, show, export."""


@session.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--search", metavar="WORDS", help="Only sessions with an event that holds all these words.")
def list_sessions(as_json: bool, search: str | None) -> None:
    """Sessions, the one used last first."""
    with EventLog.open() as log:
        rows = log.sessions()
        if search is not None:
            hits = {item.event.session for item in log.search(search, limit=10_000)}
            rows = [row for row in rows if row.id in hits]
    if as_json:
        print_json(
            [
                {
                    "id": row.id,
                    "opened_at": row.opened_at,
                    "last_at": row.last_at,
                    "target": row.target,
                    "events": row.events,
                    "title": row.title,
                }
                for row in rows
            ]
        )
        return
    print_table(
        ["SESSION", "LAST USED (UTC)", "TARGET", "EVENTS", "TITLE"],
        [(row.id, row.last_at[:19], row.target or "-", row.events, row.title or "-") for row in rows],
        empty="No session is recorded yet." if search is None else "No session holds all these words.",
    )


@session.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON.")
def search_sessions(words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Events of any session that hold all WORDS, the last one as a beginning; the newest first."""
    with EventLog.open() as log:
        hits = search(log, " ".join(words), limit)
    if as_json:
        print_json([hit.event.to_json() for hit in hits])
        return
    print_table(
        ["WHEN (UTC)", "SESSION", "KIND", "TEXT"],
        [(hit.event.at[:19], hit.event.session, hit.event.kind, hit.text) for hit in hits],
        empty="Nothing in any session holds all these words.",
    )


@session.command("show")
@click.argument("session_id", metavar="[SESSION]", default=LAST)
@click.option("--json", "as_json", is_flag=True, help="Print the session's events as JSON.")
@click.option("--sent", is_flag=True, help="Print exactly what was sent to models, request by request.")
def show_session(session_id: str, as_json: bool, sent: bool) -> None:
    """One session as a transcript. SESSION is an id, the beginning or end of one, or `last`, which it is without."""
    with EventLog.open() as log:
        events = log.events(find_session(log, session_id).id)
    if sent:
        _show_sent(sent_requests(item.event for item in events), as_json=as_json)
    elif as_json:
        print_json([event_json(item) for item in events])
    else:
        print_text(transcript(item.event for item in events))


def _show_sent(requests: list[SentRequest], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(request) for request in requests])
    else:
        print_text(sent_text(requests) if requests else "Nothing was sent to a model in this session.")


@session.command("export")
@click.argument("session_id", metavar="[SESSION]", default=LAST)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, which must not exist yet; default: stdout.",
)
def export_session(session_id: str, output: Path | None) -> None:
    """One session's events with their hashes, a JSON object a line."""
    with EventLog.open() as log:
        events = log.events(find_session(log, session_id).id)
    lines = (json.dumps(event_json(item), ensure_ascii=True) + "\n" for item in events)
    if output is None:
        sys.stdout.writelines(lines)
        return
    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(lines)
    except FileExistsError as error:
        raise UserError(f"{output}: is there already; give another name") from error
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror})", NOT_COMPLETED) from error
    print_text(f"{output}: {words.count(len(events), 'event')}")


def event_json(item: StoredEvent) -> dict[str, object]:
    """A stored event as the commands print it."""
    return {"seq": item.seq, "n": item.n, "hash": item.hash, **item.event.to_json()}
