"""What an expert is, what it is asked, and what it may do for one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, runtime_checkable

from agents.kernel.executor import Executor
from agents.kernel.recorder import Recorder
from agents.kernel.records import Evidence, Finding, Report
from agents.kernel.tool import InputRequired, Outcome, Tool, ToolCall

CONTINUE = "continue"
"""The reply that adds nothing and lets a task go on."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the operator asks of an expert."""

    text: str
    request: Mapping[str, Any]
    """`{"kind": "ask", "thresholds": {…}, "model": true}`, `{"kind": "triage", "thresholds": {…}}`, `{"kind": "remedy", "finding", "tool", "arguments"}`,
    `{"kind": "tool", "tool", "arguments"}`; empty for free text."""
    target: str
    """Inventory name of the target, or empty."""
    session: str
    task: str
    reply: str = ""
    """The operator's words to the plain question that this very task asked; empty where it asked none yet."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One thing an expert is good at, as its card tells it."""

    id: str
    name: str
    description: str
    examples: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass
class Work:
    """One task in the hands of an expert: everything it may do, and all of it is recorded."""

    question: Question
    executor: Executor
    recorder: Recorder
    cancelled: bool = field(default=False)
    """True once the operator cancelled; the running coroutine is cancelled too."""

    async def read(self, call: ToolCall, parent: str = "") -> Evidence:
        """Run a read tool. `parent` is the id of the call that this one belongs to, where there is one.

        Raises Refused where the executor will not run it; what the tool itself raises comes through.
        """
        return await self.executor.read(call, self.recorder, parent)

    async def read_or_ask(self, call: ToolCall, why: str) -> Evidence:
        """Run a read tool for an operator who asked for just that.

        Where a rule wants it approved, the task is parked as by `change`, and ends with what was read.
        """
        return await self.executor.read_or_ask(call, {"title": why}, self.recorder)

    async def change(self, call: ToolCall, why: Mapping[str, Any] | str = "") -> Outcome:
        """Ask for a change: the task is parked (Parked is raised; let it pass) until someone decides.

        Where a rule of the policy or a grant decides, it is carried out at once (Settled is raised; let it pass).
        `why` goes on the approval: `{finding, title, evidence, causes}` or a sentence. After the decision the
        executor acts, verifies and ends the task by itself. Raises Refused where it is never allowed.
        """
        reason = {"title": why} if isinstance(why, str) else dict(why)
        return await self.executor.ask(call, reason, self.recorder)

    def ask(self, text: str, choices: Sequence[str] = ()) -> NoReturn:
        """Ask the operator a plain question: the task is parked (InputRequired is raised; let it pass).

        `choices` are answers to offer; any words may come back. The reply comes to `Expert.answer` as the
        same question with `reply`, in a call of its own, perhaps in another process.
        """
        raise InputRequired(text, choices)

    async def found(self, finding: Finding) -> None:
        """Record a finding."""
        self.recorder.emit("finding", {"finding": finding.to_json()})

    def say(self, text: str) -> None:
        """Stream text to whoever watches; it is not kept unless a message with it follows."""
        self.recorder.say(text)

    async def message(self, text: str) -> None:
        """Record a message to the operator (Markdown)."""
        self.recorder.emit("message", {"role": "agent", "text": text})

    async def conclude(self, text: str, report: Report) -> None:
        """Record the conclusion (Markdown) and the report; its evidence and findings are recorded already."""
        self.recorder.emit("conclusion", {"text": text, "report": conclusion_report(report)})


def conclusion_report(report: Report) -> dict[str, Any]:
    """The report as the conclusion event holds it: ids in place of findings and evidence."""
    return {
        **report.to_json(),
        "findings": [finding.id for finding in report.findings],
        "evidence": [evidence.id for evidence in report.evidence],
    }


class Expert(Protocol):
    """Knows one field. It reads and changes through its Work alone, and never knows who shows it."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def skills(self) -> Sequence[Skill]: ...

    @property
    def tools(self) -> Mapping[str, Tool]: ...

    async def answer(self, question: Question, work: Work) -> None:
        """Answer one question, or go on with it after a reply; returning completes the task, raising fails it."""
        ...

    async def close(self) -> None:
        """Let go of connections; no task is running any more."""
        ...


@runtime_checkable
class GoesOn(Protocol):
    """An expert that has more to say once a change that it asked for was decided."""

    async def go_on(self, question: Question, outcome: str, work: Work) -> None:
        """Go on with the question. `outcome` says what was decided and done; returning completes the task."""
        ...
