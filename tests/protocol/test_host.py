"""The child process: ready, told of targets, killed, restarted, ended with its parent; nothing lost, nothing repeated."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import pytest

from agents.log import EventLog
from agents.protocol.client import AgentClient, AgentLost
from agents.protocol.host import LocalHost
from inventory.errors import UserError
from inventory.paths import runtime_dir, state_dir
from inventory.target import Target
from tests.protocol.conftest import LEDGER, all_of, said, states_of, tool, until
from tests.protocol.test_approvals import lines, parked, yes


def running(pid: int) -> bool:
    told = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()
    return bool(told) and not told.startswith("Z")


async def test_ask_through_the_child_process(
    child: AgentClient,
    host: LocalHost,
    states: list[tuple[str, str]],
    session: str,
    log: EventLog,
    file: Path,
) -> None:
    assert host.agents == ("ledger",)
    assert host.pid != os.getpid()
    assert [state for state, _ in states] == ["starting", "up"]
    events = await all_of(child.ask("ledger", "", tool("read_file", path=str(file)), session, "here"))
    assert events == [item.event for item in log.events(session)]


async def test_a_target_with_its_secret_reaches_the_child_and_nothing_else(
    child: AgentClient, host: LocalHost, session: str, log: EventLog
) -> None:
    secret = secrets.token_hex(12)
    target = Target.from_dsn(f"postgresql://me:{secret}@db.example:5433/shop", name="told")
    await host.tell_target(target)
    for _ in range(2):
        events = await all_of(child.ask("ledger", "", {"kind": "where"}, session, "told"))
        assert json.loads(said(events)) == target.describe()
        # It is told again after a restart.
        os.kill(host.pid or 0, signal.SIGKILL)
        await until(lambda: host.state == "restarted")
        host.state = "up"
    shown = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(host.pid)], capture_output=True, text=True
    ).stdout
    kept = b"".join(path.read_bytes() for path in state_dir().rglob("*") if path.is_file())
    assert secret not in shown
    assert secret.encode() not in kept


async def test_killed_in_the_middle_it_is_said_restarted_and_nothing_is_lost(
    child: AgentClient,
    host: LocalHost,
    states: list[tuple[str, str]],
    session: str,
    log: EventLog,
    tmp_path: Path,
) -> None:
    path = tmp_path / "never"
    stream = child.ask("ledger", "", tool("wait_for_file", path=str(path)), session, "here")
    asking = asyncio.create_task(all_of(stream))
    await until(lambda: path.with_suffix(".waiting").exists() and log.events(session, kinds=["tool.called"]))
    before = host.pid
    os.kill(before or 0, signal.SIGKILL)
    with pytest.raises(AgentLost, match="ledger is gone"):
        await asking
    await until(lambda: host.state == "restarted")
    assert [state for state, _ in states] == ["starting", "up", "down", "restarted"]
    assert "signal 9" in states[2][1]
    assert host.pid != before
    events = [item.event for item in log.events(session)]
    assert [event.kind for event in events] == ["task", "tool.called", "task"]
    assert states_of(events) == ["working", "failed"]
    assert "ended while it was working" in events[-1].body["text"]
    assert said(await all_of(child.ask("ledger", "hi", {}, session))) == "You said: hi"


async def test_a_parked_approval_is_answered_after_a_restart(
    child: AgentClient, host: LocalHost, session: str, log: EventLog, file: Path
) -> None:
    approval = await parked(child, session, tool("append_line", path=str(file), text="x"))
    os.kill(host.pid or 0, signal.SIGKILL)
    await until(lambda: host.state == "restarted")
    events = await all_of(child.answer(approval, yes(approval)))
    assert states_of(events) == ["working", "completed"]
    assert lines(file) == ["first", "x"]
    assert log.verify().ok


async def test_killed_between_start_and_result_it_is_in_doubt_and_never_repeated(
    child: AgentClient, host: LocalHost, session: str, log: EventLog, file: Path
) -> None:
    approval = await parked(child, session, tool("append_line", path=str(file), text="crash"))
    with pytest.raises(AgentLost):
        await all_of(child.answer(approval, yes(approval)))
    await until(lambda: host.state == "restarted")
    assert lines(file) == ["first", "crash"]
    assert log.approvals()[0].state == "in doubt"
    assert states_of([item.event for item in log.events(session)])[-1] == "failed"
    with pytest.raises(UserError, match="has ended"):
        await all_of(child.answer(approval, yes(approval)))
    assert lines(file) == ["first", "crash"]


async def test_a_second_child_leaves_the_work_of_the_first_alone(
    child: AgentClient, session: str, log: EventLog, file: Path
) -> None:
    approval = await parked(child, session, tool("append_line", path=str(file), text="hold"))
    answering = asyncio.create_task(all_of(child.answer(approval, yes(approval))))
    await until(lambda: len(lines(file)) == 2)
    async with LocalHost([LEDGER]):
        assert log.approvals()[0].state == "started"
        file.with_suffix(".go").touch()
        assert states_of(await answering)[-1] == "completed"
    assert log.approvals()[0].state == "done"


async def test_the_second_child_answers_what_the_first_one_asked(
    session: str, log: EventLog, file: Path
) -> None:
    async with LocalHost([LEDGER]) as first, AgentClient(first) as client:
        approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
    async with LocalHost([LEDGER]) as second, AgentClient(second) as client:
        assert states_of(await all_of(client.answer(approval, yes(approval))))[-1] == "completed"
    assert lines(file) == ["first", "x"]


async def test_an_action_under_way_is_finished_before_the_child_ends(
    session: str, log: EventLog, file: Path
) -> None:
    async with LocalHost([LEDGER]) as host, AgentClient(host) as client:
        approval = await parked(client, session, tool("append_line", path=str(file), text="hold"))
        answering = asyncio.create_task(all_of(client.answer(approval, yes(approval))))
        await until(lambda: len(lines(file)) == 2)
        stopping = asyncio.create_task(host.stop())
        file.with_suffix(".go").touch()
        await stopping
        await asyncio.gather(answering, return_exceptions=True)
    assert log.approvals()[0].state == "done"


async def test_tasks_in_memory_leave_no_file(session: str) -> None:
    async with LocalHost([LEDGER], memory=True) as host, AgentClient(host) as client:
        assert said(await all_of(client.ask("ledger", "hi", {}, session))) == "You said: hi"
    assert not (state_dir() / "tasks.sqlite").exists()


async def test_files_and_socket_are_private_and_masked(
    child: AgentClient, host: LocalHost, session: str
) -> None:
    assert states_of(await all_of(child.ask("ledger", "", {"kind": "fail"}, session)))[-1] == "failed"
    socket_path = host.reach.uds
    assert socket_path
    assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
    logs = list((state_dir() / "logs").iterdir())
    text = "".join(path.read_text() for path in logs)
    assert "RuntimeError: boom" in text
    assert "on the terminal" in text
    assert "hunter2" not in text
    for path in [*logs, *state_dir().glob("*.sqlite*")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


async def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    from agents.protocol.server import unix_door

    path = runtime_dir() / "stale.sock"
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    door = unix_door(path)
    with pytest.raises(UserError, match="another server listens"):
        unix_door(path)
    door.socket.close()
    unix_door(path).socket.close()
    plain = runtime_dir() / "plain"
    plain.write_text("mine")
    with pytest.raises(UserError, match="no socket"):
        unix_door(plain)
    assert plain.read_text() == "mine"


async def test_a_socket_where_others_can_reach_it_is_refused(tmp_path: Path) -> None:
    from agents.protocol.server import unix_door

    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(UserError, match="mode 0700"):
        unix_door(shared / "s.sock")
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert list(shared.iterdir()) == []


async def test_a_child_that_cannot_start_says_why(states: list[tuple[str, str]]) -> None:
    host = LocalHost(
        ["tests.protocol.ledger:nothing"], on_state=lambda state, text: states.append((state, text))
    )
    with pytest.raises(UserError, match="nothing") as caught:
        await host.start()
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert [state for state, _ in states] == ["starting", "down"]


PARENT = textwrap.dedent(
    """
    import asyncio, sys
    from agents.protocol.client import AgentClient
    from agents.protocol.host import LocalHost

    async def main():
        host = LocalHost(["tests.protocol.ledger:create"])
        await host.start()
        async with AgentClient(host) as client:
            try:
                async for _ in client.ask("ledger", "", {"kind": "fail"}, "s1"):
                    pass
            finally:
                print(host.pid, flush=True)
                await asyncio.sleep(1000)

    asyncio.run(main())
    """
)


def parent() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


async def test_no_orphan_after_the_parent_is_killed_and_nothing_on_the_terminal() -> None:
    process = parent()
    assert process.stdout and process.stderr
    pid = int(await asyncio.to_thread(process.stdout.readline))
    assert running(pid)
    process.kill()
    await until(lambda: not running(pid))
    # The child holds neither of the parent's streams: both end, and hold nothing of what the child had to say.
    assert await asyncio.to_thread(process.communicate) == ("", "")


async def test_stop_takes_the_child_and_its_socket_away() -> None:
    host = LocalHost([LEDGER])
    await host.start()
    pid, path = host.pid, host.reach.uds
    assert pid and path and path.exists()
    began = time.monotonic()
    await host.stop()
    assert time.monotonic() - began < 3
    assert not running(pid)
    assert not path.exists()
    assert list((state_dir() / "lives").iterdir()) == []


async def test_many_deaths_in_a_row_are_survived(host: LocalHost, child: AgentClient, session: str) -> None:
    for _ in range(2):
        os.kill(host.pid or 0, signal.SIGKILL)
        await until(lambda: host.state == "down")
        await host.wait_up()
    assert said(await all_of(child.ask("ledger", "hi", {}, session))) == "You said: hi"
