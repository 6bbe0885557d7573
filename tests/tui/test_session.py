"""The feed: which session is opened, what is replayed, and how appended events arrive."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from agents.kernel.event import Event
from agents.log import EventLog
from helpdesk_tui.session import Feed
from inventory.errors import UserError
from inventory.target import Target
from tests.tui import story
from tests.tui.story import Story

ELSEWHERE = """
import sys
from pathlib import Path
from agents.kernel.event import Event
from agents.log import EventLog
with EventLog.open(Path(sys.argv[1])) as log:
    log.append(Event(kind="note", session=sys.argv[2], body={"text": sys.argv[3]}, principal="helpdesk"))
"""


def target(name: str = "shop", port: int = 5432) -> Target:
    return Target.from_dsn(f"host=127.0.0.1 port={port} dbname=shop user=ana", name=name)


async def opened(
    path: Path, session: str | None = None, at: Target | None = None, fresh: bool = False
) -> Feed:
    feed = Feed(path / "log.sqlite", flush_s=0.01)
    await feed.open(session, at, fresh=fresh)
    feed.close()
    return feed


async def test_the_first_start_opens_a_session_and_says_on_what(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "log.sqlite")
    (event,) = await feed.open(None, target())
    assert event.kind == "session.opened" and event.session == feed.session
    assert event.body["target"]["name"] == "shop" and not feed.resumed


async def test_the_last_session_is_opened_again_and_replayed_in_order(tmp_path: Path) -> None:
    told = story.mended()
    with EventLog.open(tmp_path / "log.sqlite") as log:
        log.append(*told.events)
    feed = Feed(tmp_path / "log.sqlite")
    events = await feed.open(None, None)
    assert [event.id for event in events] == [event.id for event in told.events]
    assert feed.resumed and feed.session == told.session


async def test_a_target_has_its_own_last_session_as_long_as_it_is_the_same_database(tmp_path: Path) -> None:
    first = await opened(tmp_path, at=target("a"))
    second = await opened(tmp_path, at=target("b"))
    assert (await opened(tmp_path, at=target("a"))).session == first.session
    assert (await opened(tmp_path)).session in {first.session, second.session}
    assert (await opened(tmp_path, at=target("a", port=5433))).session not in {first.session, second.session}
    assert (await opened(tmp_path, at=target("b"), fresh=True)).session != second.session


async def test_an_unknown_session_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such session") as caught:
        await opened(tmp_path, session=secrets.token_hex(13))
    assert caught.value.exit_code == 2


async def test_events_of_another_process_arrive_once_and_in_order(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "log.sqlite", flush_s=0.01)
    await feed.open(None, target())
    arrived: list[Event] = []
    enough = asyncio.Event()

    def deliver(events: Sequence[Event]) -> None:
        arrived.extend(events)
        if len(arrived) >= 3:
            enough.set()

    following = asyncio.create_task(feed.follow(deliver))
    words = [secrets.token_hex(4) for _ in range(3)]
    await feed.append(feed.event("note", {"text": words[0]}))
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / "log.sqlite"), feed.session, words[1]]
    done = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    assert await done.wait() == 0
    await feed.append(feed.event("note", {"text": words[2]}))
    await asyncio.wait_for(enough.wait(), 60)
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    assert [event.body["text"] for event in arrived] == words


async def test_evidence_is_found_by_its_id(tmp_path: Path) -> None:
    told = Story().open().ask().tool("locks.tree", story.lock_evidence())
    with EventLog.open(tmp_path / "log.sqlite") as log:
        log.append(*told.events)
    feed = Feed(tmp_path / "log.sqlite")
    await feed.open(told.session, None)
    assert await feed.evidence(["E0000000000", story.lock_evidence().id]) == [story.lock_evidence()]
