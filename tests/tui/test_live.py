"""The whole way with nothing replaced: keys, experts in their own process, a real database, real victims."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from textual.pilot import Pilot

from helpdesk_tui.app import Workbench
from helpdesk_tui.options import Options
from helpdesk_tui.panes.approvals.options import GRACE_S
from helpdesk_tui.panes.approvals.pane import FRESH_S
from inventory.registry import Inventory
from inventory.target import Target
from tests.conftest import Database
from tests.tui.bench import WIDE, screen_text, until

LIMIT_S = 60.0


@dataclass
class Chain:
    """An idle session that holds a row, and sessions that wait for it."""

    database: Database
    root: int
    waiting: list[asyncio.Task[Any]]

    def alive(self) -> bool:
        with psycopg.connect(self.database.conninfo(), autocommit=True) as admin:
            found = admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (self.root,)).fetchone()
        return found is not None


@pytest.fixture
async def chain(database18: Database) -> AsyncIterator[Chain]:
    # Sessions of a superuser are never offered for ending, so the application has a role of its own.
    role = f"app_{secrets.token_hex(4)}"
    connect = psycopg.AsyncConnection.connect
    admin = await connect(database18.conninfo(), autocommit=True)
    await admin.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
    await admin.execute("INSERT INTO orders VALUES (1, '')")
    await admin.execute(f"CREATE ROLE {role} LOGIN")
    await admin.execute(f"GRANT SELECT, UPDATE ON orders TO {role}")
    conninfo = database18.conninfo(user=role)
    root = await connect(conninfo, application_name="billing-worker")
    await root.execute("UPDATE orders SET note = 'mine'")
    connections = [await connect(conninfo, autocommit=True) for _ in range(3)]
    waiting = [asyncio.ensure_future(c.execute("UPDATE orders SET note = 'x'")) for c in connections]
    # The catalogue calls a chain critical once it has stood still for half a second.
    blocked = """SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND datname = current_database() AND clock_timestamp() - state_change > interval '700 ms'"""
    while (await (await admin.execute(blocked)).fetchone() or (0,))[0] < len(waiting):
        await asyncio.sleep(0.01)
    yield Chain(database18, root.info.backend_pid, waiting)
    for task in waiting:
        task.cancel()
    for connection in (root, *connections):
        with contextlib.suppress(psycopg.Error):
            await connection.close()
    await admin.execute(f"REVOKE ALL ON orders FROM {role}")
    await admin.execute(f"DROP ROLE {role}")
    await admin.close()


def bench_on(database: Database, name: str, path: Path, **more: Any) -> Workbench:
    target = Target.from_dsn(database.conninfo(), name=name, environment="test")
    app = Workbench(
        Options(target=target, inventory=Inventory({name: target}, path / "inventory.toml"), **more)
    )
    app.animation_level = "none"
    return app


async def triaged(pilot: Pilot[Any], question: str) -> Workbench:
    app = pilot.app
    assert isinstance(app, Workbench)
    await until(lambda: app.views.target.experts == "up", pilot, LIMIT_S)
    await pilot.press(*question, "enter")
    await until(lambda: app.views.chat.conclusion and not app.views.chat.working, pilot, LIMIT_S)
    return app


async def asked_for_end_of(root: int, app: Workbench, pilot: Pilot[Any]) -> None:
    """Press the number key of the remedy that ends the root, and wait for its card."""
    assert app.views.chat.remedies, screen_text(app)
    number = next(
        i for i, choice in enumerate(app.views.chat.remedies, 1)
        if choice.risk == "destructive" and choice.arguments.get("pid") == root
    )  # fmt: skip
    await pilot.press(str(number))
    await until(lambda: app.workspace.active == "approvals", pilot, LIMIT_S)
    await asyncio.sleep(GRACE_S + 0.1)


async def test_from_question_to_verified_remedy_by_keys_and_again_after_a_restart(
    chain: Chain, tmp_path: Path
) -> None:
    name = f"shop-{secrets.token_hex(3)}"
    question = f"what is wrong {secrets.token_hex(3)}"
    async with bench_on(chain.database, name, tmp_path).run_test(size=WIDE) as pilot:
        app = await triaged(pilot, question)
        assert f"session {chain.root}" in screen_text(app) and "CRITICAL" in screen_text(app)
        await until(lambda: "▲ 3" in screen_text(app), pilot, LIMIT_S)
        await asked_for_end_of(chain.root, app, pilot)
        shown = screen_text(app)
        assert f"pid {chain.root}" in shown and "billing-worker" in shown and "READ-ONLY" in shown
        assert chain.alive()
        await pilot.press("a", *str(chain.root), "enter")
        await until(lambda: "(verified; 3 waiters freed)" in screen_text(app), pilot, LIMIT_S)
        assert app.workspace.active == "chat" and "UNLOCKED" in screen_text(app)
        await asyncio.wait_for(asyncio.gather(*chain.waiting), LIMIT_S)
        assert not chain.alive()
        blocks, pid = list(app.views.chat.blocks), app.desk._experts.pid
        await pilot.press("ctrl+q")
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    again = bench_on(chain.database, name, tmp_path, experts=None)
    async with again.run_test(size=WIDE) as pilot:
        await until(lambda: "waiters freed" in screen_text(again), pilot, LIMIT_S)
        assert again.feed.resumed and again.views.chat.blocks == blocks
        await pilot.press("up")
        assert again.workspace.chat.prompt.text == question


async def test_a_victim_that_changed_is_refused_and_nothing_is_done(chain: Chain, tmp_path: Path) -> None:
    async with bench_on(chain.database, "shop", tmp_path).run_test(size=WIDE) as pilot:
        app = await triaged(pilot, "why")
        await asked_for_end_of(chain.root, app, pilot)
        with psycopg.connect(chain.database.conninfo(), autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", (chain.root,))
        await pilot.press("a", *str(chain.root), "enter")
        await until(lambda: "✗ refused:" in screen_text(app), pilot, LIMIT_S)
        ask = app.workspace.approvals.ask
        assert ask is not None and ask.state == "refused"


async def test_experts_killed_while_an_approval_waits_come_back_and_carry_it_out(
    chain: Chain, tmp_path: Path
) -> None:
    async with bench_on(chain.database, "shop", tmp_path).run_test(size=WIDE) as pilot:
        app = await triaged(pilot, "why")
        await asked_for_end_of(chain.root, app, pilot)
        pid = app.desk._experts.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: "experts restarted" in screen_text(app), pilot, LIMIT_S)
        assert "experts down: the local agents ended (signal 9)" in screen_text(app)
        await pilot.press("a", *str(chain.root), "enter")
        await until(lambda: "(verified; 3 waiters freed)" in screen_text(app), pilot, LIMIT_S)
        assert not chain.alive()


async def test_facts_are_read_again_with_r_and_for_whoever_comes_to_an_old_card(
    chain: Chain, tmp_path: Path
) -> None:
    ahead = timedelta(0)
    bench = bench_on(chain.database, "shop", tmp_path, clock=lambda: datetime.now(UTC) + ahead)
    async with bench.run_test(size=WIDE) as pilot:
        app = await triaged(pilot, "why")
        await asked_for_end_of(chain.root, app, pilot)
        ask = app.workspace.approvals.ask
        assert ask is not None
        before = ask.preview["captured_at"]
        await pilot.press("r")
        await until(lambda: ask.preview["captured_at"] != before, pilot, LIMIT_S)
        before, ahead = ask.preview["captured_at"], timedelta(seconds=FRESH_S + 5)
        await until(lambda: (ask.facts_age(app.workspace.approvals._now) or 0) > FRESH_S, pilot, LIMIT_S)
        await pilot.press("f2", "f5")
        await until(lambda: ask.preview["captured_at"] != before, pilot, LIMIT_S)
        await pilot.press("d", "enter")
        await until(lambda: ask.state == "denied", pilot, LIMIT_S)
        assert chain.alive()


async def test_escape_cancels_the_running_task(
    database18: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    waits = tmp_path / "never.txt"
    app = bench_on(database18, "shop", tmp_path, experts=("tests.protocol.ledger:create",))
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: app.views.target.experts == "up", pilot, LIMIT_S)
        request = {"kind": "tool", "tool": "wait_for_file", "arguments": {"path": str(waits)}}
        app.run_worker(app.desk.questions.order("wait", request, "shop", "ledger", "a test"))
        await until(lambda: app.views.chat.working and waits.with_suffix(".waiting").exists(), pilot, LIMIT_S)
        assert "Esc cancels" in screen_text(app)
        await pilot.press("escape")
        await until(lambda: not app.views.chat.working, pilot, LIMIT_S)
        await until(waits.with_suffix(".cancelled").exists, pilot, LIMIT_S)
        assert "– cancelled" in screen_text(app)


async def test_experts_that_do_not_start_are_said_and_the_session_stays(
    database18: Database, tmp_path: Path
) -> None:
    app = bench_on(database18, "shop", tmp_path, experts=(f"no.such.module{secrets.token_hex(2)}:create",))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await until(lambda: "experts down" in screen_text(app), pilot, LIMIT_S)
        assert app.is_running and not app.failure
