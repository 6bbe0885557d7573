"""Governance by keys on a real server: edit, grant, undo, lock, purpose, quorum; experts in their own process."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from textual.pilot import Pilot

from agents.governance.policy_file import policy_path
from agents.governance.roles import roles_path
from agents.kernel.event import Event
from helpdesk_tui.app import Workbench
from helpdesk_tui.exchange import carry
from helpdesk_tui.options import Options
from helpdesk_tui.panes.approvals.options import GRACE_S
from helpdesk_tui.screens.governing import say_purpose
from helpdesk_tui.session import operator
from inventory.registry import default_path, load
from tests.commands.test_command_line import HELPDESK, helpdesk
from tests.conftest import Database
from tests.terminal import Terminal
from tests.tui import story
from tests.tui.bench import NARROW, WIDE, replayed, screen_text, until, workbench

pytestmark = pytest.mark.timeout(400)
"""Several processes in one test, on machines that may be busy."""
LIMIT_S = 60.0
SETTING, OTHER = "log_lock_waits", "track_io_timing"


@pytest.fixture
def shown(database18: Database) -> Any:
    """What the server says of a setting now; both are put back at the end."""

    def now(name: str) -> str:
        with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
            return str(admin.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[index]

    yield now
    with psycopg.connect(database18.conninfo(), autocommit=True) as admin:
        for name in (SETTING, OTHER):
            admin.execute(f"ALTER SYSTEM RESET {name}")
        admin.execute("SELECT pg_reload_conf()")


@pytest.fixture
def target(database18: Database) -> str:
    """A target of production that the inventory knows."""
    name = f"shop-{secrets.token_hex(3)}"
    path = default_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'[databases.{name}]\ndsn = "{database18.conninfo()}"\nenvironment = "production"\ntags = ["eu"]\n'
    )
    return name


def bench_of(target: str) -> Workbench:
    inventory = load()
    app = Workbench(Options(target=inventory.targets[target], inventory=inventory, fresh=True))
    app.animation_level = "none"
    return app


async def ready(pilot: Pilot[Any]) -> Workbench:
    app = pilot.app
    assert isinstance(app, Workbench)
    await until(lambda: app.views.target.experts == "up", pilot, LIMIT_S)
    return app


async def asked_from_elsewhere(app: Workbench, target: str, value: str, token: str | None = None) -> None:
    """Another process asks for a change in the session that the workbench shows."""
    request = {"kind": "tool", "tool": "set_setting", "arguments": {"name": SETTING, "value": value}}

    def asking(client: Any) -> AsyncIterator[Any]:
        asked: AsyncIterator[Any] = client.ask("database", "set it", request, app.feed.session, target)
        return asked

    ask = lambda: carry(asking, agent="database", session=app.feed.session, token=token)  # noqa: E731
    await asyncio.to_thread(ask)


async def card_up(app: Workbench, pilot: Pilot[Any], of: Callable[[Any], bool] = lambda _: True) -> Any:
    """The card that waits, once its keys count."""

    def waits() -> bool:
        ask = app.workspace.approvals.ask
        return ask is not None and ask.state == "pending" and of(ask) and app.workspace.active == "approvals"

    await until(waits, pilot, LIMIT_S)
    await asyncio.sleep(GRACE_S + 0.1)
    return app.workspace.approvals.ask


async def reads(app: Workbench, pilot: Pilot[Any], *wanted: str) -> None:
    """Wait until all of it is on the screen."""
    limit = asyncio.get_running_loop().time() + LIMIT_S
    while not all(text in screen_text(app) for text in wanted):
        if asyncio.get_running_loop().time() > limit:
            raise AssertionError(f"not on the screen: {wanted}\n{screen_text(app)}")
        await pilot.pause(0.1)


def events(app: Workbench, kind: str) -> list[Event]:
    return [item.event for item in app.feed.log.events(app.feed.session, kinds=(kind,))]


async def test_edited_granted_undone_revoked_locked_by_keys(target: str, shown: Any) -> None:
    async with bench_of(target).run_test(size=WIDE) as pilot:
        app = await ready(pilot)
        await asked_from_elsewhere(app, target, "on")
        first = await card_up(app, pilot)
        await reads(
            app, pilot, "policy", "whoever can log in to this account", f"to approve, type {target} here"
        )

        # The policy's page, and back.
        await pilot.press("x")
        await reads(app, pilot, "Policy: why this needs an approval", "builtin.write", "unlock the target")
        await pilot.press("escape")

        # What the executor does not accept stays on the card, and in the form.
        await pilot.press("c")
        await reads(app, pilot, "Edit the arguments of set_setting", "name of the setting")
        await pilot.press("end", "ctrl+u", *"nonsense", "enter", "enter")
        await reads(app, pilot, "✗ decision not accepted")
        await pilot.press("c")
        await reads(app, pilot, "- name log_lock_waits", "+ name nonsense")
        await pilot.press("end", "ctrl+u", *OTHER, "enter", "enter")
        second = await card_up(app, pilot, lambda ask: ask.id != first.id)
        await reads(app, pilot, f"set {OTHER} = on", f"- name {SETTING}", f"+ name {OTHER}")
        assert first.state == "replaced" and shown(SETTING) == "off"

        # A yes that holds for the next calls as well, with its reach said before.
        await pilot.press("g", "ctrl+u", *"2", "enter", "ctrl+u", *"10m", "enter", *target[:-1])
        await reads(app, pilot, f"up to 2 calls of set_setting on {target}", "in this session, until")
        await pilot.press("enter")
        await reads(app, pilot, f"✗ type {target}, exactly")
        await pilot.press(target[-1], "enter")
        await until(lambda: second.state == "done", pilot, LIMIT_S)
        assert shown(OTHER) == "on"
        await reads(app, pilot, "undo: ALTER SYSTEM RESET track_io_timing", "UNLOCKED")
        given = app.views.approvals.grants()
        assert [(grant.tool, grant.count, grant.live()) for grant in given] == [("set_setting", 2, True)]

        # The undo is an approval of its own; nothing needs to be typed where the target is unlocked.
        await pilot.press("f7")
        undo = await card_up(app, pilot, lambda ask: ask.id not in {first.id, second.id})
        assert f"the action of approval {second.id}" in app.workspace.approvals.body.text()
        assert any(node.label.startswith("Undo: ") for node in app.views.trace.nodes)
        await pilot.press("a", "enter")
        await until(lambda: undo.state == "done", pilot, LIMIT_S)
        assert shown(OTHER) == "off"

        # History: a card that is over opens again; a grant is taken back.
        await pilot.press("f5", "o")
        await reads(app, pilot, "Approvals and grants of this session", "0 of 2 used", "replaced")
        await pilot.press("r")
        await until(lambda: not app.views.approvals.grants()[0].live(), pilot, LIMIT_S)
        await pilot.press("g", "down", "down", "enter")
        await until(lambda: app.workspace.approvals.ask is second, pilot, LIMIT_S)
        await reads(app, pilot, f"DONE by {operator()}", "u asks for its undo", f"typed {target}")

        # The lock by hand: production is unlocked by its typed name; every event says what the session is for.
        await pilot.press("f4", "l")
        await reads(app, pilot, "READ-ONLY")
        say_purpose(app)
        await reads(app, pilot, "What this session is for")
        await pilot.press(*"emer", "enter", *"INC-9", "enter")
        await reads(app, pilot, "emergency · INC-9")
        await pilot.press("l")
        await reads(app, pilot, f"Unlock {target} (production)")
        await pilot.press("enter")
        await reads(app, pilot, f"type {target}, exactly")
        await pilot.press(*target, "enter")
        await reads(app, pilot, "UNLOCKED")
        assert [event.purpose for event in events(app, "target.unlocked")] == ["", "emergency"]
        assert events(app, "session.purpose")[0].body["note"] == "INC-9"
        roles_path().write_text(f'[[members]]\nprincipals = ["{operator()}"]\nrole = "viewer"\n')
        await pilot.press("l")
        await reads(app, pilot, f"{operator()} may not lock on {target}")
        assert len(events(app, "target.locked")) == 1


def eve_agrees(session: str, token: Path, target: str) -> None:
    """Somebody else at a workbench of their own: goes to the card, types the target's name, leaves."""
    command = [*HELPDESK, "--session", session, "--token-file", str(token)]
    with Terminal(command, columns=160, lines=48) as terminal:
        terminal.wait_for(lambda text: "◆ 1 waiting" in text and "● up" in text, LIMIT_S)
        terminal.press("f5")
        terminal.wait_for("[ Deny ]")
        terminal.wait_for("0 of 2 agree")
        terminal.settle(GRACE_S + 0.3)
        terminal.press("a")
        terminal.type(f"{target}\r")
        terminal.wait_for("1 of 2 agree", LIMIT_S)
        terminal.press("ctrl+q")
        assert terminal.wait_for_exit() == 0


def test_a_token_that_nobody_has_opens_no_workbench(isolated_home: Path) -> None:
    token = isolated_home / "stranger"
    token.write_text(secrets.token_urlsafe(32))
    token.chmod(0o600)
    with Terminal([*HELPDESK, "--token-file", str(token)]) as terminal:
        assert terminal.wait_for_exit() == 2
        # A long path wraps the line anywhere.
        shown = "".join(terminal.text.split())
        assert "knowsnobodywiththistoken;helpdeskpolicytokenmakesone" in shown


async def test_what_is_in_force_and_that_there_is_no_lock(tmp_path: Path) -> None:
    policy_path().parent.mkdir(parents=True, exist_ok=True)
    rule = (
        '[[rules]]\nname = "go"\neffect = "allow"\ncomment = "every write on production"\nrisk = ["write"]\n'
    )
    policy_path().write_text(f"lock = false\n{rule}")
    async with workbench(story.triaged(), tmp_path).run_test(size=NARROW) as pilot:
        app = await replayed(pilot)
        await reads(app, pilot, "◇ NO LOCK")
        await pilot.press("f4", "l", *"orders-prod", "enter", "f2")
        await reads(app, pilot, "✗ no target is read-only")
        assert not events(app, "target.unlocked")
        await pilot.press("ctrl+p", *"policy what is in force")
        await reads(app, pilot, "its rules, and doubts about them")
        await pilot.press("enter")
        await reads(
            app,
            pilot,
            "lock = false",
            "allow  go",
            "every write on production",
            "line 2, rule go: wider than its comment",
        )
        policy_path().write_text(rule.replace("allow", "alow"))
        await pilot.press("escape", "ctrl+p", *"policy what is in force", "enter")
        await reads(app, pilot, "No change runs", "effect is 'alow'")


async def test_why_a_call_was_refused_from_the_trace(tmp_path: Path) -> None:
    told = story.triaged()
    told.ask("drop it", task="task-9")
    reason = f"frozen until {secrets.token_hex(3)}"
    refused = {"tool": "slot.drop", "risk": "destructive", "target": "orders-prod", "arguments": {}}
    told.add("tool.refused", {**refused, "reason": reason, "policy": None}, task="task-9", agent="database")
    rule = '[[rules]]\nname = "freeze"\neffect = "deny"\ncomment = "nothing tonight"\n'
    policy_path().parent.mkdir(parents=True, exist_ok=True)
    policy_path().write_text(rule)
    async with workbench(told, tmp_path).run_test(size=WIDE) as pilot:
        app = await replayed(pilot)
        await pilot.press("f3", "G", "x")
        await reads(app, pilot, "Policy: slot.drop on orders-prod", f"refused  {reason}", "nothing tonight")
        await reads(app, pilot, "rule freeze forbids it as long as it holds")
        await pilot.press("escape", "f4", "x")
        await reads(app, pilot, "Policy: calls on orders-prod", "any destructive call")


async def test_a_quorum_across_two_terminals(target: str, shown: Any, tmp_path: Path) -> None:
    """One workbench here, another one on a terminal of its own by someone else's token; one store."""
    callers = members = ""
    for name, role in (("ann", "operator"), ("eve", "approver")):
        token = secrets.token_urlsafe(32)
        (tmp_path / name).write_text(token)
        (tmp_path / name).chmod(0o600)
        digest = hashlib.sha256(token.encode()).hexdigest()
        callers += f'[callers.{name}]\ntoken_sha256 = "{digest}"\n'
        members += f'[[members]]\nprincipals = ["operator:{name}"]\nrole = "{role}"\n'
    mine = f'[[members]]\nprincipals = ["{operator()}"]\nrole = "approver"\n'
    roles_path().write_text(mine + members + callers)
    policy_path().write_text(
        '[[rules]]\nname = "reads"\neffect = "allow"\nrisk = ["read"]\n'
        '[[rules]]\nname = "two"\neffect = "approve"\nrisk = ["write"]\napprovers = 2\nfour_eyes = true\n'
    )
    async with bench_of(target).run_test(size=NARROW) as pilot:
        app = await ready(pilot)
        await asked_from_elsewhere(app, target, "on", (tmp_path / "ann").read_text().strip())
        ask = await card_up(app, pilot)
        card = app.workspace.approvals.body.text()
        assert "0 of 2" in card and f"2 more: {operator()}, operator:eve" in card
        assert "four eyes: not operator:ann" in card and "for operator:ann at" in card
        await pilot.press("g")
        await reads(app, pilot, "no grant can stand for them")
        await pilot.press("a", *target, "enter")
        await until(lambda: ask.given == [operator()], pilot, LIMIT_S)
        await reads(app, pilot, "1 of 2 agree")
        await asyncio.sleep(GRACE_S + 0.1)
        await pilot.press("w")
        await until(lambda: ask.given == [], pilot, LIMIT_S)
        await reads(app, pilot, "0 of 2 agree", "took their yes back")
        await pilot.press("w")
        await reads(app, pilot, f"{operator()} has not approved it")
        await asyncio.to_thread(eve_agrees, app.feed.session, tmp_path / "eve", target)
        await until(lambda: ask.given == ["operator:eve"], pilot, LIMIT_S)
        told = (await asyncio.to_thread(helpdesk, "approvals", "show", ask.id)).stdout
        assert "1 of 2: operator:eve" in told and f"approvals withdraw {ask.id}" in told
        assert shown(SETTING) == "off"
        await asyncio.sleep(GRACE_S + 0.1)
        await pilot.press("a", "ctrl+u", *target, "enter")
        await until(lambda: ask.state == "done", pilot, LIMIT_S)
        assert shown(SETTING) == "on"
        assert events(app, "approval.decided")[0].body["given"] == ["operator:eve", operator()]
