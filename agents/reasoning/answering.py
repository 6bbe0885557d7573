"""What a model asks for, done: reads through the executor, several at a time; a change becomes a request to a human."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from agents.kernel.canonical import canonical_json
from agents.kernel.executor import Settled
from agents.kernel.expert import Work
from agents.kernel.recorded import one_line
from agents.kernel.records import Evidence
from agents.kernel.tool import InputRequired, Refused, ToolCall
from agents.models.turn import Results, ToolRequest, ToolResult
from agents.reasoning import conclusion
from agents.reasoning.boundary import Boundary
from agents.reasoning.frames import framed, shown
from agents.reasoning.names import names_in
from agents.reasoning.offers import SHOW_EVIDENCE, Offers

AT_ONCE = 4
"""Reads that run at the same time for one answer; the expert's own limits on connections hold as well."""
MOST_REQUESTS = 12
"""Calls that one answer may ask for; what is more is refused, and can be asked for in the next."""
MALFORMED_SHOWN = 120


class Answers:
    """Carries out the requests of one turn and remembers them, so that a loop is seen."""

    def __init__(
        self,
        work: Work,
        offers: Offers,
        boundary: Boundary,
        evidence: dict[str, Evidence],
        decided: str = "",
    ) -> None:
        """`evidence`: what was read so far by id; what is read here is added.

        `decided`: what became of the change that was asked for last, which is the result of its request.
        """
        self._work = work
        self._offers = offers
        self._boundary = boundary
        self._evidence = evidence
        self.read: list[Evidence] = []
        """What was read for this turn, in order."""
        self._decided = decided
        self._known: dict[str, str] = {}
        self._asks: InputRequired | None = None
        """What a tool asks the operator; the task waits for that, and then its reads are made again."""
        self._places = asyncio.Semaphore(AT_ONCE)

    def repeats(self, requests: Sequence[ToolRequest]) -> bool:
        """True where every request was made and answered in this turn before."""
        return bool(requests) and all(self._key(one) in self._known for one in requests)

    async def to(self, requests: Sequence[ToolRequest], call: str, said: str) -> Results:
        """The result of each request. The first change is asked for last: Parked ends the turn, as InputRequired does."""
        changes = [one for one in requests if self._is_change(one)]
        async with asyncio.TaskGroup() as group:
            running = {
                one.id: group.create_task(self._result(one, call, place))
                for place, one in enumerate(requests)
                if one not in changes
            }
        if self._asks is not None:
            raise self._asks
        done = {id: task.result() for id, task in running.items()}
        for one in requests:
            self._known.setdefault(self._key(one), "answered")
        for place, one in enumerate(changes):
            done[one.id] = await self._change(one, said) if not place else _later(one)
        return Results(tuple(done[one.id] for one in requests))

    async def change(self, requests: Sequence[ToolRequest], said: str) -> None:
        """Ask for the first change among the requests, where there is one; see `to`."""
        for one in filter(self._is_change, requests):
            await self._change(one, said)
            return

    async def _result(self, request: ToolRequest, call: str, place: int) -> ToolResult:
        if place >= MOST_REQUESTS:
            return _failed(request, f"not run: at most {MOST_REQUESTS} calls in one answer")
        if request.malformed:
            return _failed(
                request, f"the arguments are no JSON object: {request.malformed[:MALFORMED_SHOWN]!r}"
            )
        if request.name == conclusion.CONCLUDE.name:
            return _failed(request, conclusion.wrong_with(request.arguments))
        arguments = self._boundary.arguments(request.arguments)
        if request.name == SHOW_EVIDENCE:
            return self._show(request, arguments)
        async with self._places:
            return await self._read(request, *self._offers.meant(request, arguments), call)

    async def _read(
        self, request: ToolRequest, tool: str, arguments: Mapping[str, Any], call: str
    ) -> ToolResult:
        key = self._key(request)
        if key in self._known:
            return ToolResult(request.id, request.name, f"asked before in this turn: {self._known[key]}")
        self._known[key] = "it is running"
        try:
            evidence = await self._work.read(ToolCall(tool, arguments, self._work.question.target), call)
        except InputRequired as asks:
            self._asks = self._asks or asks
            return _failed(request, asks.text)
        except Exception as error:
            reason = str(error) if isinstance(error, Refused) else one_line(error)
            self._known[key] = "it failed"
            self._boundary.learn((), names_in(reason))
            return _failed(request, reason)
        self._known[key] = f"evidence {evidence.id}"
        self._evidence[evidence.id] = evidence
        self.read.append(evidence)
        await asyncio.to_thread(self._boundary.learn, [evidence])
        return ToolResult(request.id, request.name, shown(evidence, self._boundary))

    def _show(self, request: ToolRequest, arguments: Mapping[str, Any]) -> ToolResult:
        evidence = self._evidence.get(str(arguments.get("id")))
        first = arguments.get("first_row")
        if evidence is None:
            return _failed(request, f"there is no evidence {arguments.get('id')!r} in this task")
        if not isinstance(first, int) or isinstance(first, bool) or first < 1:
            return _failed(request, "first_row must be a whole number from 1 on")
        return ToolResult(
            request.id, request.name, shown(evidence, self._boundary, first_row=first, tail=False)
        )

    def _is_change(self, request: ToolRequest) -> bool:
        return not request.malformed and self._offers.changes(self._offers.meant(request, {})[0])

    async def _change(self, request: ToolRequest, said: str) -> ToolResult:
        """Ask a human, exactly as for a remedy: Parked goes through. Else the result tells what became of it."""
        if self._decided:
            told, self._decided = self._decided, ""
            return self._outcome(request, told)
        tool, arguments = self._offers.meant(request, self._boundary.arguments(request.arguments))
        why = {
            "finding": "",
            "title": f"the model asks: {self._boundary.back(said).strip()[:300] or 'it gives no reason'}",
            "evidence": [id for id in conclusion.EVIDENCE_ID.findall(said) if id in self._evidence],
            "causes": [],
            "by": "model",
        }
        try:
            await self._work.change(ToolCall(tool, arguments, self._work.question.target), why)
        except Refused as refusal:
            self._known[self._key(request)] = f"refused: {refusal}"
            return _failed(request, str(refusal))
        except Settled as settled:
            await self._work.message(settled.answer.text)
            return self._outcome(request, settled.answer.text)
        raise AssertionError("a change is parked, settled or refused")

    def _outcome(self, request: ToolRequest, told: str) -> ToolResult:
        self._known[self._key(request)] = "it was decided"
        return ToolResult(request.id, request.name, framed("outcome", [self._boundary.cell(told)]))

    def _key(self, request: ToolRequest) -> str:
        return canonical_json([request.name, dict(request.arguments), request.malformed])


def _failed(request: ToolRequest, reason: str) -> ToolResult:
    """One line from which the call can be mended. It may quote data, so it is framed like data."""
    return ToolResult(request.id, request.name, framed("error", [reason]), failed=True)


def _later(request: ToolRequest) -> ToolResult:
    return _failed(request, "not asked for: one change at a time; ask again after this one")
