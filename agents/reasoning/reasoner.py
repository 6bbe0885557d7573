"""The model's part of an expert's answer: opened where one is set up, begun with the rules' report, gone on with."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from agents.kernel.event import Event
from agents.kernel.expert import CONTINUE, Work
from agents.kernel.records import Evidence, Finding, Report
from agents.models import configuration
from agents.models.configuration import ModelSettings
from agents.models.gateway import ModelFailed, Models, open_models
from agents.models.spending import Spending, Sum
from agents.models.throttle import Limits
from agents.models.turn import Asked, ModelRequest, Results, Said, ToolResult, Turn
from agents.reasoning import briefing, concluding
from agents.reasoning.answering import Answers
from agents.reasoning.boundary import Boundary
from agents.reasoning.calling import Calling, spent_json
from agents.reasoning.conversation import Sending, rebuilt
from agents.reasoning.loop import Loop, Stopped
from agents.reasoning.names import names_in
from agents.reasoning.offers import Offers

TAKE_OVER, HAND_OVER = "take over", "hand over"
MOST_TOLD = 12
"""Pieces of evidence that a summary names, the last ones."""


@dataclass(frozen=True, slots=True)
class Field:
    """What an expert's model works on."""

    expert: str
    about: str
    """A few words: `PostgreSQL`."""
    known: Collection[str]
    """Words that tell nothing of any server: names of tools, settings, catalogs."""


class Reasoner:
    """Opens the models of one expert and carries its conversations; keeps nothing of them between calls."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._settings: ModelSettings | None = None
        self._models: Models | None = None

    async def ready(self) -> bool:
        """Whether a model is set up now. Raises UserError where models.toml makes no sense."""
        settings = await asyncio.to_thread(configuration.load)
        if settings != self._settings:
            await self.close()
            self._models = await asyncio.to_thread(open_models, self._field.expert, settings)
            self._settings = settings
        return self._models is not None

    async def close(self) -> None:
        """Let go of connections."""
        models, self._models, self._settings = self._models, None, None
        if models is not None:
            await models.close()

    async def begin(self, work: Work, report: Report) -> None:
        """Put the question to the model, with what the rules found. Raises as `Loop.run`, and InputRequired."""
        turn = await self._turn(work, report.evidence, report.findings, Sending())
        earlier = briefing.earlier_in(turn.events, work.question.task)
        names = [str(report.target.get(key) or "") for key in ("name", "host", "database", "user")]
        for text in (work.question.text, *(one.reason for one in report.not_checked)):
            names += names_in(text)
        await asyncio.to_thread(turn.boundary.learn, report.evidence, names)
        question = turn.boundary.cell(work.question.text)
        first = briefing.opening(question, report, earlier, turn.boundary)
        await turn.run([Asked(first)])

    async def go_on(self, work: Work) -> None:
        """Go on after the operator's reply, with the conversation as the log holds it."""
        reply, kept = work.question.reply.strip(), await _kept(work)
        found = rebuilt(kept.events)
        if reply.lower().rstrip(".!") in (TAKE_OVER, HAND_OVER) or found is None:
            await work.message(_left(reply, kept.events, kept.evidence))
            return
        turns, sending = found
        turn = await self._turn(work, kept.evidence, kept.findings, sending)
        await asyncio.to_thread(turn.boundary.learn, kept.evidence, [work.question.target, *names_in(reply)])
        if reply.lower().rstrip(".!") != CONTINUE:
            turns = [*turns, *_unanswered(turns), Asked(f"The operator says: {turn.boundary.cell(reply)}")]
        await turn.run(turns)

    async def decided(self, work: Work, outcome: str) -> None:
        """Go on after a decision on the change that the model asked for, unless it has concluded already."""
        kept = await _kept(work)
        found = rebuilt(kept.events)
        if found is None or any(event.kind == "model.concluded" for event in kept.events):
            return
        turns, sending = found
        turn = await self._turn(work, kept.evidence, kept.findings, sending)
        await asyncio.to_thread(
            turn.boundary.learn, kept.evidence, [work.question.target, *names_in(outcome)]
        )
        read = _read_to_verify(kept.events)
        await turn.run(turns, f"{outcome}\nread to verify: {' '.join(read)}" if read else outcome)

    async def _turn(
        self, work: Work, evidence: Collection[Evidence], findings: Collection[Finding], sending: Sending
    ) -> _Turn:
        assert self._models is not None and self._settings is not None, "asked whether it is ready first"
        events = [
            item.event for item in await asyncio.to_thread(work.recorder.log.events, work.question.session)
        ]
        spending = await asyncio.to_thread(_spent, work, events)
        boundary = Boundary(self._settings.privacy, work.question.session)
        tools = await work.executor.tools()
        offers = Offers({name: tool for name, tool in tools.items() if work.executor.for_models(tool)})
        return _Turn(
            work, self._field, offers, boundary, {item.id: item for item in evidence}, list(findings),
            events, Calling(work, self._models, boundary, sending, spending), self._settings.limits,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the log holds of one task."""

    events: list[Event]
    evidence: list[Evidence]
    findings: list[Finding]


async def _kept(work: Work) -> _Kept:
    recorded = await asyncio.to_thread(work.recorder.log.events, work.question.session)
    own = [item.event for item in recorded if item.event.task == work.question.task]
    return _Kept(
        own,
        [Evidence.from_json(one.body["evidence"]) for one in own if one.kind == "evidence"],
        [Finding.from_json(one.body["finding"]) for one in own if one.kind == "finding"],
    )


def _read_to_verify(events: list[Event]) -> list[str]:
    """Ids of what was read after the last action; none where nothing was done."""
    done = [event.body for event in events if event.kind in ("action.finished", "approval.decided")]
    return list(done[-1].get("evidence", ())) if done else []


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn of one conversation, with all that it needs."""

    work: Work
    field: Field
    offers: Offers
    boundary: Boundary
    evidence: dict[str, Evidence]
    findings: list[Finding]
    events: list[Event]
    """Of the session, as they were before the turn."""
    calling: Calling
    limits: Limits

    async def run(self, turns: list[Turn], decided: str = "") -> None:
        """`decided`: what became of the change that the last of the turns asked for."""
        answers = Answers(self.work, self.offers, self.boundary, self.evidence, decided)
        rounds = self.limits.rounds
        system = briefing.system(self.field.about, rounds)
        base = ModelRequest(system, tuple(turns), self.offers.offers, self.limits.output_tokens)
        loop = Loop(self.calling, answers, base, rounds)
        try:
            ended = await loop.run()
        except Stopped as stopped:
            self._ask_back(str(stopped), loop.said, answers.read)
        except ModelFailed as failed:
            if not loop.begun:
                raise
            self._ask_back(str(failed), loop.said, answers.read)
        conclusion = concluding.own_words(ended.conclusion, self.boundary)
        marks = await asyncio.to_thread(
            concluding.marks_of, conclusion, self.evidence, self.findings, self.events, self.field.known
        )
        rules = concluding.beside_rules(conclusion, self.findings)
        self.work.recorder.emit(
            "model.concluded",
            {
                "call": ended.call,
                "by": self.calling.by,
                "question": self.boundary.cell(self.work.question.text),
                **concluding.body(conclusion, marks, rules, ended.fault),
                "spent": spent_json(self.calling.spending),
            },
        )
        await answers.change(ended.said.requests, ended.said.text or ended.conclusion.next_step)

    def _ask_back(self, why: str, said: str, read: Sequence[Evidence]) -> NoReturn:
        """Stop with a summary, and leave it to the operator."""
        lines = [f"{why[:1].upper()}{why[1:].rstrip('.')}."]
        if read:
            lines.append(f"It read {', '.join(f'{item.tool} [{item.id}]' for item in read[-MOST_TOLD:])}.")
        if last := self.boundary.back(said).strip():
            lines.append(f"It said last: {last}")
        self.work.ask("\n\n".join([*lines, "What now?"]), (CONTINUE, TAKE_OVER, HAND_OVER))


def _unanswered(turns: list[Turn]) -> list[Turn]:
    """Results for calls that nobody ran: vendors want one for each before anything else is said."""
    last = turns[-1] if turns else None
    if not isinstance(last, Said) or not last.requests:
        return []
    told = "not run: the operator answered instead"
    return [Results(tuple(ToolResult(one.id, one.name, told, failed=True) for one in last.requests))]


def _left(reply: str, events: list[Event], evidence: list[Evidence]) -> str:
    """The last word of a task that the operator takes over, or hands over to someone else."""
    read = ", ".join(f"{item.tool} [{item.id}]" for item in evidence[-MOST_TOLD:])
    if reply.lower().rstrip(".!") != HAND_OVER:
        return f"It is yours. The model does nothing more here. Read last: {read or 'nothing'}."
    said = [
        event.body["said"]["text"]
        for event in events
        if event.kind == "model.returned" and event.body["said"]
    ]
    findings = [event.body["finding"] for event in events if event.kind == "finding"]
    lines = ["**Hand-over**", "", "What the rules found:"]
    lines += [f"- {one['severity']}: {one['title']} {' '.join(one['evidence'])}" for one in findings] or [
        "- nothing"
    ]
    lines += ["", "What the model said last:", "", next(filter(None, reversed(said)), "nothing")]
    lines += ["", f"Read last: {read or 'nothing'}.", "", "Nothing was changed by the model."]
    return "\n".join(lines)


def _spent(work: Work, events: list[Event]) -> Spending:
    """What the session and the day have cost so far, by the log. A day begins at midnight UTC."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    today = work.recorder.log.recent("model.returned", midnight)
    spending = Spending()
    for event in events:
        _add(spending.session, event)
    for item in today:
        _add(spending.day, item.event)
    return spending


def _add(sum_: Sum, event: Event) -> None:
    usage = event.body.get("usage")
    if event.kind == "model.returned" and usage:
        sum_.add(sum(usage.values()), event.body["cost_usd"])
