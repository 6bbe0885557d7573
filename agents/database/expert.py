"""The database expert: it answers with a sweep of the target, or runs one of its tools."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from agents.database.baseline import baseline_tool
from agents.database.catalogue import all_conditions
from agents.database.conclusion import conclude
from agents.database.free_sql import free_tool
from agents.database.lock_reads import lock_tools
from agents.database.logs.tools import log_tools
from agents.database.measuring import measuring_tools
from agents.database.probing import probe_tool
from agents.database.reading import Reader
from agents.database.sampling import sampled_tool
from agents.database.scope import read_scope
from agents.database.statement import Statement, all_statements
from agents.database.sweep import Sweep
from agents.database.tools import change_tools
from agents.kernel.expert import Question, Skill, Work
from agents.kernel.records import Evidence, Report
from agents.kernel.tool import Tool, ToolCall
from inventory.errors import UserError

if TYPE_CHECKING:
    from agents.reasoning.reasoner import Reasoner

KINDS = ("triage", "ask", "remedy", "tool")


class DatabaseExpert:
    """PostgreSQL by rules; where a model is set up, it answers questions in words beside them."""

    name = "database"
    description = (
        "Diagnoses PostgreSQL 14 to 18 by rules: locks, sessions, WAL, VACUUM, settings, indexes, access."
    )
    skills = (
        Skill(
            id="triage",
            name="Triage a database",
            description="Reads the server's own views once and names what is wrong, the root cause and the remedies.",
            examples=("what is wrong with orders-prod?", "why is everything waiting?"),
            tags=("postgresql", "diagnosis"),
        ),
        Skill(
            id="remedy",
            name="Carry out a remedy",
            description="Previews a change with its victims and effect, asks for approval, acts and verifies.",
            examples=("terminate session 4711",),
            tags=("postgresql", "change"),
        ),
    )

    def __init__(self) -> None:
        self._reader = Reader()
        reads = {name: _read_tool(statement, self._reader) for name, statement in all_statements().items()}
        probe, free = probe_tool(self._reader), free_tool()
        baseline = baseline_tool(self._reader)
        self.tools: Mapping[str, Tool] = {
            **reads,
            probe.name: probe,
            baseline.name: baseline,
            free.name: free,
            **log_tools(self._reader),
            **measuring_tools(self._reader),
            **lock_tools(self._reader),
            **change_tools(self._reader),
        }

        self._reasoner: Reasoner | None = None

    async def answer(self, question: Question, work: Work) -> None:
        """Answer a question, or go on with one. Raises UserError where the request is wrong."""
        if not question.target:
            raise UserError("no database is selected: name a target")
        kind = question.request.get("kind", "ask" if question.text.strip() else "triage")
        if kind == "ask":
            await self._ask(question, work)
        elif kind == "triage":
            await self._triage(question, work)
        elif kind == "remedy":
            await self._remedy(question, work)
        elif kind == "tool":
            await self._tool(question, work)
        else:
            raise UserError(f"unknown request kind {kind!r}, expected one of {', '.join(KINDS)}")

    async def go_on(self, question: Question, outcome: str, work: Work) -> None:
        """Tell the model, where one asked for the change, what became of it."""
        if await _asked_by_model(work) and (reasoner := await self._model(question, work)) is not None:
            await reasoner.decided(work, outcome)

    async def close(self) -> None:
        """Close the connections."""
        await self._reader.close()
        if self._reasoner is not None:
            await self._reasoner.close()

    async def _ask(self, question: Question, work: Work) -> None:
        """The rules first, always; then the model, where one is set up and wanted."""
        reasoner = await self._model(question, work)
        if question.reply and reasoner is not None:
            await reasoner.go_on(work)
            return
        report = await self._triage(question, work)
        if reasoner is not None:
            await reasoner.begin(work, report)

    async def _model(self, question: Question, work: Work) -> Reasoner | None:
        """The way to the model; None where it is not wanted, or none can be asked, which a session is told once."""
        if question.request.get("model") is False:
            return None
        from agents.reasoning.telling import NO_MODEL, set_up, tell_once

        why = NO_MODEL
        try:
            # Importing the rest takes longer than rules should wait that answer alone.
            if await set_up(self.name):
                if self._reasoner is None:
                    self._reasoner = await asyncio.to_thread(_reasoner, self)
                if await self._reasoner.ready():
                    return self._reasoner
        except UserError as error:
            why = f"no model is asked, rules alone answer: {error}"
        await tell_once(work, why)
        return None

    async def _triage(self, question: Question, work: Work) -> Report:
        scope = read_scope(question.request, all_conditions())
        report = await Sweep(work, question.target, scope, self._reader).run()
        await work.conclude(conclude(report), report)
        return report

    async def _remedy(self, question: Question, work: Work) -> None:
        finding = str(question.request.get("finding", ""))
        call = self._call(question, finding)
        await work.change(call, await _why(question, finding, work))

    async def _tool(self, question: Question, work: Work) -> None:
        call = self._call(question)
        if self.tools[call.tool].run is None:
            await work.change(call, {"title": question.text or f"asked for by hand: {call.tool}"})
            return
        evidence = await work.read_or_ask(call, question.text or f"asked for by hand: {call.tool}")
        await work.message(_told(evidence))

    def _call(self, question: Question, finding: str = "") -> ToolCall:
        name, arguments = question.request.get("tool"), question.request.get("arguments", {})
        if not isinstance(name, str) or name not in self.tools:
            near = difflib.get_close_matches(str(name), self.tools, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(self.tools))}"
            raise UserError(f"the database expert has no tool {name!r}; {hint}")
        if not isinstance(arguments, Mapping):
            raise UserError(f"{name}: arguments must be an object, got {arguments!r}")
        return ToolCall(name, dict(arguments), question.target, finding)


async def _asked_by_model(work: Work) -> bool:
    """Whether a model has spoken in this task."""
    called = await asyncio.to_thread(work.recorder.log.events, work.question.session, kinds=("model.called",))
    return any(item.event.task == work.question.task for item in called)


def _reasoner(expert: DatabaseExpert) -> Reasoner:
    from agents.database.known import known_words
    from agents.reasoning.reasoner import Field, Reasoner

    return Reasoner(Field(expert.name, "PostgreSQL", known_words(expert.tools)))


async def _why(question: Question, finding: str, work: Work) -> dict[str, Any]:
    """What the approval says of the finding behind it: as it was last recorded in this session."""
    log = work.recorder.log
    recorded = await asyncio.to_thread(log.events, question.session, kinds=("finding",))
    bodies = [item.event.body["finding"] for item in recorded]
    known = [body for body in bodies if body["id"] == finding]
    if not known:
        return {"finding": finding, "title": question.text}
    last = known[-1]
    return {
        "finding": finding,
        "title": last["title"],
        "condition": last["condition"],
        "evidence": list(last["evidence"]),
        "causes": _titles(last["caused_by"], bodies),
        "ruled_out": [item["why"] for item in last.get("ruled_out", ())],
    }


def _titles(ids: Iterable[str], bodies: Iterable[Mapping[str, Any]]) -> list[str]:
    titles = {body["id"]: body["title"] for body in bodies}
    return [str(titles.get(finding, finding)) for finding in ids]


def _read_tool(statement: Statement, reader: Reader) -> Tool:
    if statement.samples > 1:
        return sampled_tool(statement, reader)

    async def run(arguments: Mapping[str, Any], target: str) -> Evidence:
        return await reader.read(statement, arguments, target)

    return Tool(statement.name, "read", statement.summary, statement.schema(), run=run)


def _told(evidence: Evidence) -> str:
    cut = ", cut at the tool's limit" if evidence.truncated else ""
    rows = f"{len(evidence.rows)} row{'' if len(evidence.rows) == 1 else 's'}{cut}"
    return f"`{evidence.tool}`: {rows} in {evidence.duration_ms:.0f} ms [{evidence.id}]"
