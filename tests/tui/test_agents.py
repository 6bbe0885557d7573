"""Agents elsewhere by keys: real servers in processes of their own, killed and started again."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from agents.log import EventLog
from agents.protocol import health
from agents.protocol.client import AgentClient
from agents.protocol.reach import Reach
from agents.router import Taught
from helpdesk_tui.app import Workbench
from helpdesk_tui.cli import main
from helpdesk_tui.options import Options
from helpdesk_tui.panes.approvals.options import GRACE_S
from inventory.registry import Inventory
from inventory.target import Target
from tests.protocol.peers.starting import Peer, card, stranger
from tests.terminal import Terminal
from tests.tui.bench import WIDE, screen_text, until

LIMIT_S = 60.0
PODS = {
    "id": "pods", "name": "Pods", "description": "Why pods do not run", "tags": ["kubernetes"],
    "examples": ["a pod crashes"],
}  # fmt: skip
CARD = card(description="Looks at clusters", skills=[PODS])


@pytest.fixture(scope="module")
def near() -> Iterator[Peer]:
    with stranger() as peer:
        yield peer


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child process finds the ledger."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def know(home: Path, **agents: Peer) -> None:
    """Write the registry."""
    tables = [f'[agents.{name}]\nurl = "{peer.base}"\n' for name, peer in agents.items()]
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "agents.toml").write_text("\n".join(tables))


def bench(path: Path) -> Workbench:
    """A workbench with the ledger as its local expert, on a database that nobody serves."""
    target = Target.from_dsn("host=127.0.0.1 port=1 dbname=shop user=ana", name="shop", environment="test")
    inventory = Inventory({"shop": target}, path / "inventory.toml")
    app = Workbench(Options(target=target, inventory=inventory, experts=("tests.protocol.ledger:create",)))
    app.animation_level = "none"
    return app


async def ask(pilot: Pilot[Any], text: str, shown: str) -> None:
    """Send what would be typed, and wait until something of its answer is in the chat."""
    app = pilot.app
    assert isinstance(app, Workbench)
    app.workspace.chat.prompt.insert(text)
    await pilot.press("enter")
    await chat_holds(pilot, shown)


async def chat_holds(pilot: Pilot[Any], text: str) -> None:
    app = pilot.app
    assert isinstance(app, Workbench)
    blocks = app.views.chat.blocks
    try:
        await until(lambda: any(text in f"{block.who} {block.text}" for block in blocks), pilot, LIMIT_S)
    except TimeoutError:
        raise AssertionError(f"{text!r} is not in\n{screen_text(app)}") from None


async def grace() -> None:
    """Number keys that have just changed their meaning, and new cards, are deaf for a moment."""
    await asyncio.sleep(GRACE_S + 0.1)


async def test_questions_find_their_agent_and_are_taught_where_they_belong(
    near: Peer, isolated_home: Path, tmp_path: Path
) -> None:
    know(isolated_home)
    file = isolated_home / "config" / "agents.toml"
    file.write_text("[agents.far]\nurl = 5\n")
    with stranger(card=CARD) as far:
        async with bench(tmp_path).run_test(size=WIDE) as pilot:
            app = pilot.app
            assert isinstance(app, Workbench)
            await chat_holds(pilot, f'{file}:1: "far" needs url')
            know(isolated_home, far=far, near=near)
            # The file is read again with the question; the words of its card name the agent.
            await ask(pilot, "hello pod", "far hello pod")
            await chat_holds(pilot, "→ far: kubernetes: pod")
            await until(lambda: set(app.views.agents.agents) == {"far", "near", "ledger"}, pilot, LIMIT_S)
            assert "F9 Agents" in screen_text(app) and "Pods" in screen_text(app)
            trace = [node.label for node in app.views.trace.nodes]
            assert any(label.startswith("far on shop: kubernetes: pod") for label in trace)

            await ask(pilot, "hello there", "no agent's field is in these words")
            await grace()
            waits = app.views.pending.undecided
            assert waits is not None and set(waits.candidates) == {"ledger", "far", "near"}
            await pilot.press(str(waits.candidates.index("near") + 1))
            await chat_holds(pilot, "→ near: you chose it")

            await pilot.press("@", "n", "tab")
            assert app.workspace.chat.prompt.text == "@near "
            await ask(pilot, "hello again", "→ near: @near was said")
            await chat_holds(pilot, "near hello again")

            await ask(pilot, "hello crashing pod", "far hello crashing pod")
            await ask(pilot, "/route near", "→ near: you said so")
            await chat_holds(pilot, "near hello crashing pod")
            assert Taught.load().sentences == {"hello crashing pod": "near"}
            await ask(pilot, "hello crashing pods", "→ near: taught")

            await pilot.press("f9", "end")
            # A busy machine may have looked at it too late once; its card tells what is known when it opens.
            await until(lambda: app.views.agents.agents["near"].state == "up", pilot, LIMIT_S)
            await pilot.press("enter")
            await until(lambda: "JSONRPC 1.0" in screen_text(app), pilot, LIMIT_S)
            await pilot.press("escape")
            await until(lambda: len(app.screen_stack) == 1, pilot, LIMIT_S)
            await pilot.press("a")
            assert app.workspace.active == "chat"
            assert app.workspace.chat.prompt.text == "@near "


async def test_an_agent_asks_back_wants_approvals_dies_and_comes_back(
    isolated_home: Path, tmp_path: Path
) -> None:
    assert health.PERIOD_S + health.LOOK_LIMIT_S <= 5
    with stranger(card=CARD) as far:
        know(isolated_home, far=far)
        async with bench(tmp_path).run_test(size=WIDE) as pilot:
            app = pilot.app
            assert isinstance(app, Workbench)
            prompt = app.workspace.chat.prompt
            await ask(pilot, "@far kagent_ask", "Which region?")
            await until(lambda: prompt.placeholder == "Answer far, or press 1–2", pilot, LIMIT_S)
            await pilot.press("escape")
            assert not app.workspace.chat.answering
            assert "far waits for your answer" in screen_text(app)
            await pilot.press("ctrl+r")
            await grace()
            await pilot.press("2")
            await chat_holds(pilot, '"answers": [{"answer": ["us"]}]')
            await ask(pilot, "@far ask", "Which schema?")
            await until(lambda: prompt.placeholder == "Answer far", pilot, LIMIT_S)
            await ask(pilot, "public", '"text": "public"')

            await ask(pilot, "@far adk_confirm", "◆ waits for your decision: Drop orders?")
            await until(lambda: app.workspace.active == "approvals", pilot, LIMIT_S)
            assert "DESTRUCTIVE" in screen_text(app) and "Drop orders?" in screen_text(app)
            await grace()
            await pilot.press("a", *"drop_table", "enter")
            await chat_holds(pilot, '{"confirmed": true}')
            await pilot.press("f2")

            await ask(pilot, "@far forever", "→ far: @far was said")
            await until(lambda: app.views.chat.working, pilot, LIMIT_S)
            await pilot.press("escape")
            await chat_holds(pilot, "– cancelled")

            await ask(pilot, "@far forever", "→ far: @far was said")
            await until(lambda: app.views.chat.working, pilot, LIMIT_S)
            far.kill()
            await chat_holds(pilot, "far is down")
            await chat_holds(pilot, "the question is kept for far: it is seen to once it is back")
            assert not app.views.chat.working and "✗ down" in screen_text(app)
            with stranger(card=CARD, port=far.port):
                await chat_holds(pilot, "the question is kept for far: it is back and knows nothing")
                await grace()
                await pilot.press("1")
                await chat_holds(pilot, "→ far: asked again")
                await until(lambda: app.views.chat.working, pilot, LIMIT_S)
                await pilot.press("escape")
                await until(lambda: not app.views.chat.working, pilot, LIMIT_S)
                assert not app.views.pending.kept


async def test_what_waits_or_runs_elsewhere_is_there_again_after_a_restart(
    near: Peer, isolated_home: Path, tmp_path: Path
) -> None:
    with stranger(card=CARD) as far:
        know(isolated_home, far=far, near=near)
        async with bench(tmp_path).run_test(size=WIDE) as pilot:
            await ask(pilot, "@far ask", "Which schema?")
            await pilot.press("escape")
            await ask(pilot, "@near silent 3", "→ near: @near was said")
            app = pilot.app
            assert isinstance(app, Workbench)
            await until(lambda: app.views.chat.working, pilot, LIMIT_S)
            await pilot.press("ctrl+q")
        again = bench(tmp_path)
        async with again.run_test(size=WIDE) as pilot:
            assert not any("after silence" in block.text for block in again.views.chat.blocks)
            await chat_holds(pilot, "near hello after silence")
            await until(lambda: again.workspace.chat.prompt.placeholder == "Answer far", pilot, LIMIT_S)
            await ask(pilot, "public", '"text": "public"')


async def test_a_local_expert_asks_back_and_is_asked_again_when_it_died(
    isolated_home: Path, tmp_path: Path
) -> None:
    waits = tmp_path / f"{secrets.token_hex(4)}.txt"
    app = bench(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: app.views.target.experts == "up", pilot, LIMIT_S)
        app.run_worker(app.desk.questions.order("wonder", {"kind": "wonder"}, "shop", "ledger", "a test"))
        await chat_holds(pilot, "ledger Go on after nothing?")
        await grace()
        await pilot.press("2")
        await chat_holds(pilot, "then enough")
        request = {"kind": "tool", "tool": "wait_for_file", "arguments": {"path": str(waits)}}
        app.run_worker(app.desk.questions.order("wait", request, "shop", "ledger", "a test"))
        await until(waits.with_suffix(".waiting").exists, pilot, LIMIT_S)
        pid = app.desk._experts.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await chat_holds(pilot, "→ ledger: it is back, asked again")
        waits.touch()
        await chat_holds(pilot, "ledger 1 rows")


def test_the_command_line_asks_agents_elsewhere_and_decides_what_they_ask(
    near: Peer, isolated_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    know(isolated_home, near=near)
    session = f"s-{secrets.token_hex(4)}"

    async def asked() -> list[Any]:
        async with AgentClient(None, {"near": Reach(near.base, alone=True)}) as client:
            return [item async for item in client.ask("near", "adk_confirm", {}, session)]

    events = asyncio.run(asked())
    with EventLog.open() as log:
        log.append(*events)
    (approval,) = [event.body["approval"] for event in events if event.kind == "approval.requested"]
    assert main(["approvals", "approve", approval["id"]]) == 1
    assert "needs --confirm drop_table" in capsys.readouterr().err
    assert main(["approvals", "approve", approval["id"], "--confirm", "drop_table"]) == 0
    assert '{"confirmed": true}' in capsys.readouterr().out
    assert main(["approvals", "deny", approval["id"]]) == 1
    target = "host=127.0.0.1 port=1 dbname=shop user=ana"
    assert main(["ask", target, "hello there", "--agent", "near"]) == 0
    assert "hello there" in capsys.readouterr().out
    assert main(["ask", target, "ask me", "--agent", "near"]) == 0
    assert "◆ Which schema?" in capsys.readouterr().out
    assert main(["ask", target, "hello", "--agent", "nobody"]) == 2
    assert "unknown agent nobody, expected one of database, near" in capsys.readouterr().err


def test_in_a_real_terminal(near: Peer, isolated_home: Path) -> None:
    know(isolated_home, near=near)
    word = secrets.token_hex(4)
    command = [sys.executable, "-m", "helpdesk_tui", "host=127.0.0.1 port=1 dbname=shop user=ana"]
    with Terminal(command, columns=80, lines=24) as terminal:
        terminal.wait_for("F9 Agents", LIMIT_S)
        terminal.press("f9")
        terminal.wait_for("JSONRPC 1.0", LIMIT_S)
        terminal.press("f2")
        terminal.type(f"@near hello {word}")
        terminal.wait_for(word)
        terminal.press("enter")
        terminal.wait_for(lambda shown: f"  hello {word}" in shown.replace("│", " "), LIMIT_S)
        terminal.press("ctrl+q")
        assert terminal.wait_for_exit() == 0
