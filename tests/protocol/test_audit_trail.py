"""Every kind of event of a session, refusals included: who, what for, what the policy said, which approval, what came of it."""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agents.governance import Approval, Decision, Policy
from agents.governance.house import House
from agents.governance.policy_file import STARTER, policy_path
from agents.governance.roles import Member, Roles
from agents.governance.rule import Rule
from agents.kernel.event import Event
from agents.log import EventLog
from agents.protocol.access import socket_owner
from agents.protocol.client import AgentClient
from helpdesk_tui.cli import root
from helpdesk_tui.session import operator
from inventory.masking import remember_secret
from tests.protocol.conftest import all_of, serving, tool, until
from tests.protocol.test_approvals import parked, yes

NOTE = f"INC-{secrets.randbelow(10_000)}"
RULES = (
    Rule("reads", "allow", risks=("read",)),
    Rule("changes", "approve", risks=("write", "destructive")),
    Rule("never", "deny", tools=("remove_files",)),
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root, list(arguments))


def exported(*arguments: str) -> list[dict[str, Any]]:
    done = run("audit", "export", *arguments)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def secret() -> str:
    made = f"hunter{secrets.token_hex(8)}"
    remember_secret(made)
    return made


async def test_every_event_tells_who_and_what_for(
    log: EventLog, session: str, file: Path, tmp_path: Path, secret: str
) -> None:
    log.append(
        Event("session.opened", session, {"operator": "ann", "target": None}, operator(), target="here")
    )
    said = run("policy", "purpose", "emergency", "--note", NOTE, "--session", session)
    assert said.exit_code == 0, said.output
    await _live(log, session, file, tmp_path, secret)
    assert run("bundle", "create", "--session", session, "-o", str(tmp_path / "b.tar.gz")).exit_code == 0
    me = socket_owner()
    told = {item.event.kind: item.event for item in log.events(session)}
    assert {
        "session.purpose", "task", "tool.called", "evidence", "tool.returned", "tool.refused", "approval.requested",
        "approval.refreshed", "approval.edited", "approval.decided", "target.unlocked", "action.started",
        "action.finished", "action.refused", "message", "note", "bundle.created", "policy.changed",
    } <= told.keys()  # fmt: skip
    for event in [item.event for item in log.events(session)][1:]:
        assert event.principal, event
        assert (event.purpose, event.purpose_note) == ("emergency", NOTE), event
    refusals = [item.event.body for item in log.events(session, kinds=("tool.refused",))]
    assert {body["by"] for body in refusals} == {me}
    assert [(body["tool"], (body["policy"] or {}).get("rule")) for body in refusals] == [
        ("read_file", None), ("no_such_tool", None), ("remove_files", "never"), ("read_file", "roles"),
    ]  # fmt: skip
    for kind in ("tool.called", "action.started"):
        for item in log.events(session, kinds=(kind,)):
            assert (item.event.body["by"], set(item.event.body["policy"])) == (me, {"effect", "rule"})
    acted = told["action.finished"].body
    assert (acted["ok"], acted["approval"]) == (True, told["action.started"].body["approval"])
    reasons = " ".join(
        str(item.event.body["reason"]) for item in log.events(session, kinds=("action.refused",))
    )
    assert all(word in reasons for word in ("changed", "expired", "cancelled", "edited")), reasons
    assert "decision not accepted" in str([item.event.body for item in log.events(session, kinds=("note",))])
    assert log.verify().ok
    _check_export(session, me, secret, log)


async def _live(log: EventLog, session: str, file: Path, tmp_path: Path, secret: str) -> None:
    """A session with every way to a yes and to a no."""
    append = tool("append_line", path=str(file), text="more")
    rules = House(Policy(rules=RULES))
    async with serving(log, policy=rules) as reach, AgentClient(reach) as client:

        async def ask(request: dict[str, Any]) -> None:
            await all_of(client.ask("ledger", "", request, session, "here"))

        await ask(tool("read_file", path=str(file)))
        await ask(tool("read_file", path=str(file), more=secret))
        await ask(tool("no_such_tool"))
        await ask(tool("remove_files", directory=str(tmp_path)))
        denied = await parked(client, session, append)
        await all_of(client.answer(denied, Decision(denied.id, "approve", confirmation="")))
        await all_of(client.refresh(denied))
        await all_of(client.answer(denied, Decision(denied.id, "deny", reason="no")))
        first = await parked(client, session, append)
        edited = await all_of(client.edit(first, {"path": str(file), "text": "mild"}))
        requested = [event.body["approval"] for event in edited if event.kind == "approval.requested"]
        approval = Approval.from_json(requested[0])
        await all_of(client.answer(approval, yes(approval)))
        changed = await parked(client, session, append)
        file.write_text("other\n")
        await all_of(client.answer(changed, yes(changed)))
        waiting = await parked(client, session, append)
        await client.cancel(waiting.task)
        running = client.ask("ledger", "", tool("wait_for_file", path=str(tmp_path / "x")), session, "here")
        working = await anext(running)
        reading = asyncio.create_task(all_of(running))
        await until((tmp_path / "x.waiting").exists)
        assert isinstance(working, Event)
        await client.cancel(working.task)
        await reading
    async with serving(log, policy=Policy(approval_ttl_s=0.0)) as reach, AgentClient(reach) as client:
        expired = await parked(client, session, append)
        await all_of(client.answer(expired, yes(expired)))
    policy_path().parent.mkdir(parents=True, exist_ok=True)
    policy_path().write_text(STARTER)
    async with serving(log) as reach, AgentClient(reach) as client:
        await all_of(client.ask("ledger", "", tool("read_file", path=str(file)), session, "here"))
    nobody = Roles((Member(("operator:nobody",), "admin"),), open=False)
    async with serving(log, policy=House(Policy(), nobody)) as reach, AgentClient(reach) as client:
        await all_of(client.ask("ledger", "", tool("read_file", path=str(file)), session, "here"))


def _check_export(session: str, me: str, secret: str, log: EventLog) -> None:
    """The same events as lines for a SIEM, and the ways to choose among them."""
    lines = exported("--session", session)
    events = log.events(session)
    assert [line["event"]["sequence"] for line in lines] == [item.seq for item in events]
    assert secret not in json.dumps(lines)
    for line, item in zip(lines, events, strict=True):
        assert (line["@timestamp"], line["user"]["name"]) == (item.event.at, item.event.principal)
        assert (line["event"]["action"], line["event"]["hash"]) == (item.event.kind, item.hash)
        assert line["event"].get("outcome", "unknown") in ("success", "failure", "unknown")
        assert line["message"].isprintable()
    [acted] = exported("--session", session, "--kind", "action.finished")
    assert (acted["event"]["outcome"], acted["helpdesk"]["purpose"]) == ("success", "emergency")
    denied = exported("--verdict", "deny", "--kind", "tool.*")
    assert [(line["rule"]["name"], line["helpdesk"]["tool"]) for line in denied] == [
        ("never", "remove_files"), ("roles", "read_file"),
    ]  # fmt: skip
    asked = exported("--tool", "append_*", "--session", session)
    assert {"approval.requested", "action.started"} <= {line["event"]["action"] for line in asked}
    mine = exported("--principal", me, "--target", "here", "--since", events[0].event.at)
    assert {"tool.called", "approval.decided"} <= {line["event"]["action"] for line in mine}
    last = events[-3].seq
    assert [line["event"]["sequence"] for line in exported("--after", str(last))] == [last + 1, last + 2]
    assert exported("--until", events[0].event.at) == exported("--principal", "operator:eve") == []
