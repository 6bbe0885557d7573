"""One sweep of a target: each statement once, over few connections, every condition as soon as it can be judged."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping

from agents.database.condition import Condition, Limits, finding_of
from agents.database.linking import link, needed_for
from agents.database.logs.tools import LOG_CLASSES
from agents.database.probing import PROBE, connection_lost
from agents.database.rates import NotMeasurable
from agents.database.reading import CONNECTIONS, Reader, ReadFailed, ServerLost
from agents.database.ruling import with_ruled_out
from agents.database.scope import Scope
from agents.database.snapshot import ReadFailure, Row, Snapshot
from agents.database.statement import all_statements
from agents.database.wording import granted
from agents.kernel import targets
from agents.kernel.expert import Work
from agents.kernel.records import Evidence, Finding, NotChecked, Report
from agents.kernel.tool import Refused, ToolCall
from inventory.failure import ConnectFailed

FIRST = "server"
"""The statement that opens the first connection."""
SAMPLE_AGAIN = "run the sweep again; a longer --interval shows more"
ON_REQUEST = "runs only when asked for: helpdesk triage --only ID"
REACH_IT = "make the server reachable and run the sweep again"


class Sweep:
    """State of one sweep. Call `run` once."""

    def __init__(
        self,
        work: Work,
        target: str,
        scope: Scope,
        reader: Reader,
    ) -> None:
        self._work = work
        self._target = target
        self._conditions = conditions = scope.conditions
        self._closures = {
            one.id: [conditions[name] for name in needed_for(one, conditions)] for one in conditions.values()
        }
        self._wanted = {
            name: frozenset(read for one in closure for read in one.statements())
            for name, closure in self._closures.items()
        }
        self._overrides = scope.overrides
        self._reader = reader
        self._snapshot = Snapshot()
        self._queue = deque(reading_order(conditions))
        self._interval_s = scope.interval_s
        self._rates = sampled_twice(conditions)
        self._sampled = sampled_often(conditions)
        self._first_samples_at = 0.0
        self._second = False
        self._findings: dict[str, Finding] = {}
        self._evidence: dict[str, Evidence] = {}
        self._judged: set[str] = set()
        self._unmeasured: dict[str, str] = {}
        self._looked_again = False
        self._lost: Exception | None = None
        self._began = time.perf_counter()
        self._first_finding_ms: float | None = None

    async def run(self) -> Report:
        """Read, judge and record; the report of it. Findings and evidence are recorded on the way."""
        async with self._reader.lease(self._target):
            await self._next()
            await self._read_queue()
            await self._look_again()
            await self._sample_again()
        if self._lost is not None:
            await self._explain_loss(self._lost)
        return self._report()

    async def _read_queue(self) -> None:
        while self._queue and self._lost is None:
            async with asyncio.TaskGroup() as readers:
                for place in range(CONNECTIONS):
                    readers.create_task(self._read_all(helper=place > 0))

    async def _look_again(self) -> None:
        """Read once more what can't be judged from one look, after the time that tells."""
        waiting = {one.id: one for one in self._conditions.values() if self._patience(one) > 0}
        self._looked_again = True
        if waiting and self._lost is None:
            await asyncio.sleep(max(map(self._patience_of, waiting.values())))
            names = [name for name in reading_order(waiting) if name != FIRST]
            first_look = self._snapshot.drop(names)
            self._queue.extend(names)
            await self._read_queue()
            for evidence in first_look:  # better than nothing, where the second look found no server
                if not self._snapshot.settled(evidence.tool):
                    self._snapshot.keep(evidence)
        await self._judge_what_is_ready()

    async def _sample_again(self) -> None:
        """Read the cumulative statements once more, the interval after they were read first."""
        names = [name for name in self._rates if self._snapshot.has(name)]
        if (names or self._sampled) and self._lost is None:
            passed = time.perf_counter() - self._first_samples_at
            async with asyncio.TaskGroup() as waiting:
                for name in self._sampled:
                    waiting.create_task(self._attempt(name, {"seconds": self._interval_s}))
                waiting.create_task(asyncio.sleep(max(self._interval_s - passed, 0) if names else 0))
            self._second = True
            self._queue.extend(names)
            await self._read_queue()

    async def _read_all(self, *, helper: bool) -> None:
        while self._queue and self._lost is None:
            name = self._queue[0]
            try:
                await self._next()
            except ConnectFailed as failure:
                if helper:  # one connection is enough where there is no slot for a second
                    self._queue.appendleft(name)
                    return
                self._lost = failure

    async def _next(self) -> None:
        await self._attempt(self._queue.popleft(), {})

    async def _attempt(self, name: str, arguments: Mapping[str, float]) -> None:
        try:
            await self._read(name, arguments)
        except ReadFailed as failed:
            self._fail(name, failed.failure)
        except (Refused, TimeoutError) as refused:
            self._fail(name, ReadFailure(str(refused) or "no answer in time", ""))
        except ServerLost as lost:
            self._lost = lost
        except ConnectFailed as failure:
            if name in self._sampled:  # no slot was free for a moment: the sweep itself goes on
                self._fail(name, ReadFailure(str(failure), REACH_IT))
            elif self._snapshot.evidence or self._snapshot.failures:  # the first connection stands
                raise
            else:
                self._lost = failure
        await self._judge_what_is_ready()

    def _fail(self, name: str, failure: ReadFailure) -> None:
        if self._second and name in self._rates:
            self._snapshot.unmeasured[name] = failure.reason
        else:
            self._snapshot.failures[name] = failure

    async def _read(self, name: str, arguments: Mapping[str, float]) -> None:
        evidence = await self._work.read(ToolCall(name, dict(arguments), self._target))
        self._evidence[evidence.id] = evidence
        if self._second and name in self._rates:
            self._snapshot.keep_second(evidence)
            return
        self._snapshot.keep(evidence)
        if name in self._rates:
            self._first_samples_at = time.perf_counter()

    async def _judge_what_is_ready(self) -> None:
        """Judge the conditions for which everything is read, theirs and that of all that may cause them."""
        settled = self._snapshot.evidence.keys() | self._snapshot.failures.keys()
        ready = [
            condition
            for condition in self._conditions.values()
            if self._wanted[condition.id] <= settled and self._is_ready(condition)
        ]
        fresh: list[Finding] = []
        for condition in ready:
            self._judged.add(condition.id)
            fresh.extend(self._findings_of(condition))
        await self._record(fresh)

    def _is_ready(self, condition: Condition) -> bool:
        if condition.id in self._judged or condition.find is None:
            return False
        closure = self._closures[condition.id]
        sampled = all(self._is_sampled(one) for one in closure)
        return sampled and not any(self._patience(one) > 0 for one in closure)

    def _is_sampled(self, condition: Condition) -> bool:
        """True where each of its cumulative statements was sampled twice, or won't be."""
        known = {**self._snapshot.first, **self._snapshot.failures, **self._snapshot.unmeasured}
        return self._lost is not None or all(name in known for name in condition.rates)

    def _patience(self, condition: Condition) -> float:
        """Seconds until the condition's second look; 0 where one look is enough, or the second was taken."""
        if self._looked_again or self._lost is not None:
            return 0.0
        return self._patience_of(condition)

    def _patience_of(self, condition: Condition) -> float:
        if condition.look_again is None or condition.id in self._judged:
            return 0.0
        return condition.look_again(self._snapshot, self._limits(condition))

    def _limits(self, condition: Condition) -> Limits:
        return condition.limits(self._overrides.get(condition.id, {}))

    def _findings_of(self, condition: Condition) -> Iterator[Finding]:
        measured = all(map(self._snapshot.sampled_twice, condition.rates))
        if condition.find is None or not measured or not all(map(self._snapshot.has, condition.needs)):
            return
        try:
            for match in condition.find(self._snapshot, self._limits(condition)):
                yield finding_of(condition, match, self._snapshot)
        except NotMeasurable as reason:
            self._unmeasured[condition.id] = str(reason)

    async def _record(self, fresh: list[Finding]) -> None:
        if not fresh:
            return
        if self._first_finding_ms is None:
            self._first_finding_ms = self._elapsed_ms()
        known = {**self._findings, **{finding.id: finding for finding in fresh}}
        judged = {name: one for name, one in self._conditions.items() if self._is_known(one)}
        for linked in link(tuple(known.values()), self._conditions):
            if linked.id not in self._findings:
                finding = with_ruled_out(linked, known.values(), judged, self._conditions, self._snapshot)
                self._findings[finding.id] = finding
                await self._work.found(finding)

    def _is_known(self, condition: Condition) -> bool:
        """True where the condition was judged and nothing was in the way."""
        return condition.id in self._judged and self._why_not_checked(condition) is None

    async def _explain_loss(self, loss: Exception) -> None:
        """The loss becomes a finding; what wasn't read stays unknown, what was found stays."""
        await self._read(PROBE, {})
        await self._read_log_without_server()
        seen = bool(self._snapshot.rows(FIRST))
        reason = (
            "the server was lost in the middle of the sweep" if seen else "the server couldn't be reached"
        )
        for name in self._unread():
            self._snapshot.failures[name] = ReadFailure(reason, REACH_IT)
        for name in self._rates:
            if not self._snapshot.sampled_twice(name):
                self._snapshot.unmeasured[name] = reason
        await self._judge_what_is_ready()
        row = self._snapshot.rows(PROBE)[0]
        condition = self._refused_as(row)
        match = connection_lost(row, loss) if seen and not row["condition"] else None
        if match is None:
            assert condition.refused is not None
            match = condition.refused(row)
        self._judged.add(condition.id)
        await self._record([finding_of(condition, match, self._snapshot)])

    async def _read_log_without_server(self) -> None:
        """A server on this host that doesn't answer has a log that may say why; judge by it, once more if need be."""
        asking = {one.id for one in self._conditions.values() if LOG_CLASSES in one.statements()}
        if not asking:
            return
        try:
            evidence = await self._work.read(ToolCall(LOG_CLASSES, {"lost": True}, self._target))
        except ReadFailed as failed:
            self._snapshot.failures[LOG_CLASSES] = failed.failure
            return
        self._evidence[evidence.id] = evidence
        self._snapshot.keep(evidence)
        self._judged -= asking

    def _refused_as(self, row: Row) -> Condition:
        condition = self._conditions.get(row["condition"] or "")
        if condition is None or condition.refused is None:
            return self._conditions["server.unreachable"]
        return condition

    def _unread(self) -> list[str]:
        names = (*reading_order(self._conditions), *self._sampled)
        return [name for name in names if not self._snapshot.settled(name)]

    def _report(self) -> Report:
        ordered = link(tuple(self._findings.values()), self._conditions)
        return Report(
            target=targets.describe(self._target),
            server=self._server(),
            findings=ordered,
            evidence=tuple(self._evidence.values()),
            not_checked=tuple(self._not_checked()),
            timing={"total_ms": self._elapsed_ms(), "first_finding_ms": self._first_finding_ms},
        )

    def _server(self) -> dict[str, object]:
        row = self._snapshot.row(FIRST)
        if row is None:
            return {}
        role = "standby" if row["in_recovery"] else "primary"
        return {"version": row["version"], "version_num": row["version_num"], "role": role}

    def _not_checked(self) -> Iterator[NotChecked]:
        found = {finding.condition for finding in self._findings.values()}
        for condition in self._conditions.values():
            item = self._why_not_checked(condition)
            partly = condition.blind is not None or self._why_not_measured(condition)
            if item is not None and (condition.id not in found or partly):
                yield item

    def _why_not_checked(self, condition: Condition) -> NotChecked | None:
        if condition.on_request and condition.find is None:
            return NotChecked(condition.id, ON_REQUEST, "")
        if condition.find is None:
            return self._why_not_tried(condition)
        for name in (*condition.rates, *condition.needs):
            if failure := self._snapshot.failures.get(name):
                reason = f"{name}: {failure.reason}" if failure.sqlstate else failure.reason
                return NotChecked(condition.id, reason, failure.remedy)
        if reason := self._why_not_measured(condition):
            return NotChecked(condition.id, f"not measurable: {reason}", SAMPLE_AGAIN)
        hidden = condition.blind(self._snapshot) if condition.blind else ""
        return NotChecked(condition.id, hidden, self._grants(condition)) if hidden else None

    def _why_not_measured(self, condition: Condition) -> str:
        reasons = (self._snapshot.unmeasured.get(name, "") for name in condition.rates)
        return self._unmeasured.get(condition.id) or next(filter(None, reasons), "")

    def _why_not_tried(self, condition: Condition) -> NotChecked | None:
        """Conditions of connecting are judged by connecting; where that failed for one reason, others are open."""
        if self._lost is None or condition.id in self._judged:
            return None
        return NotChecked(condition.id, "connecting failed for another reason first", REACH_IT)

    def _grants(self, condition: Condition) -> str:
        row = self._snapshot.row(FIRST)
        role = str(row["role"]) if row else "this_role"
        return "; ".join(granted(grant, role) for grant in condition.grants)

    def _elapsed_ms(self) -> float:
        return round((time.perf_counter() - self._began) * 1000, 3)


def reading_order(conditions: Mapping[str, Condition]) -> list[str]:
    """Every statement that a condition asks for, once: the server, what is sampled twice, then by the catalogue."""
    asked = (name for condition in conditions.values() for name in condition.statements())
    names = dict.fromkeys((FIRST, *sampled_twice(conditions), *asked))
    often = sampled_often(conditions)
    return [name for name in names if name not in often]


def sampled_often(conditions: Mapping[str, Condition]) -> list[str]:
    """Every statement that must be read over and over to mean something, once."""
    statements = all_statements()
    asked = (name for condition in conditions.values() for name in condition.statements())
    return [name for name in dict.fromkeys(asked) if name in statements and statements[name].samples > 1]


def sampled_twice(conditions: Mapping[str, Condition]) -> list[str]:
    """Every statement with cumulative counters that a condition asks for, once."""
    return list(dict.fromkeys(name for condition in conditions.values() for name in condition.rates))
