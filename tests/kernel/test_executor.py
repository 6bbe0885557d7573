"""The executor, on real files and processes: validate, ask, re-read, act once, verify, record."""

from __future__ import annotations

import asyncio
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.governance import Approval, Decision, Policy
from agents.kernel.event import Event
from agents.kernel.executor import Executor, Parked
from agents.kernel.recorder import Recorder
from agents.kernel.recovery import settle
from agents.kernel.schema import BadSchema
from agents.kernel.tool import Refused, Tool, ToolCall
from agents.log import EventLog
from tests.protocol.ledger import TOOLS, started_of

BY = "operator:someone"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog.open(tmp_path / "log.sqlite") as opened:
        yield opened


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "300"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / f"{secrets.token_hex(4)}.txt"
    path.write_text("first\n")
    return path


def executor_on(log: EventLog, **options: Any) -> Executor:
    policy = Policy(**{key: options.pop(key) for key in list(options) if key == "approval_ttl_s"})
    return Executor({tool.name: tool for tool in TOOLS}, log, policy, **options)


def recorder_on(log: EventLog, task: str = "t1", session: str = "s1") -> Recorder:
    return Recorder(log, session=session, task=task, agent="ledger", target="here")


async def ask(executor: Executor, recorder: Recorder, tool: str, **arguments: Any) -> Approval:
    with pytest.raises(Parked) as parked:
        await executor.ask(ToolCall(tool, arguments, "here"), {"title": "why not"}, recorder)
    return parked.value.approval


def yes(approval: Approval, **changes: Any) -> Decision:
    decision = Decision(
        approval.id,
        "approve",
        by=BY,
        confirmation=approval.preview.confirmation,
        unlock=True,
        call_sha256=approval.call_sha256,
    )
    return replace(decision, **changes)


def kinds(log: EventLog, *wanted: str) -> list[str]:
    return [item.event.kind for item in log.after(0) if not wanted or item.event.kind.startswith(wanted)]


def last(log: EventLog, kind: str) -> Event:
    return [item.event for item in log.after(0) if item.event.kind == kind][-1]


async def test_a_read_is_recorded_with_its_evidence(log: EventLog, file: Path) -> None:
    async with recorder_on(log) as recorder:
        evidence = await executor_on(log).read(
            ToolCall("read_file", {"path": str(file)}, "here"), recorder, "p"
        )
    assert evidence.rows == ((1, "first"),)
    assert kinds(log) == ["tool.called", "evidence", "tool.returned"]
    called, returned = last(log, "tool.called").body, last(log, "tool.returned").body
    assert (called["risk"], called["parent"], called["arguments"]) == ("read", "p", {"path": str(file)})
    assert returned["call"] == called["call"]
    assert (returned["ok"], returned["rows"], returned["evidence"]) == (True, 1, evidence.id)


async def test_a_read_that_fails_is_recorded_masked_and_raised(log: EventLog, tmp_path: Path) -> None:
    call = ToolCall("read_file", {"path": str(tmp_path / "password=hunter2 x")}, "here")
    async with recorder_on(log) as recorder:
        with pytest.raises(FileNotFoundError):
            await executor_on(log).read(call, recorder)
    returned = last(log, "tool.returned").body
    assert not returned["ok"]
    assert "hunter2" not in returned["error"]


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("no_such_tool", {}, "there is no tool"),
        ("read_file", {}, "arguments needs path"),
        ("read_file", {"path": 5}, "path must be string"),
        ("read_file", {"path": "x", "mode": "w"}, "must not contain .*mode"),
        ("stop_process", {"pid": 1}, "equal to 2"),
        ("stop_process", {"pid": True}, "pid must be integer"),
        ("stop_process", {"pid": 4711}, "not run as a read"),
    ],
)
async def test_what_does_not_fit_is_not_run(
    log: EventLog, tool: str, arguments: dict[str, Any], told: str
) -> None:
    async with recorder_on(log) as recorder:
        with pytest.raises(Refused, match=told):
            await executor_on(log).read(ToolCall(tool, arguments, "here"), recorder)
    assert kinds(log) == ["tool.refused"]
    assert re.search(told, last(log, "tool.refused").body["reason"])


async def test_a_change_whose_arguments_hold_a_secret_is_refused_and_keeps_none(
    log: EventLog, file: Path
) -> None:
    secret = f"Zq{secrets.token_hex(8)}"
    call = ToolCall("append_line", {"path": str(file), "text": f"password={secret}"}, "here")
    async with recorder_on(log) as recorder:
        with pytest.raises(Refused, match="hold what looks like a secret"):
            await executor_on(log).ask(call, {"title": "why not"}, recorder)
    assert last(log, "tool.refused").body["arguments"] == {"path": str(file), "text": "password=***"}
    assert file.read_text() == "first\n" and not log.approvals()


async def test_a_tool_that_takes_anything_is_not_accepted(log: EventLog) -> None:
    tool = Tool("loose", "read", "", {"type": "object", "properties": {}})
    with pytest.raises(BadSchema):
        Executor({"loose": tool}, log, Policy())


async def test_an_approved_action_is_done_verified_and_recorded_in_order(
    log: EventLog, sleeper: subprocess.Popen[bytes]
) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "stop_process", pid=sleeper.pid)
        assert kinds(log)[-1] == "approval.requested"
        assert sleeper.poll() is None
        reaped = asyncio.create_task(asyncio.to_thread(sleeper.wait))
        answer = await executor.decide(yes(approval), recorder)
        await reaped
    assert answer.waiting is None
    assert f"Process {sleeper.pid} ended. Freed 1 session: {sleeper.pid + 1}" in answer.text
    assert kinds(log, "approval.", "action.", "target.") == [
        "approval.requested",
        "approval.decided",
        "target.unlocked",
        "action.started",
        "action.finished",
    ]
    finished = last(log, "action.finished").body
    assert (finished["ok"], finished["verified"], finished["freed"]) == (True, True, [sleeper.pid + 1])
    assert last(log, "approval.decided").principal == BY
    assert log.approvals()[0].state == "done"
    assert log.verify().ok


async def test_an_approval_comes_back_from_json_as_it_was(log: EventLog, file: Path) -> None:
    async with recorder_on(log) as recorder:
        approval = await ask(executor_on(log), recorder, "append_line", path=str(file), text="x")
    assert Approval.from_json(log.approvals()[0].approval) == approval
    assert approval.policy["rule"] == "builtin.write.locked"
    assert approval.locked


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"call_sha256": "0" * 64}, "another call"),
        ({"call_sha256": ""}, "another call"),
        ({"confirmation": ""}, "and was given none"),
        ({"confirmation": "1"}, "and was given '1'"),
        ({"unlock": False}, "read-only"),
    ],
)
async def test_a_decision_with_a_fault_leaves_it_waiting(
    log: EventLog, sleeper: subprocess.Popen[bytes], changes: dict[str, Any], told: str
) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "stop_process", pid=sleeper.pid)
        answer = await executor.decide(yes(approval, **changes), recorder)
    assert told in answer.text
    assert answer.waiting == approval
    assert log.approvals()[0].state == "pending"
    assert sleeper.poll() is None
    assert not kinds(log, "approval.decided", "action.")


async def test_unknown_and_foreign_approvals_do_nothing(log: EventLog, file: Path) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder, recorder_on(log, task="other") as other:
        approval = await ask(executor, recorder, "append_line", path=str(file), text="x")
        for decision, where in [
            (yes(approval), other),
            (replace(yes(approval), approval="nonsense"), recorder),
        ]:
            assert "not one of this task" in (await executor.decide(decision, where)).text
    assert file.read_text() == "first\n"
    assert log.approvals()[0].state == "pending"


async def test_denied_is_denied(log: EventLog, file: Path) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "append_line", path=str(file), text="x")
        deny = yes(approval, decision="deny", reason="not tonight", confirmation="", unlock=False)
        assert "not tonight" in (await executor.decide(deny, recorder)).text
        assert "was denied" in (await executor.decide(yes(approval), recorder)).text
    assert file.read_text() == "first\n"
    assert log.approvals()[0].state == "denied"


async def test_expired_is_refused(log: EventLog, file: Path) -> None:
    executor = executor_on(log, approval_ttl_s=0.0)
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "append_line", path=str(file), text="x")
        answer = await executor.decide(yes(approval), recorder)
    assert "expired" in answer.text
    assert answer.waiting is None
    assert file.read_text() == "first\n"
    assert kinds(log, "action.") == ["action.refused"]


async def test_a_victim_that_is_gone_is_refused(log: EventLog, sleeper: subprocess.Popen[bytes]) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "stop_process", pid=sleeper.pid)
        sleeper.kill()
        sleeper.wait()
        answer = await executor.decide(yes(approval), recorder)
    assert f"process {sleeper.pid} is gone" in answer.text
    assert kinds(log, "action.") == ["action.refused"]
    assert log.approvals()[0].state == "refused"


async def test_a_victim_that_changed_is_refused_and_a_new_approval_works(log: EventLog, file: Path) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "append_line", path=str(file), text="x")
        file.write_text("other\n")
        answer = await executor.decide(yes(approval), recorder)
        assert "changed: sha256 was" in answer.text
        assert file.read_text() == "other\n"
        await executor.decide(
            yes(await ask(executor, recorder, "append_line", path=str(file), text="x")), recorder
        )
    assert file.read_text() == "other\nx\n"


async def test_another_server_under_the_same_name_is_refused(log: EventLog, file: Path) -> None:
    where = {"name": "here", "host": "a"}
    executor = executor_on(log, describe=lambda _: dict(where))
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "append_line", path=str(file), text="x")
        where["host"] = "b"
        assert "another server" in (await executor.decide(yes(approval), recorder)).text
    assert file.read_text() == "first\n"


async def test_two_approvals_at_once_execute_once(log: EventLog, file: Path) -> None:
    executors = [executor_on(log) for _ in range(4)]
    async with recorder_on(log) as recorder:
        approval = await ask(executors[0], recorder, "append_line", path=str(file), text="x")
        answers = await asyncio.gather(*(each.decide(yes(approval), recorder) for each in executors * 2))
    assert file.read_text() == "first\nx\n"
    assert kinds(log, "action.").count("action.started") == 1
    assert sum("One line is in" in answer.text for answer in answers) == 1
    assert log.approvals()[0].state == "done"


async def test_a_refresh_reads_again_and_voids_what_changed(log: EventLog, file: Path) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "append_line", path=str(file), text="x")
        fresh = (await executor.refresh(approval.id, recorder)).waiting
        assert fresh and fresh.id == approval.id
        assert fresh.preview.captured_at > approval.preview.captured_at
        assert Approval.from_json(log.approvals()[0].approval) == fresh
        file.write_text("other\n")
        answer = await executor.refresh(approval.id, recorder)
        assert answer.waiting is None
        assert "changed" in answer.text
        assert "void" in (await executor.decide(yes(approval), recorder)).text
    assert file.read_text() == "other\n"


async def test_an_unlocked_target_stays_unlocked_for_its_session_alone(log: EventLog, file: Path) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder, recorder_on(log, session="s2") as other:
        await executor.decide(
            yes(await ask(executor, recorder, "append_line", path=str(file), text="x")), recorder
        )
        again = await ask(executor, recorder, "append_line", path=str(file), text="y")
        assert not again.locked
        await executor.decide(yes(again, unlock=False), recorder)
        elsewhere = await ask(executor, other, "append_line", path=str(file), text="z")
        assert elsewhere.locked
        await recorder.commit("target.locked", {"target": "here", "by": BY})
        assert (await ask(executor, recorder, "append_line", path=str(file), text="z")).locked
    assert file.read_text() == "first\nx\ny\n"


async def test_an_action_that_breaks_in_the_middle_is_in_doubt_and_not_repeated(
    log: EventLog, file: Path
) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "append_line", path=str(file), text="break")
        answer = await executor.decide(yes(approval), recorder)
        assert "In doubt" in answer.text
        assert "in doubt" in (await executor.decide(yes(approval), recorder)).text
    assert file.read_text() == "first\nbreak\n"
    assert log.approvals()[0].state == "in doubt"


async def test_an_action_goes_on_to_its_end_when_the_task_is_cancelled(log: EventLog, file: Path) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "append_line", path=str(file), text="hold")
        deciding = asyncio.create_task(executor.decide(yes(approval), recorder))
        while "hold" not in file.read_text():
            await asyncio.sleep(0)
        deciding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deciding
        assert log.approvals()[0].state == "started"
        file.with_suffix(".go").touch()
        while log.approvals()[0].state == "started":
            await asyncio.sleep(0)
    assert log.approvals()[0].state == "done"


async def test_an_action_without_an_end_is_settled_as_in_doubt_once(log: EventLog, file: Path) -> None:
    executor = executor_on(log, process="p1")
    async with recorder_on(log) as recorder:
        approval = await ask(executor, recorder, "append_line", path=str(file), text="x")
        body = {"approval": approval.id, "process": "p1"}
        assert log.claim(approval.id, recorder.event("action.started", body))
        assert settle(log, {"ledger"}, alive=lambda process: process == "p1") == []
        assert settle(log, {"another"}, alive=lambda _: False) == []
        assert len(settle(log, {"ledger"}, alive=lambda _: False)) == 1
        assert settle(log, {"ledger"}, alive=lambda _: False) == []
        await executor.decide(yes(approval), recorder)
    assert log.approvals()[0].state == "in doubt"
    assert file.read_text() == "first\n"


async def test_a_decision_that_was_not_acted_on_is_void_once_its_process_is_gone(
    log: EventLog, file: Path
) -> None:
    executor = executor_on(log)
    async with recorder_on(log) as recorder:
        await recorder.commit("task", {"state": "working", "text": "", "process": "p1"})
        approval = await ask(executor, recorder, "append_line", path=str(file), text="x")
        await recorder.commit("approval.decided", {"approval": approval.id, "decision": "approve"})
        settled = settle(log, {"ledger"}, alive=lambda _: False)
        assert [event.kind for event in settled] == ["action.refused", "task"]
        assert "void" in (await executor.decide(yes(approval), recorder)).text
    assert log.approvals()[0].state == "refused"
    assert file.read_text() == "first\n"


async def test_what_is_never_right_is_refused_before_anyone_is_asked(log: EventLog) -> None:
    import os

    async with recorder_on(log) as recorder:
        with pytest.raises(Refused, match="this very process"):
            await executor_on(log).ask(ToolCall("stop_process", {"pid": os.getpid()}, "here"), {}, recorder)
    assert started_of(os.getpid())
    assert log.approvals() == []
    assert not last(log, "tool.returned").body["ok"]
