"""The executor enforces the rules of the house for every caller, and what it enforces is on the events."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.governance import Approval, Decision, Policy, Rule
from agents.governance.approval import Terms
from agents.governance.house import House
from agents.governance.policy_file import policy_path
from agents.governance.roles import Member, Roles
from agents.governance.schedule import DAYS, Schedule
from agents.kernel.event import new_id
from agents.kernel.executor import Executor, Parked, Settled
from agents.kernel.recorder import Recorder
from agents.kernel.tool import Refused, ToolCall
from agents.log import EventLog
from tests.protocol.ledger import TOOLS

pytestmark = pytest.mark.timeout(400)
"""Many processes or transactions in one test, on machines that may be busy."""
ANN, BEN, EVE = (f"operator:{name}{secrets.token_hex(2)}" for name in ("ann", "ben", "eve"))
READ = Rule("reads", "allow", risks=("read",))
ASK = Rule("changes", "approve", risks=("write", "destructive"))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog.open(tmp_path / "log.sqlite") as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / f"{secrets.token_hex(4)}.txt"
    path.write_text("first\n")
    return path


class Scene:
    """One executor on one log; people take turns on one task."""

    def __init__(
        self, log: EventLog, *rules: Rule, roles: Roles | None = None, house: House | None = None
    ) -> None:
        self.log = log
        policy = Policy(rules=(READ, *rules), lock=False, source="file") if rules else Policy(lock=False)
        self.where = {"name": "here", "environment": "production", "tags": ["eu"]}
        self.executor = Executor(
            {tool.name: tool for tool in TOOLS},
            log,
            house or House(policy, roles),
            describe=lambda _: dict(self.where),
        )

    def recorder(self, caller: str, task: str = "t1", purpose: str = "") -> Recorder:
        return Recorder(
            self.log, session="s1", task=task, agent="ledger", target="here", caller=caller, purpose=purpose
        )

    async def ask(
        self, caller: str, tool: str, *, task: str = "t1", purpose: str = "", **arguments: Any
    ) -> Approval:
        async with self.recorder(caller, task, purpose) as recorder:
            with pytest.raises(Parked) as parked:
                await self.executor.ask(ToolCall(tool, arguments, "here"), {"title": "asked"}, recorder)
        return parked.value.approval

    async def refused(self, caller: str, tool: str, *, purpose: str = "", **arguments: Any) -> str:
        async with self.recorder(caller, purpose=purpose) as recorder:
            with pytest.raises(Refused) as refused:
                await self.executor.ask(ToolCall(tool, arguments, "here"), {}, recorder)
        return str(refused.value)

    async def settled(self, caller: str, tool: str, *, task: str = "t1", **arguments: Any) -> str:
        async with self.recorder(caller, task) as recorder:
            with pytest.raises(Settled) as settled:
                await self.executor.ask(ToolCall(tool, arguments, "here"), {}, recorder)
        return settled.value.answer.text

    async def decide(self, by: str, approval: Approval, *, task: str = "t1", **changes: Any) -> Any:
        decision = Decision(
            approval.id,
            "approve",
            by=by,
            confirmation=approval.preview.confirmation,
            call_sha256=approval.call_sha256,
        )
        async with self.recorder(by, task) as recorder:
            return await self.executor.decide(replace(decision, **changes), recorder)

    async def edit(self, by: str, approval: Approval, **arguments: Any) -> Any:
        async with self.recorder(by) as recorder:
            return await self.executor.edit(approval.id, arguments, approval.call_sha256, recorder)

    async def withdraw(self, by: str, approval: Approval) -> Any:
        async with self.recorder(by) as recorder:
            return await self.executor.withdraw(approval.id, "", recorder)

    async def undo(self, by: str, approval_id: str, *, task: str = "t2") -> Approval:
        async with self.recorder(by, task) as recorder:
            with pytest.raises(Parked) as parked:
                await self.executor.undo(approval_id, recorder)
        return parked.value.approval

    async def revoke(self, by: str, grant: str) -> Any:
        async with self.recorder(by) as recorder:
            return await self.executor.revoke(grant, "enough", recorder)

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return [dict(item.event.body) for item in self.log.after(0) if item.event.kind == kind]

    def state(self, approval: Approval) -> str:
        row = self.log.approval(approval.id)
        assert row
        return row.state


# policy


async def test_a_denied_call_reads_nothing_does_nothing_and_is_recorded(log: EventLog, file: Path) -> None:
    scene = Scene(log, ASK, Rule("frozen", "deny", "no writes here", tools=("append_line",)))
    told = await scene.refused(ANN, "append_line", path=str(file), text="x")
    assert "no writes here (frozen)" in told
    assert file.read_text() == "first\n"
    assert [item.event.kind for item in log.after(0)] == ["tool.refused"]
    assert scene.bodies("tool.refused")[0]["policy"] == {"effect": "deny", "rule": "frozen"}
    assert log.approvals() == []


async def test_reads_are_judged_as_well(log: EventLog, file: Path) -> None:
    scene = Scene(log, ASK, Rule("hidden", "deny", tools=("read_*",)))
    async with scene.recorder(ANN) as recorder:
        with pytest.raises(Refused, match="hidden"):
            await scene.executor.read(ToolCall("read_file", {"path": str(file)}, "here"), recorder)
    assert [item.event.kind for item in log.after(0)] == ["tool.refused"]


async def test_a_read_that_needs_a_yes_waits_for_it_and_runs_once(log: EventLog, file: Path) -> None:
    scene = Scene(
        log, Rule("look", "approve", "files are private", priority=1, risks=("read",), four_eyes=True)
    )
    call = ToolCall("read_file", {"path": str(file)}, "here")
    async with scene.recorder(ANN) as recorder:
        # Inside a triage nobody can be waited for.
        with pytest.raises(Refused, match="files are private"):
            await scene.executor.read(call, recorder)
        with pytest.raises(Parked) as parked:
            await scene.executor.read_or_ask(call, {"title": "asked by hand"}, recorder)
    approval = parked.value.approval
    assert (approval.risk, approval.locked, approval.preview.confirmation) == ("read", False, "")
    assert approval.preview.action == "read read_file on here"
    assert scene.bodies("evidence") == []
    assert "four eyes" in (await scene.decide(ANN, approval)).text
    terms = Terms(3, 600)
    assert "no grant can stand for it" in (await scene.decide(BEN, approval, grant=terms)).text
    answer = await scene.decide(BEN, approval)
    (evidence,) = scene.bodies("evidence")
    assert evidence["evidence"]["rows"] == [[1, "first"]]
    assert answer.text == f"Read read_file: 1 row [{evidence['evidence']['id']}]."
    assert scene.state(approval) == "done"
    assert "used already" in (await scene.decide(BEN, approval)).text
    assert len(scene.bodies("evidence")) == 1
    # A denied one reads nothing, and what changes nothing else cannot be asked for as a change.
    async with scene.recorder(ANN, "t2") as recorder:
        with pytest.raises(Parked) as parked:
            await scene.executor.read_or_ask(call, {"title": "again"}, recorder)
    await scene.decide(BEN, parked.value.approval, task="t2", decision="deny")
    assert len(scene.bodies("evidence")) == 1
    free = Scene(log, ASK)
    assert "does not change anything" in await free.refused(ANN, "read_file", path=str(file))


async def test_what_no_rule_is_for_is_denied(log: EventLog, file: Path) -> None:
    scene = Scene(log, Rule("others", "allow", names=("elsewhere",)))
    assert "no rule" in await scene.refused(ANN, "append_line", path=str(file), text="x")


async def test_an_allowed_change_is_done_once_and_leaves_the_same_trail(log: EventLog, file: Path) -> None:
    scene = Scene(log, Rule("go", "allow", risks=("write",)))
    assert "One line is in" in await scene.settled(ANN, "append_line", path=str(file), text="x")
    assert file.read_text() == "first\nx\n"
    kinds = [item.event.kind for item in log.after(0)]
    trail = ("approval.requested", "approval.decided", "action.started", "action.finished")
    assert [kind for kind in kinds if kind in trail] == list(trail)
    assert scene.bodies("approval.decided")[0]["by"] == "rule:go"
    assert scene.bodies("action.started")[0]["policy"] == {"effect": "allow", "rule": "go"}


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"max_victims": 2}, "would hit 3, and the most is 2"),
        ({"max_rows": 5}, "would change 6 rows, and the most is 5"),
        ({"max_xact_age_s": 50.0}, "s old, and the most is 50 s"),
    ],
)
async def test_limits_prevent_before_the_act(
    log: EventLog, tmp_path: Path, limit: dict[str, Any], told: str
) -> None:
    files = [tmp_path / f"{name}.txt" for name in "abc"]
    for path in files:
        path.write_text("1\n2\n")
        os.utime(path, (time.time() - 100, time.time() - 100))
    for effect in ("allow", "approve"):
        scene = Scene(log, Rule("few", effect, risks=("write",), **limit))  # type: ignore[arg-type]
        assert told in await scene.refused(ANN, "remove_files", directory=str(tmp_path))
    assert all(path.exists() for path in files)
    assert scene.bodies("approval.requested") == []


async def test_a_limit_that_is_passed_after_the_approval_prevents_too(log: EventLog, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1\n")
    scene = Scene(log, replace(ASK, max_rows=2))
    approval = await scene.ask(ANN, "remove_files", directory=str(tmp_path))
    path.write_text("1\n2\n3\n")
    answer = await scene.decide(BEN, approval)
    assert "the policy does not allow it now" in answer.text and "3 rows" in answer.text
    assert path.exists()
    assert scene.state(approval) == "refused"


async def test_purpose_and_hour_decide(log: EventLog, file: Path) -> None:
    today = DAYS[datetime.now(UTC).weekday()]
    whole_day = Schedule((today, DAYS[(DAYS.index(today) + 1) % 7]), *(datetime.min.time(),) * 2, "UTC")
    scene = Scene(log, ASK, Rule("freeze", "deny", schedule=whole_day, not_purposes=("emergency",)))
    arguments = {"path": str(file), "text": "x"}
    assert "freeze" in await scene.refused(ANN, "append_line", **arguments)
    assert "freeze" in await scene.refused(ANN, "append_line", purpose="maintenance", **arguments)
    approval = await scene.ask(ANN, "append_line", purpose="emergency", **arguments)
    assert approval.purpose == "emergency"
    assert {item.event.purpose for item in log.after(0) if item.event.kind == "approval.requested"} == {
        "emergency"
    }


async def test_a_changed_file_is_in_force_after_its_diff_is_recorded(log: EventLog, file: Path) -> None:
    scene = Scene(log, house=House.of_files())
    path = policy_path()
    path.parent.mkdir(parents=True)
    arguments = {"path": str(file), "text": "x"}
    approval = await scene.ask(ANN, "append_line", **arguments)
    path.write_text('[[rules]]\nname = "none"\neffect = "deny"\n')
    # Another process sees the change first: this session is told of it all the same.
    assert len(House.of_files().news(new_id())) == 1
    async with scene.recorder(ANN) as recorder:
        await scene.executor.refresh(approval.id, recorder)
    assert scene.bodies("note")[-1]["text"].startswith(
        "the policy does not allow it now: rule none forbids it"
    )
    assert log.approval(approval.id).state == "pending"  # type: ignore[union-attr]
    answer = await scene.decide(ANN, approval, unlock=True, confirmation="here")
    assert "the policy does not allow it now" in answer.text
    changed = scene.bodies("policy.changed")
    assert len(changed) == 1 and '+name = "none"' in changed[0]["diff"]
    path.write_text('[[rules]]\nname = "none"\neffect = "dney"\n')
    assert f"{path}:3" in await scene.refused(ANN, "append_line", **arguments)
    assert f"{path}:3" in scene.bodies("policy.changed")[-1]["fault"]
    async with scene.recorder(ANN) as recorder:
        await scene.executor.read(ToolCall("read_file", {"path": str(file)}, "here"), recorder)
    path.unlink()
    await scene.ask(ANN, "append_line", **arguments)
    assert len(scene.bodies("policy.changed")) == 3
    # The same text in another process is no news.
    assert House.of_files().news(new_id()) == []
    assert file.read_text() == "first\n"


# who decides


async def test_four_eyes(log: EventLog, file: Path) -> None:
    scene = Scene(log, replace(ASK, four_eyes=True))
    approval = await scene.ask(ANN, "append_line", path=str(file), text="x")
    assert approval.asked_by == ANN and approval.four_eyes
    answer = await scene.decide(ANN, approval)
    assert "somebody else must approve" in answer.text and answer.waiting == approval
    assert file.read_text() == "first\n"
    assert "One line is in" in (await scene.decide(BEN, approval)).text


async def test_four_eyes_hold_for_who_edited_it_and_where_nobody_knows_who_asked(
    log: EventLog, file: Path
) -> None:
    scene = Scene(log, replace(ASK, four_eyes=True))
    edited = (await scene.edit(BEN, await scene.ask(ANN, "append_line", path=str(file), text="x"),
                               path=str(file), text="y")).waiting  # fmt: skip
    for author in (ANN, BEN):
        assert "somebody else must approve" in (await scene.decide(author, edited)).text
    assert "One line is in" in (await scene.decide(EVE, edited)).text
    unknown = await scene.ask("", "append_line", path=str(file), text="z")
    assert "somebody else must approve" in (await scene.decide(BEN, unknown)).text


async def test_a_quorum_is_of_different_people(log: EventLog, file: Path) -> None:
    scene = Scene(log, replace(ASK, approvers=3))
    approval = await scene.ask(ANN, "append_line", path=str(file), text="x")
    assert "2 more of 3 needed" in (await scene.decide(ANN, approval)).text
    assert "approved it already" in (await scene.decide(ANN, approval)).text
    assert "1 more of 3 needed" in (await scene.decide(BEN, approval)).text
    assert file.read_text() == "first\n" and scene.state(approval) == "pending"
    row = log.approval(approval.id)
    assert row and row.given == (ANN, BEN)
    assert "One line is in" in (await scene.decide(EVE, approval)).text
    assert scene.bodies("approval.decided")[0]["given"] == [ANN, BEN, EVE]
    assert file.read_text() == "first\nx\n"


async def test_a_yes_is_taken_back_while_others_are_missing_and_not_later(log: EventLog, file: Path) -> None:
    roles = Roles(
        (Member((ANN,), "operator"), Member((ANN, BEN, EVE), "approver"), Member(("operator:x*",), "viewer")),
        open=False,
    )
    scene = Scene(log, replace(ASK, approvers=2), roles=roles)
    approval = await scene.ask(ANN, "append_line", path=str(file), text="x")
    assert approval.candidates == (ANN, BEN, EVE)
    await scene.decide(BEN, approval)
    assert f"{EVE} has not approved it" in (await scene.withdraw(EVE, approval)).text
    told = await scene.withdraw(BEN, approval)
    assert told.text == "Withdrawn. Approved by 0 of 2." and told.waiting == approval
    assert "1 more of 2 needed" in (await scene.decide(EVE, approval)).text
    assert file.read_text() == "first\n"
    assert "One line is in" in (await scene.decide(BEN, approval)).text
    assert "does not wait" in (await scene.withdraw(BEN, approval)).text
    assert scene.bodies("approval.decided")[0]["given"] == [EVE, BEN]


async def test_a_yes_withdrawn_while_the_last_one_is_given_counts_or_comes_too_late(
    log: EventLog, tmp_path: Path
) -> None:
    for number in range(20):
        file = tmp_path / f"{number}.txt"
        file.touch()
        rule = replace(ASK, approvers=2)
        one, two = Scene(log, rule), Scene(log, rule)
        approval = await one.ask(ANN, "append_line", path=str(file), text="x")
        await one.decide(BEN, approval)
        answer, _ = await asyncio.gather(one.withdraw(BEN, approval), two.decide(EVE, approval))
        withdrawn = answer.text.startswith("Withdrawn")
        assert file.read_text() == ("" if withdrawn else "x\n"), (answer, one.state(approval))


async def test_a_write_that_unlocks_production_needs_its_name_typed(log: EventLog, file: Path) -> None:
    roles = Roles((Member((ANN, BEN), "admin"),), open=False)
    scene = Scene(log, house=House(Policy(), roles))
    approval = await scene.ask(ANN, "append_line", path=str(file), text="x")
    assert approval.locked and approval.to_type(locked=True) == "here"
    answer = await scene.decide(BEN, approval, unlock=True, confirmation="")
    assert "needs the confirmation 'here'" in answer.text and file.read_text() == "first\n"
    assert "One line is in" in (await scene.decide(BEN, approval, unlock=True, confirmation="here")).text
    unlocked = await scene.ask(ANN, "append_line", path=str(file), text="y")
    assert not unlocked.locked and not unlocked.to_type(locked=False)
    left = Scene(log, house=House(Policy(), Roles((Member((ANN,), "admin"),), open=False)))
    locked = await left.ask(ANN, "append_line", path=str(file), text="z")
    assert locked.locked, "the unlock ends with the role of who gave it"


async def test_what_a_newer_version_says_may_be_a_condition(log: EventLog, file: Path) -> None:
    """It is kept as it came, whatever is done with the approval; nobody who cannot read it acts on it."""
    scene = Scene(log)
    approval = await scene.ask(ANN, "append_line", path=str(file), text="x")
    told = {**approval.to_json(), "cooling_off_s": 600}
    told["call"] = {**told["call"], "hint": "x"}
    told["preview"] = {**told["preview"], "colour": "red"}
    async with scene.recorder(ANN) as recorder:
        await recorder.commit("approval.refreshed", {"approval": told})
        await scene.executor.refresh(approval.id, recorder)
    row = log.approval(approval.id)
    assert row and row.approval["cooling_off_s"] == 600
    for answer in (
        await scene.decide(BEN, approval),
        await scene.edit(BEN, approval, path=str(file), text="y"),
    ):
        assert "cannot read (cooling_off_s)" in answer.text
    assert (scene.state(approval), file.read_text()) == ("pending", "first\n")
    await scene.decide(BEN, approval, decision="deny")
    assert scene.state(approval) == "denied"


async def test_one_no_ends_a_quorum(log: EventLog, file: Path) -> None:
    scene = Scene(log, replace(ASK, approvers=2))
    approval = await scene.ask(ANN, "append_line", path=str(file), text="x")
    await scene.decide(ANN, approval)
    assert "not tonight" in (await scene.decide(BEN, approval, decision="deny", reason="not tonight")).text
    assert "was denied" in (await scene.decide(EVE, approval)).text
    assert file.read_text() == "first\n"


async def test_the_last_two_of_a_quorum_at_once_execute_once(log: EventLog, tmp_path: Path) -> None:
    """Two processes on one log, as two terminals are: an executor each."""
    for number in range(20):
        file = tmp_path / f"{number}.txt"
        file.write_text("first\n")
        rule = replace(ASK, approvers=2)
        one, two = Scene(log, rule), Scene(log, rule)
        approval = await one.ask(ANN, "append_line", path=str(file), text="x")
        await asyncio.gather(one.decide(BEN, approval), two.decide(EVE, approval))
        assert file.read_text() == "first\nx\n"
        assert scene_done(log, approval)


def scene_done(log: EventLog, approval: Approval) -> bool:
    row = log.approval(approval.id)
    return row is not None and row.state == "done"


async def test_two_approvals_at_once_execute_once_a_hundred_times_over(log: EventLog, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("")
    for number in range(100):
        one, two = Scene(log), Scene(log)
        approval = await one.ask(ANN, "append_line", path=str(file), text=f"{number}")
        await asyncio.gather(one.decide(ANN, approval), two.decide(BEN, approval))
    assert file.read_text().splitlines() == [str(number) for number in range(100)]


async def test_a_no_and_a_yes_at_once_are_one_of_them(log: EventLog, tmp_path: Path) -> None:
    for number in range(20):
        file = tmp_path / f"{number}.txt"
        file.touch()
        one, two = Scene(log), Scene(log)
        approval = await one.ask(ANN, "append_line", path=str(file), text="x")
        answers = await asyncio.gather(two.decide(EVE, approval, decision="deny"), one.decide(BEN, approval))
        denied = "Denied" in answers[0].text
        assert file.read_text() == ("" if denied else "x\n"), answers
        assert one.state(approval) == ("denied" if denied else "done")


async def test_roles_hold_for_reads_questions_and_decisions(log: EventLog, file: Path) -> None:
    roles = Roles(
        (Member((ANN,), "operator"), Member((BEN,), "approver"), Member((EVE,), "viewer")), open=False
    )
    scene = Scene(log, ASK, roles=roles)
    arguments = {"path": str(file), "text": "x"}
    assert f"{EVE} may not ask" in await scene.refused(EVE, "append_line", **arguments)
    assert "nobody may not ask" in await scene.refused("", "append_line", **arguments)
    approval = await scene.ask(ANN, "append_line", **arguments)
    for who in (ANN, EVE, "operator:stranger", ""):
        assert "may not approve" in (await scene.decide(who, approval)).text
    assert "may not deny" in (await scene.decide(EVE, approval, decision="deny")).text
    assert "may not edit" in (await scene.edit(ANN, approval, path=str(file), text="y")).text
    assert scene.state(approval) == "pending" and file.read_text() == "first\n"
    assert len([body for body in scene.bodies("note") if "may not" in body["text"]]) == 6
    assert "One line is in" in (await scene.decide(BEN, approval)).text


# edit, grant, revoke, undo


async def test_an_edit_is_checked_again_binds_anew_and_keeps_the_difference(
    log: EventLog, file: Path
) -> None:
    scene = Scene(log, ASK, Rule("long", "deny", tools=("nothing",)))
    old = await scene.ask(ANN, "append_line", path=str(file), text="x")
    for wrong, told in (
        ({"path": str(file)}, "needs text"),
        ({"path": str(file), "text": "x"}, "same as before"),
        ({"path": str(file), "text": "x", "mode": "w"}, "must not contain"),
        ({"path": str(file.with_suffix(".none")), "text": "x"}, "No such file"),
    ):
        answer = await scene.edit(BEN, old, **wrong)
        assert told in answer.text and answer.waiting == old
    new = (await scene.edit(BEN, old, path=str(file), text="y")).waiting
    assert new.call_sha256 != old.call_sha256
    assert (new.edited_from, new.edited_by, new.asked_by) == (old.id, (BEN,), ANN)
    edited = scene.bodies("approval.edited")[0]
    assert (edited["before"]["text"], edited["after"]["text"], edited["by"]) == ("x", "y", BEN)
    assert "it was edited" in (await scene.decide(BEN, old)).text
    assert "another call" in (await scene.decide(BEN, new, call_sha256=old.call_sha256)).text
    assert "One line is in" in (await scene.decide(BEN, new)).text
    assert file.read_text() == "first\ny\n"


async def test_an_edit_and_a_yes_at_once_never_do_both(log: EventLog, tmp_path: Path) -> None:
    for number in range(20):
        file = tmp_path / f"{number}.txt"
        file.write_text("")
        one, two = Scene(log), Scene(log)
        old = await one.ask(ANN, "append_line", path=str(file), text="old")
        answer, _ = await asyncio.gather(one.edit(BEN, old, path=str(file), text="new"), two.decide(EVE, old))
        lines = file.read_text().splitlines()
        assert lines in (["old"], [])
        assert (answer.waiting is not None) == (lines == [])


async def test_an_edit_is_judged(log: EventLog, tmp_path: Path) -> None:
    small, big = tmp_path / "small", tmp_path / "big"
    for directory, count in ((small, 1), (big, 5)):
        directory.mkdir()
        for number in range(count):
            (directory / f"{number}.txt").touch()
    scene = Scene(log, replace(ASK, max_victims=2))
    old = await scene.ask(ANN, "remove_files", directory=str(small))
    answer = await scene.edit(BEN, old, directory=str(big))
    assert "would hit 5" in answer.text and answer.waiting == old


async def test_a_grant_stands_for_so_many_calls_of_one_tool(log: EventLog, file: Path) -> None:
    scene = Scene(log)
    approval = await scene.ask(ANN, "append_line", path=str(file), text="1")
    assert "One line is in" in (await scene.decide(BEN, approval, grant=Terms(2, 60.0))).text
    for text in "23":
        assert "One line is in" in await scene.settled(ANN, "append_line", path=str(file), text=text)
    await scene.ask(ANN, "append_line", path=str(file), text="4")
    assert file.read_text().split() == ["first", "1", "2", "3"]
    by_grant = scene.bodies("approval.decided")[1:]
    grant = scene.bodies("grant.given")[0]["grant"]
    assert [(body["by"], body["grant"]) for body in by_grant] == [(BEN, grant)] * 2
    assert [body["use"] for body in scene.bodies("grant.used")] == [1, 2]


async def test_a_yes_to_a_call_that_is_refused_then_unlocks_and_grants_nothing(
    log: EventLog, file: Path
) -> None:
    scene = Scene(log, house=House(Policy()))
    approval = await scene.ask(ANN, "append_line", path=str(file), text="1")
    file.unlink()
    answer = await scene.decide(BEN, approval, unlock=True, confirmation="here", grant=Terms(2, 60.0))
    assert answer.text.startswith("Refused") and scene.state(approval) == "refused"
    assert scene.bodies("approval.decided") and not scene.bodies("target.unlocked")
    assert not scene.bodies("grant.given")
    file.write_text("first\n")
    again = await scene.ask(ANN, "append_line", path=str(file), text="1")
    assert again.locked
    await scene.decide(BEN, again, unlock=True, confirmation="here", grant=Terms(2, 60.0))
    assert scene.bodies("target.unlocked") and scene.bodies("grant.given") and scene.state(again) == "done"


async def test_a_grant_reaches_no_other_tool_target_session_or_time(log: EventLog, file: Path) -> None:
    scene = Scene(log)
    await scene.decide(
        BEN, await scene.ask(ANN, "append_line", path=str(file), text="1"), grant=Terms(9, 60.0)
    )
    await scene.ask(ANN, "set_text", path=str(file), text="2")
    scene.where["host"] = "another"
    await scene.ask(ANN, "append_line", path=str(file), text="2")
    del scene.where["host"]
    other = Recorder(log, session="s2", task="t9", agent="ledger", target="here", caller=ANN)
    async with other:
        with pytest.raises(Parked):
            await scene.executor.ask(
                ToolCall("append_line", {"path": str(file), "text": "2"}, "here"), {}, other
            )
    short = await scene.ask(ANN, "set_text", path=str(file), text="3")
    await scene.decide(BEN, short, grant=Terms(9, 0.001))
    await scene.ask(ANN, "set_text", path=str(file), text="4")


async def test_a_grant_used_by_many_at_once_is_used_so_many_times(log: EventLog, tmp_path: Path) -> None:
    scenes = [Scene(log) for _ in range(4)]
    first = tmp_path / "first.txt"
    first.touch()
    approval = await scenes[0].ask(ANN, "append_line", path=str(first), text="1")
    await scenes[0].decide(BEN, approval, grant=Terms(3, 60.0))
    files = [tmp_path / f"{number}.txt" for number in range(12)]

    async def attempt(number: int) -> None:
        files[number].touch()
        recorder = scenes[number % 4].recorder(ANN, f"task{number}")
        async with recorder:
            call = ToolCall("append_line", {"path": str(files[number]), "text": "x"}, "here")
            with pytest.raises((Parked, Settled)):
                await scenes[number % 4].executor.ask(call, {}, recorder)

    await asyncio.gather(*map(attempt, range(12)))
    assert sum(len(path.read_text().splitlines()) for path in files) == 3


@pytest.mark.parametrize("terms", [Terms(0, 60.0), Terms(21, 60.0), Terms(1, 0.0), Terms(1, 9 * 3600.0)])
async def test_a_grant_without_bounds_is_not_accepted(log: EventLog, file: Path, terms: Terms) -> None:
    scene = Scene(log)
    approval = await scene.ask(ANN, "append_line", path=str(file), text="x")
    assert "a grant is for 1 to" in (await scene.decide(BEN, approval, grant=terms)).text
    assert file.read_text() == "first\n"


async def test_no_grant_for_what_is_destructive_or_needs_more_people(log: EventLog, file: Path) -> None:
    import subprocess

    process = subprocess.Popen(["sleep", "300"])
    try:
        scene = Scene(log)
        approval = await scene.ask(ANN, "stop_process", pid=process.pid)
        assert "approved each time" in (await scene.decide(BEN, approval, grant=Terms(1, 60.0))).text
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    scene = Scene(log, replace(ASK, approvers=2))
    approval = await scene.ask(ANN, "append_line", path=str(file), text="x")
    assert "2 people" in (await scene.decide(BEN, approval, grant=Terms(1, 60.0))).text


async def test_a_revoked_grant_stands_for_nothing(log: EventLog, file: Path) -> None:
    roles = Roles((Member((ANN,), "operator"), Member((BEN,), "approver")), open=False)
    scene = Scene(log, ASK, roles=roles)
    approval = await scene.ask(ANN, "append_line", path=str(file), text="1")
    await scene.decide(BEN, approval, grant=Terms(9, 60.0))
    grant = scene.bodies("grant.given")[0]["grant"]
    await scene.settled(ANN, "append_line", path=str(file), text="2")
    assert "may not revoke" in (await scene.revoke(ANN, grant)).text
    assert "1 of 9" in (await scene.revoke(BEN, grant)).text
    await scene.ask(ANN, "append_line", path=str(file), text="3")
    assert file.read_text().split() == ["first", "1", "2"]
    assert "no grant" in (await scene.revoke(BEN, "nonsense")).text


async def test_a_grant_ends_with_the_role_of_who_gave_it(log: EventLog, file: Path) -> None:
    roles = Roles((Member((ANN,), "operator"), Member((BEN,), "approver")), open=False)
    scene = Scene(log, ASK, roles=roles)
    approval = await scene.ask(ANN, "append_line", path=str(file), text="1")
    await scene.decide(BEN, approval, grant=Terms(9, 60.0))
    left = Scene(log, ASK, roles=Roles((Member((ANN,), "operator"),), open=False))
    await left.ask(ANN, "append_line", path=str(file), text="2")


async def test_undo_is_an_approval_of_its_own_and_is_done_once(log: EventLog, file: Path) -> None:
    scene = Scene(log)
    done = await scene.ask(ANN, "set_text", path=str(file), text="second")
    await scene.decide(BEN, done)
    undo = await scene.undo(ANN, done.id)
    assert file.read_text() == "second"
    assert undo.undo_of == done.id
    assert (undo.call.tool, undo.call.arguments["text"]) == ("set_text", "first\n")
    assert "written" in (await scene.decide(BEN, undo, task="t2")).text
    assert file.read_text() == "first\n"
    async with scene.recorder(ANN, "t3") as recorder:
        with pytest.raises(Refused, match="is for undoing it, and is done"):
            await scene.executor.undo(done.id, recorder)
    again = await scene.undo(ANN, undo.id, task="t4")
    assert again.call.arguments["text"] == "second"


async def test_what_cannot_be_undone_says_so(log: EventLog, file: Path, tmp_path: Path) -> None:
    scene = Scene(log)
    done = await scene.ask(ANN, "remove_files", directory=str(tmp_path))
    for told in ("nothing was done", "the files are gone"):
        async with scene.recorder(ANN, "t2") as recorder:
            with pytest.raises(Refused, match=told):
                await scene.executor.undo(done.id, recorder)
            with pytest.raises(Refused, match="there is no action"):
                await scene.executor.undo("nonsense", recorder)
        await scene.decide(BEN, done)
    assert len(scene.bodies("tool.refused")) == 4
