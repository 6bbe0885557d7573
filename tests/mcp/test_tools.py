"""Tools of real MCP servers as tools of an expert, over each transport, behind the executor."""

from __future__ import annotations

import asyncio
import secrets
import sys
from pathlib import Path

import psutil
import pytest

from agents.governance import Policy
from agents.governance.rule import Rule
from agents.protocol.client import AgentClient
from agents.protocol.host import LocalHost
from tests.mcp.conftest import Operator, Peer, asked, at_work, bodies, configure, contents, said, state, until


async def test_the_tools_of_a_distant_server(distant: Peer) -> None:
    configure(peer={**distant.entry, "tools": {"look": "read", "sample": "read"}})
    async with at_work() as operator:
        await _reads(operator, distant)
        await _writes_after_an_approval(operator, distant)
        await _asks_the_operator(operator, distant)


async def _reads(operator: Operator, peer: Peer) -> None:
    """A tool that the operator classed read gives evidence; bad arguments never reach the server."""
    path = f"/{secrets.token_hex(4)}"
    events = await operator.call("peer__look", path=path, lines=3)
    assert state(events) == "completed"
    (evidence,) = [body["evidence"] for body in bodies(events, "evidence")]
    assert evidence["target"] == "mcp:peer" and evidence["tool"] == "peer__look"
    assert evidence["statement"] == f'tools/call look {{"lines":3,"path":"{path}"}}'
    # The variable given by reference arrived at the process, and is a secret everywhere here.
    colour = "***" if "command" in peer.entry else "nowhere"
    assert contents(events) == [f"3 lines of {path} from {colour}"]
    (called,) = bodies(events, "tool.called")
    assert (called["risk"], called["target"]) == ("read", "mcp:peer")

    refused = await operator.call("peer__look", path=7)
    assert "path must be string" in bodies(refused, "tool.refused")[0]["reason"]
    refused = await operator.call("peer__look", path=path, force=True)
    assert "force" in bodies(refused, "tool.refused")[0]["reason"]
    assert [call for call in peer.seen("look") if call["path"] in (path, 7)] == [
        {"tool": "look", "path": path, "lines": 3}
    ]


async def _writes_after_an_approval(operator: Operator, peer: Peer) -> None:
    """A tool that claims to read is a write all the same."""
    text = secrets.token_hex(8)
    events = await operator.call("peer__note", text=text)
    assert state(events) == "input-required"
    approval = asked(events)
    assert approval.risk == "write" and approval.target["name"] == "mcp:peer"
    assert approval.preview.action == f'call note on the MCP server peer with {{"text":"{text}"}}'
    assert approval.preview.effect[0].startswith("victims unknown")
    assert approval.preview.reversible.startswith("not reversible")
    assert not [call for call in peer.seen("note") if call["text"] == text]

    done = await operator.approve(approval)
    (finished,) = bodies(done, "action.finished")
    assert finished["ok"] and finished["text"] == f"peer__note says: `kept {text}`."
    assert contents(done) == [f"kept {text}"]
    assert [call for call in peer.seen("note") if call["text"] == text] == [{"tool": "note", "text": text}]


async def _asks_the_operator(operator: Operator, peer: Peer) -> None:
    """A question of the server parks the task; the answer must fit what it asked for."""
    table = secrets.token_hex(4)
    events = await operator.call("peer__sample", table=table)
    assert state(events) == "input-required" and not bodies(events, "approval.requested")
    assert f"How many rows of {table}?" in bodies(events, "task")[-1]["text"]
    events = await operator.reply(events, "plenty")
    assert state(events) == "input-required" and "integer" in bodies(events, "task")[-1]["text"]
    events = await operator.reply(events, "12")
    assert state(events) == "completed" and contents(events)[0] == f"12 rows of {table}"

    events = await operator.reply(await operator.call("peer__sample", table=f"{table}x"), "decline")
    assert "Declined" in said(events) and not contents(events)
    assert [call for call in peer.seen("sample") if call["table"].startswith(table)] == [
        {"tool": "sample", "table": table, "rows": 12}
    ]


async def test_a_question_in_the_middle_of_a_change_leads_to_a_new_approval_with_the_answer(
    http: Peer,
) -> None:
    configure(peer=http.entry)
    table = secrets.token_hex(4)
    async with at_work() as operator:
        first = asked(await operator.call("peer__sample", table=table))
        waits = await operator.approve(first)
        assert state(waits) == "input-required" and not bodies(waits, "action.finished")[0]["ok"]
        second = asked(await operator.reply(waits, "rows = 5"))
        assert second.id != first.id and second.call_sha256 != first.call_sha256
        assert 'answers that go along: [{"rows":5}]' in second.preview.effect
        done = await operator.approve(second)
        assert bodies(done, "action.finished")[0]["text"] == f"peer__sample says: `5 rows of {table}`."
    assert [call["rows"] for call in http.seen("sample") if call["table"] == table] == [5]


async def test_a_server_as_a_process_progress_cancel_changes_and_its_end(stdio: Peer) -> None:
    classes = dict.fromkeys(("steps", "hang", "grow", "fail", "look", "sample", "turn", "die"), "read")
    configure(peer={**stdio.entry, "tools": classes})
    async with at_work() as operator:
        await _reads(operator, stdio)
        await _writes_after_an_approval(operator, stdio)
        await _asks_the_operator(operator, stdio)

        events = await operator.call("peer__steps", count=3)
        assert bodies(events, "tool.progress")[0]["text"] == "1 of 3 step 1"
        assert bodies(events, "tool.progress")[0]["call"] == bodies(events, "tool.called")[0]["call"]

        events = await operator.call("peer__fail", why="out of paper")
        assert state(events) == "failed" and "peer__fail failed: " in bodies(events, "task")[-1]["text"]

        hanging = asyncio.create_task(operator.call("peer__hang"))
        await until(lambda: stdio.seen("hang"))
        (working,) = [
            item.event.task
            for item in operator.log.events(operator.session, kinds=("tool.called",))
            if item.event.body["tool"] == "peer__hang"
        ]
        await operator.client.cancel(working, "database")
        assert state(await hanging) == "canceled"
        await until(lambda: [call["state"] for call in stdio.seen("hang")] == ["began", "ended"])

        name = f"later_{secrets.token_hex(3)}"
        assert state(await operator.call("peer__grow", name=name)) == "completed"
        async with asyncio.timeout(60):
            while state(events := await operator.call(f"peer__{name}")) != "input-required":
                assert f"has no tool peer__{name}" in bodies(events, "task")[-1]["text"]
        assert asked(events).risk == "write"

        approval = asked(await operator.call("peer__note", text=name))
        assert state(await operator.call("peer__turn")) == "completed"
        refused = bodies(await operator.approve(approval), "action.refused")
        assert "changed" in refused[0]["reason"]
        assert name not in str(stdio.seen("note"))

        assert state(await operator.call("peer__die")) == "failed"
        events = await operator.call("peer__look", path="/again")
        assert contents(events) == ["10 lines of /again from ***"]


async def test_a_policy_names_the_tools_of_a_server(http: Peer) -> None:
    configure(peer=http.entry)
    policy = Policy(
        rules=(
            Rule("reads", "allow", risks=("read",)),
            Rule("no-notes", "deny", "nobody takes notes", tools=("peer__note",)),
            Rule("peers", "approve", names=("mcp:peer",), kinds=("mcp",)),
        )
    )
    async with at_work(policy) as operator:
        events = await operator.call("peer__note", text="x")
        assert "nobody takes notes" in bodies(events, "tool.refused")[0]["reason"]
        approval = asked(await operator.call("peer__fail", why="x"))
        assert approval.policy["rule"] == "peers"


async def test_hostile_names_and_schemas_stay_data(web: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", web.key)
    configure(
        bad={
            "url": f"http://127.0.0.1:{web.port}/hostile",
            "bearer": {"env": "TEST_KEY"},
            "tools": {"ok": "read"},
        }
    )
    async with at_work() as operator:
        events = await operator.call("bad__ok", a="x")
        assert state(events) == "completed" and "[bold]loud" in contents(events)[0]
        assert "\x1b" not in said(events)
        for name in ("open", "free", "anything", "remote", "unknown", "pattern", "huge", "code", "limit"):
            events = await operator.call(f"bad__{name}", a="x")
            assert f"bad__{name} is not offered: " in bodies(events, "task")[-1]["text"]
        approval = asked(await operator.call("bad__with_dots_and_slashes", a="x\x1b[2J"))
        assert approval.risk == "write" and "\x1b" not in approval.preview.action
    assert {call["tool"] for call in web.seen()}.isdisjoint({"open", "free", "code", "with.dots/and slashes"})


async def test_a_broken_file_is_told_and_keeps_no_expert_from_working(stdio: Peer) -> None:
    configure(peer={**stdio.entry, "colour": "red"})
    async with at_work() as operator:
        events = await operator.call("activity")
        (note,) = bodies(events, "note")
        assert "mcp.toml:" in note["text"] and "colour" in note["text"]
        assert "name a target" in bodies(events, "task")[-1]["text"]


async def test_a_server_that_hangs_does_not_outlive_the_quit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pid_file = tmp_path / "pid"
    configure(deaf={"command": [sys.executable, str(Path(__file__).with_name("deaf.py")), str(pid_file)]})
    async with LocalHost(["database"], memory=True) as host, AgentClient(host) as client:
        request = {"kind": "tool", "tool": "deaf__x", "arguments": {}}
        asking = asyncio.ensure_future(anext(client.ask("database", "x", request, "s", "")))
        await until(lambda: pid_file.exists() and pid_file.read_text())
        asking.cancel()
        await asyncio.wait([asking])
    assert _gone(int(pid_file.read_text()))


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
