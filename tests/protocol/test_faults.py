"""The agents' process is killed at each step between decision and result: done once, or in doubt; never twice, never lost."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from agents.governance import Approval
from agents.governance.approval import Terms
from agents.log import EventLog
from agents.protocol.client import AgentClient, AgentLost
from agents.protocol.host import LocalHost
from inventory.errors import UserError
from tests.protocol.conftest import all_of, tool, until
from tests.protocol.test_approvals import lines, parked, yes

pytestmark = pytest.mark.timeout(400)
"""Many processes or transactions in one test, on machines that may be busy."""
DYING = "tests.protocol.dying:create"

DECIDED = (
    *("before approval.decided", "after approval.decided", "before target.unlocked", "after target.unlocked"),
    *("before tool.called", "after tool.called", "before tool.returned", "after tool.returned"),
    *("before action.started", "after action.started", "before action.finished", "after action.finished"),
    *("before message", "after message", "before task", "after task"),
)
GRANTED = ("before grant.used", "after grant.used", "before approval.decided", "after approval.decided",
           "before action.started", "after action.started", "before action.finished")  # fmt: skip


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "died"


def arm(monkeypatch: pytest.MonkeyPatch, step: str, by: str, mark: Path) -> None:
    monkeypatch.setenv("DIE_AT", step)
    monkeypatch.setenv("DIE_ARMED", by)
    monkeypatch.setenv("DIE_MARK", str(mark))


def told_truly(log: EventLog, approval: Approval, times: int) -> None:
    """What the log says of the approval is what happened to the file."""
    row = log.approval(approval.id)
    assert row
    assert row.state in ({"done", "in doubt"} if times else {"refused", "in doubt"}), row
    own = [
        item.event for item in log.events(approval.session) if item.event.body.get("approval") == approval.id
    ]
    kinds = [event.kind for event in own]
    assert kinds.count("action.started") <= 1 and kinds.count("action.finished") <= 1
    assert log.verify().ok


@pytest.mark.parametrize("step", DECIDED)
async def test_killed_on_the_way_from_decision_to_result(
    step: str, monkeypatch: pytest.MonkeyPatch, mark: Path, session: str, log: EventLog, file: Path
) -> None:
    armed_by = "approval.decided" if not step.endswith("approval.decided") else "approval.requested"
    arm(monkeypatch, step, armed_by, mark)
    async with LocalHost([DYING]) as host, AgentClient(host) as client:
        approval = await parked(client, session, tool("append_line", path=str(file), text="x"))
        with suppress(AgentLost):
            await all_of(client.answer(approval, yes(approval)))
        await until(lambda: host.state == "restarted")
        assert mark.exists()
        times = lines(file).count("x")
        assert times <= 1
        told_truly(log, approval, times)
        with suppress(UserError):
            await all_of(client.answer(approval, yes(approval)))
        assert lines(file).count("x") == times
        told_truly(log, approval, times)
        again = await parked(client, session, tool("append_line", path=str(file), text="y"))
        await all_of(client.answer(again, yes(again)))
    assert lines(file).count("y") == 1
    assert lines(file).count("x") == times


@pytest.mark.parametrize("step", GRANTED)
async def test_killed_on_the_way_from_a_grant_to_its_result(
    step: str, monkeypatch: pytest.MonkeyPatch, mark: Path, session: str, log: EventLog, file: Path
) -> None:
    arm(monkeypatch, step, "grant.given" if step.endswith("grant.used") else "grant.used", mark)
    async with LocalHost([DYING]) as host, AgentClient(host) as client:
        first = await parked(client, session, tool("append_line", path=str(file), text="first x"))
        await all_of(client.answer(first, yes(first, grant=Terms(2, 600.0))))
        request = tool("append_line", path=str(file), text="x")
        with suppress(AgentLost):
            await all_of(client.ask("ledger", "", request, session, "here"))
        await until(lambda: host.state == "restarted")
        asked = Approval.from_json(log.approvals()[-1].approval)
        times = lines(file).count("x")
        assert asked.id != first.id and times <= 1
        told_truly(log, asked, times)
        with suppress(UserError):
            await all_of(client.answer(asked, yes(asked)))
        assert lines(file).count("x") == times
        for _ in range(3):
            await all_of(client.ask("ledger", "", request, session, "here"))
    # A use that was taken and came to nothing is not given back: two at most, whatever happened.
    assert lines(file).count("x") <= 2


async def test_a_wrong_token_is_not_passed_over_on_a_private_socket(
    child: AgentClient, host: LocalHost, session: str, file: Path
) -> None:
    from dataclasses import replace

    async with AgentClient(replace(host.reach, token="nobody-knows-this-token")) as stranger:
        with pytest.raises(UserError):
            await all_of(stranger.ask("ledger", "", tool("read_file", path=str(file)), session, "here"))
