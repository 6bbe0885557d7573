"""The database expert at work as the protocol would run it: real executor, recorder and log, without the wire."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from agents.database.expert import DatabaseExpert
from agents.governance.approval import Approval, Decision
from agents.governance.policy import Policy
from agents.kernel import targets
from agents.kernel.carrying import Answer
from agents.kernel.event import Event
from agents.kernel.executor import Executor, Parked
from agents.kernel.expert import Question, Work
from agents.kernel.recorder import Recorder
from agents.kernel.records import Finding, Report
from agents.kernel.report import assemble
from agents.log import EventLog
from inventory.target import Target

INTERVALS_S = (0.5, 2.0, 8.0, 30.0)
"""Between two samples, one after the other: a busy machine gets little done in the first ones."""
NOBODY_ASKED = ("runs only when asked", "track_io_timing is off", "extension ")
"""How the reasons begin that say nothing about the server."""


@dataclass
class Desk:
    """Asks the expert, and decides what it asks for."""

    expert: DatabaseExpert
    executor: Executor
    log: EventLog
    target: str
    session: str

    async def ask(self, request: Mapping[str, Any], text: str = "") -> list[Event]:
        """The events of one task."""
        task = secrets.token_hex(8)
        question = Question(text, request, self.target, self.session, task)
        async with self._recorder(task) as recorder:
            await self.expert.answer(question, Work(question, self.executor, recorder))
        return self.events(task)

    async def triage(
        self,
        thresholds: Mapping[str, Any] | None = None,
        *,
        only: str | list[str] | None = None,
        interval: float = 0.1,
    ) -> Report:
        """The report of a sweep, put together from what was recorded; rates over a short interval."""
        request = {"kind": "triage", "thresholds": thresholds or {}, "only": only, "interval": interval}
        return assemble(await self.ask(request))

    async def measured(
        self,
        condition: str,
        thresholds: Mapping[str, Any] | None = None,
        *,
        severity: str = "",
        between: tuple[str, Callable[[], Awaitable[None]]] | None = None,
    ) -> Finding:
        """A finding of a condition that compares two samples, over an interval as long as this machine needs.

        `between` is a statement's name and what to do once that has been read the first time.
        """
        for interval in INTERVALS_S:
            sweep = asyncio.create_task(self.triage(thresholds, only=condition, interval=interval))
            if between:
                known = self.read_so_far(between[0])
                while self.read_so_far(between[0]) == known and not sweep.done():
                    await asyncio.sleep(0.02)
                await between[1]()
            report = await sweep
            for finding in report.findings:
                if finding.condition == condition and severity in ("", finding.severity):
                    return finding
        raise AssertionError([(one.condition, one.severity, one.title) for one in report.findings])

    def read_so_far(self, statement: str) -> int:
        """How often the desk's sweeps have read a statement and recorded it."""
        events = self.log.events(self.session, kinds=("evidence",))
        return sum(item.event.body["evidence"]["tool"] == statement for item in events)

    async def request(self, finding: Finding, place: int = 0) -> Approval:
        """Ask for a remedy of a finding; the approval that waits."""
        remedy = finding.remedies[place]
        return await self.propose(remedy.tool, remedy.arguments, finding.id)

    async def propose(self, tool: str, arguments: Mapping[str, Any], finding: str = "") -> Approval:
        """Ask for a change; the approval that waits. Raises Refused."""
        request = {"kind": "remedy", "finding": finding, "tool": tool, "arguments": dict(arguments)}
        try:
            await self.ask(request)
        except Parked as parked:
            return parked.approval
        raise AssertionError("the change ran without an approval")

    async def approve(self, approval: Approval) -> Event:
        """Approve as the operator would; the event that ends it (`action.…`)."""
        decision = Decision(
            approval.id,
            "approve",
            by="operator:tester",
            confirmation=approval.preview.confirmation,
            unlock=True,
            call_sha256=approval.call_sha256,
        )
        async with self._recorder(approval.task) as recorder:
            answer: Answer = await self.executor.decide(decision, recorder)
        ends = [event for event in self.events(approval.task) if event.kind.startswith("action.")]
        assert ends, answer.text
        return ends[-1]

    async def undo(self, done: Approval) -> Approval:
        """Ask for the undo of what was done on an approval; the approval that waits. Raises Refused."""
        async with self._recorder(secrets.token_hex(8)) as recorder:
            try:
                await self.executor.undo(done.id, recorder)
            except Parked as parked:
                return parked.approval

    async def remedy(self, finding: Finding, place: int = 0) -> Mapping[str, Any]:
        """Request and approve; the body of `action.finished`."""
        ended = await self.approve(await self.request(finding, place))
        assert ended.kind == "action.finished", ended.body
        return ended.body

    def events(self, task: str) -> list[Event]:
        return [item.event for item in self.log.events(self.session) if item.event.task == task]

    def _recorder(self, task: str) -> Recorder:
        return Recorder(self.log, session=self.session, task=task, agent="database", target=self.target)


@asynccontextmanager
async def desk(conninfo: str) -> AsyncIterator[Desk]:
    """A desk for the database at `conninfo`."""
    target = Target.from_dsn(conninfo, name=f"target-{secrets.token_hex(3)}")
    targets.tell(target)
    expert = DatabaseExpert()
    log = EventLog.open()
    try:
        yield Desk(expert, Executor(expert.tools, log, Policy()), log, target.name, secrets.token_hex(8))
    finally:
        await expert.close()
        log.close()


def only(report: Report, condition: str) -> Finding:
    """The one finding of a condition."""
    found = [finding for finding in report.findings if finding.condition == condition]
    assert len(found) == 1, [(finding.condition, finding.title) for finding in report.findings]
    return found[0]


def loud(report: Report) -> list[tuple[str, str]]:
    """Condition and title of what is at warning or above."""
    return [(one.condition, one.title) for one in report.findings if one.severity != "info"]


def unchecked(report: Report) -> set[str]:
    """Conditions that weren't checked, other than those that wait for somebody to ask or to switch something on."""
    return {one.condition for one in report.not_checked if not one.reason.startswith(NOBODY_ASKED)}
